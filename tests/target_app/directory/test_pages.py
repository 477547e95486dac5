"""Pages of a search: by keyset, so that they join whatever happens between them."""

from collections.abc import Callable
from typing import Any

import httpx


def test_pages_join_without_gaps_or_doubles(search: Callable[..., Any]) -> None:
    whole, pages = search(limit=200), [search(limit=50)]
    while pages[-1]["next"]:
        pages.append(search(limit=50, after=pages[-1]["next"]))
    ids = [doctor["id"] for page in pages for doctor in page["doctors"]]
    assert ids[:200] == [doctor["id"] for doctor in whole["doctors"]]
    assert len(ids) == len(set(ids))
    assert len(pages) > 1


def test_doctors_who_come_between_two_pages_move_nobody(
    search: Callable[..., Any], register: Callable[..., str], specialty: str
) -> None:
    for name in ("B", "D", "F", "H"):
        register(name)
    first = search(specialty=specialty, limit=2)
    register("A")
    register("C")
    register("E")
    second = search(specialty=specialty, limit=10, after=first["next"])
    assert [doctor["name"] for doctor in (*first["doctors"], *second["doctors"])] == ["B", "D", "E", "F", "H"]
    assert second["next"] is None


def test_doctors_of_the_same_name_are_not_lost_between_pages(
    search: Callable[..., Any], register: Callable[..., str], specialty: str
) -> None:
    namesakes = {register("Dra. Ana Souza") for _ in range(5)}
    found, after = [], ""
    while True:
        page = search(specialty=specialty, limit=2, after=after)
        found += [doctor["id"] for doctor in page["doctors"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(found) == 5
    assert set(found) == namesakes


def test_names_of_any_length_and_script_lead_to_the_next_page(
    search: Callable[..., Any], register: Callable[..., str], specialty: str
) -> None:
    long = "Ж" * 200
    register(long)
    register("Я")
    first = search(specialty=specialty, limit=1)
    assert first["doctors"][0]["name"] == long
    assert search(specialty=specialty, limit=1, after=first["next"])["doctors"][0]["name"] == "Я"


def test_a_page_of_another_search_is_refused(
    api: httpx.Client,
    patient: Any,
    search: Callable[..., Any],
    register: Callable[..., str],
    specialty: str,
    reason: Callable[[httpx.Response], str],
) -> None:
    register("A")
    register("B")
    after = search(specialty=specialty, limit=1)["next"]
    for params in ({"after": after}, {"after": after, "specialty": specialty, "state": "SP"}):
        answer = api.get("/v1/doctors", params=params, headers=patient.headers())
        assert (answer.status_code, reason(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["at"] == "query/after"
    assert len(search(after=after, specialty=specialty, limit=7)["doctors"]) == 1  # the size of a page may change
