from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

import httpx
import pytest


@pytest.fixture
def far_hours() -> float:
    """Hours from now to a time in which no other test publishes slots."""
    return SystemRandom().randrange(5_000, 21_000) * 2.0


def hours_from_now(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_doctors_are_found_by_specialty_in_order_of_name(api: httpx.Client, patient: Any) -> None:
    answer = api.get("/v1/doctors", params={"specialty": "cardiology", "limit": 200}, headers=patient.headers())
    doctors = answer.json()["doctors"]
    assert doctors
    assert {doctor["specialty"] for doctor in doctors} == {"cardiology"}
    assert [doctor["name"] for doctor in doctors] == sorted(doctor["name"] for doctor in doctors)
    assert all(doctor["price_cents"] > 0 and "/" in doctor["crm"] for doctor in doctors)


def test_nobody_of_an_unknown_specialty(search: Callable[..., Any]) -> None:
    assert search(specialty="alchemy") == {"doctors": [], "next": None}


@pytest.mark.parametrize("typed", ["conceicao", "CONCEIÇÃO", "Conceic\u0327a\u0303o", "italo  da conce", " Ítalo "])
def test_a_part_of_a_name_is_found_whatever_its_accents_and_case(
    register: Callable[..., str], found: Callable[..., list[str]], typed: str
) -> None:
    register("Dr. Ítalo da Conceição")
    register("Dra. Júlia Araújo")
    assert found(name=typed) == ["Dr. Ítalo da Conceição"]


def test_words_count_in_the_order_in_which_they_are_typed(
    register: Callable[..., str], found: Callable[..., list[str]]
) -> None:
    register("Dra. Ana Souza")
    assert found(name="ana souza") == ["Dra. Ana Souza"]
    assert found(name="souza ana") == []


@pytest.mark.parametrize("typed", ["%", "_", "\\", "A%a"])
def test_nothing_in_a_name_is_a_pattern(
    register: Callable[..., str], found: Callable[..., list[str]], typed: str
) -> None:
    register("Dra. Ana Souza")
    assert found(name=typed) == []
    register(f"Dr. {typed} Lima")
    assert found(name=typed, limit=5) == [f"Dr. {typed} Lima"]


def test_the_state_is_that_of_the_crm(register: Callable[..., str], found: Callable[..., list[str]]) -> None:
    register("Dr. Rio", state="RJ")
    register("Dr. Sampa", state="SP")
    assert found(state="RJ") == ["Dr. Rio"]
    assert found() == ["Dr. Rio", "Dr. Sampa"]


def test_both_ends_of_a_price_range_belong_to_it(register: Callable[..., str], found: Callable[..., list[str]]) -> None:
    for price_cents in (9_999, 10_000, 20_000, 20_001):
        register(f"Dr. {price_cents:05}", price_cents=price_cents)
    assert found(price_min_cents=10_000, price_max_cents=20_000) == ["Dr. 10000", "Dr. 20000"]
    assert found(price_min_cents=20_001) == ["Dr. 20001"]
    assert found(price_max_cents=9_999) == ["Dr. 09999"]
    assert found(price_min_cents=20_000, price_max_cents=20_000) == ["Dr. 20000"]


def test_free_between_needs_a_free_slot_that_starts_between(
    search: Callable[..., Any], publish: Callable[..., list[str]], doctor: Any, far_hours: float
) -> None:
    def ids(from_hours: float, until_hours: float) -> list[str]:
        page = search(
            free_from=hours_from_now(far_hours + from_hours), free_until=hours_from_now(far_hours + until_hours)
        )
        return [found["id"] for found in page["doctors"]]

    publish(1, in_hours=far_hours)
    assert ids(-0.2, 0.2) == [doctor.id]
    assert ids(-0.2, -0.1) == []
    assert ids(0.1, 0.4) == []  # it lasts until then, but starts earlier


def test_a_slot_starts_between_from_its_start_on_and_before_the_end(
    search: Callable[..., Any],
    publish: Callable[..., list[str]],
    doctor: Any,
    far_hours: float,
    sql: Callable[..., Any],
) -> None:
    [slot] = publish(1, in_hours=far_hours)
    start = sql("SELECT lower(during) AS at FROM slots WHERE id = $1", slot)[0]["at"]
    second, brasilia = timedelta(seconds=1), "-03:00"
    local = (start - timedelta(hours=3)).replace(tzinfo=None).isoformat() + brasilia

    assert search(free_from=local, free_until=(start + second).isoformat())["doctors"][0]["id"] == doctor.id
    assert search(free_from=(start - second).isoformat(), free_until=local)["doctors"] == []


def test_a_slot_that_somebody_holds_is_not_free(
    search: Callable[..., Any],
    publish: Callable[..., list[str]],
    book: Callable[..., httpx.Response],
    doctor: Any,
    patient: Any,
    far_hours: float,
) -> None:
    def ids(minutes: float) -> list[str]:
        page = search(free_from=hours_from_now(far_hours - 0.5), free_until=hours_from_now(far_hours + minutes / 60))
        return [found["id"] for found in page["doctors"]]

    first, second = publish(2, in_hours=far_hours)
    assert book(patient, first).status_code == 201
    assert ids(10) == []
    assert ids(40) == [doctor.id]
    assert book(patient, second).status_code == 201
    assert ids(41) == []


def test_free_until_alone_means_from_now_on(
    search: Callable[..., Any], publish: Callable[..., list[str]], accounts: Any, sql: Callable[..., Any]
) -> None:
    soon, past = next(accounts.doctors), next(accounts.doctors)
    publish(1, in_hours=0.5, by=soon)
    [gone] = publish(1, in_hours=0.5, by=past)
    sql(
        "UPDATE slots SET during = tstzrange(now() - interval '2 hours', now() - interval '1 hour') WHERE id = $1", gone
    )

    def ids(**filters: Any) -> set[str]:
        return {found["id"] for found in search(limit=200, **filters)["doctors"]}

    for filters in ({"free_until": hours_from_now(1)}, {"free_from": hours_from_now(-3)}):
        assert soon.id in ids(**filters)
        assert past.id not in ids(**filters)


def test_filters_hold_together(register: Callable[..., str], found: Callable[..., list[str]]) -> None:
    register("Dra. Ana", state="RJ", price_cents=10_000)
    register("Dra. Anabela", state="SP", price_cents=10_000)
    register("Dra. Anair", state="RJ", price_cents=30_000)
    register("Dr. Bruno", state="RJ", price_cents=10_000)
    assert found(name="ANÁ", state="RJ", price_max_cents=20_000) == ["Dra. Ana"]


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        ("limit", "0", "greater than or equal to 1"),
        ("limit", "201", "less than or equal to 200"),
        ("limit", "many", "valid integer"),
        ("specialty", "", "at least 1 character"),
        ("specialty", "x" * 61, "at most 60 characters"),
        ("specialty", "a\0b", "printable"),
        ("name", "  ", "at least 1 character"),
        ("name", "a\0b", "printable"),
        ("state", "XX", "one of AC, AL"),
        ("state", "sp", "one of AC, AL"),
        ("price_min_cents", "-1", "greater than or equal to 0"),
        ("price_max_cents", str(2**31), "less than or equal to"),
        ("free_from", "tomorrow", "valid datetime"),
        ("free_from", "2027-03-01T12:00:00", "timezone"),
        ("free_until", "0001-01-01T00:00:00+14:00", "greater than or equal to 2000-01-01"),
        ("free_from", "9999-12-31T23:59:59-14:00", "less than 2100-01-01"),
        ("after", "nonsense", "'next' of the former page"),
        ("after", "W10", "'next' of the former page"),
        ("after", "WyIiLCIiLCIiXQ", "'next' of the former page"),
        ("after", "x" * 4001, "at most 4000 characters"),
    ],
)
def test_a_bad_parameter_is_named_with_its_rule(
    api: httpx.Client,
    patient: Any,
    reason: Callable[[httpx.Response], str],
    parameter: str,
    value: str,
    rule: str,
) -> None:
    answer = api.get("/v1/doctors", params={parameter: value}, headers=patient.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    [error] = answer.json()["errors"]
    assert error["at"] == f"query/{parameter}"
    assert rule in error["problem"]


@pytest.mark.parametrize(
    ("params", "at"),
    [
        ({"price_min_cents": 2, "price_max_cents": 1}, "query/price_max_cents"),
        ({"free_from": "2027-03-01T12:00:00Z", "free_until": "2027-03-01T12:00:00Z"}, "query/free_until"),
        ({"free_from": "2027-03-01T12:00:00-03:00", "free_until": "2027-03-01T14:00:00Z"}, "query/free_until"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_named(
    api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str], params: dict[str, Any], at: str
) -> None:
    answer = api.get("/v1/doctors", params=params, headers=patient.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert [error["at"] for error in answer.json()["errors"]] == [at]


def test_too_long_a_query_is_refused(api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]) -> None:
    answer = api.get("/v1/doctors", params={"x": "x" * 9_000}, headers=patient.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")


def test_every_parameter_is_documented(api: httpx.Client) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/v1/doctors"]["get"]
    parameters = {each["name"]: each for each in operation["parameters"]}
    assert list(parameters) == [
        *("specialty", "name", "state", "price_min_cents", "price_max_cents"),
        *("free_from", "free_until", "limit", "after"),
    ]
    assert all(each["in"] == "query" and not each["required"] for each in parameters.values())
    assert all("examples" in each["schema"] for each in parameters.values())
    assert parameters["free_from"]["schema"]["format"] == "date-time"
    assert parameters["limit"]["schema"] == {
        **{"type": "integer", "minimum": 1, "maximum": 200, "default": 20, "examples": [20]}
    }
    assert "SP" in parameters["state"]["schema"]["enum"]
