from collections.abc import Callable
from typing import Any

import httpx


def test_doctors_are_found_by_specialty_in_order_of_name(api: httpx.Client, patient: Any) -> None:
    answer = api.get("/v1/doctors", params={"specialty": "cardiology", "limit": 200}, headers=patient.headers())
    doctors = answer.json()["doctors"]
    assert doctors
    assert {doctor["specialty"] for doctor in doctors} == {"cardiology"}
    assert [doctor["name"] for doctor in doctors] == sorted(doctor["name"] for doctor in doctors)
    assert all(doctor["price_cents"] > 0 and "/" in doctor["crm"] for doctor in doctors)


def test_pages_join_without_gaps_or_doubles(api: httpx.Client, patient: Any) -> None:
    def page(limit: int, after: str = "") -> Any:
        return api.get("/v1/doctors", params={"limit": limit, "after": after}, headers=patient.headers()).json()

    whole, pages = page(200), [page(50)]
    while pages[-1]["next"]:
        pages.append(page(50, pages[-1]["next"]))
    assert [doctor["id"] for page in pages for doctor in page["doctors"]] == [d["id"] for d in whole["doctors"]]
    assert len(pages) > 1
    assert whole["next"] is None


def test_nobody_of_an_unknown_specialty(api: httpx.Client, patient: Any) -> None:
    answer = api.get("/v1/doctors", params={"specialty": "alchemy"}, headers=patient.headers())
    assert answer.json() == {"doctors": [], "next": None}


def test_a_bad_page_is_named(api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]) -> None:
    for params in ({"after": "nonsense"}, {"after": "W10="}, {"limit": "0"}, {"limit": "201"}, {"limit": "many"}):
        answer = api.get("/v1/doctors", params=params, headers=patient.headers())
        assert (answer.status_code, reason(answer)) == (422, "invalid-request"), params
