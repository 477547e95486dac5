"""Publishing by a weekly pattern."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from target_app.agenda import publishing
from target_app.agenda.schemas import WeeklyPattern
from target_app.problems import Problem

NEXT_WEEK = datetime.now(UTC).date() + timedelta(days=7)
URL = "/v1/slots/weekly"


def pattern(first: date = NEXT_WEEK, days: int = 14, **hours: Any) -> dict[str, Any]:
    """Two mornings a week of four slots each, unless said otherwise."""
    each = {"from": "08:00", "until": "10:00", "minutes": 30} | hours
    return {
        "first_day": first.isoformat(),
        "last_day": (first + timedelta(days=days - 1)).isoformat(),
        "weekdays": [{"weekday": 2, **each}, {"weekday": 4, **each}],
    }


def daily(**hours: Any) -> dict[str, Any]:
    return pattern(days=2) | {"weekdays": [pattern(**hours)["weekdays"][0] | {"weekday": day} for day in range(1, 8)]}


def test_a_doctor_publishes_weeks_at_once(api: httpx.Client, doctor: Any) -> None:
    answer = api.post(URL, json=pattern(), headers=doctor.headers(str(uuid4())))
    assert answer.status_code == 201
    assert answer.json()["created"] == len(answer.json()["slots"]) == 16
    starts = [
        datetime.fromisoformat(slot["starts_at"]).astimezone(ZoneInfo("America/Sao_Paulo"))
        for slot in answer.json()["slots"]
    ]
    assert {start.isoweekday() for start in starts} == {2, 4}
    assert {f"{start:%H:%M}" for start in starts} == {"08:00", "08:30", "09:00", "09:30"}
    agenda = api.get(f"/v1/doctors/{doctor.id}/agenda", headers=doctor.headers()).json()
    assert agenda["slots"] == answer.json()["slots"]


def test_the_hours_are_those_of_the_time_zone(api: httpx.Client, doctor: Any) -> None:
    tokyo = daily(minutes=120) | {"timezone": "Asia/Tokyo"}
    first, *_ = api.post(URL, json=tokyo, headers=doctor.headers(str(uuid4()))).json()["slots"]
    assert first["starts_at"] == f"{NEXT_WEEK - timedelta(days=1)}T23:00:00Z"


def test_the_same_key_publishes_once(api: httpx.Client, doctor: Any, reason: Any) -> None:
    key = str(uuid4())
    first = api.post(URL, json=pattern(), headers=doctor.headers(key))
    again = api.post(URL, json=pattern(), headers=doctor.headers(key))
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = api.post(URL, json=pattern(days=7), headers=doctor.headers(key))
    assert (other.status_code, reason(other)) == (422, "idempotency-key-reused")


def test_all_slots_or_none(api: httpx.Client, doctor: Any, reason: Any) -> None:
    api.post(URL, json=pattern(NEXT_WEEK + timedelta(days=7), days=7), headers=doctor.headers(str(uuid4())))
    before = api.get(f"/v1/doctors/{doctor.id}/slots", headers=doctor.headers()).json()
    key = str(uuid4())
    answer = api.post(URL, json=pattern(), headers=doctor.headers(key))
    assert (answer.status_code, reason(answer)) == (409, "slot-overlap")
    assert api.get(f"/v1/doctors/{doctor.id}/slots", headers=doctor.headers()).json() == before
    free_weeks = pattern(NEXT_WEEK + timedelta(days=21))
    assert api.post(URL, json=free_weeks, headers=doctor.headers(key)).status_code == 201, "a refused key is unused"


def test_at_most_two_thousand_slots(api: httpx.Client, doctor: Any, reason: Any) -> None:
    year = pattern(days=366) | {"weekdays": daily(until="08:30", minutes=5)["weekdays"]}
    answer = api.post(URL, json=year, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (422, "too-many-slots")
    year["last_day"] = str(NEXT_WEEK + timedelta(days=332))
    assert api.post(URL, json=year, headers=doctor.headers(str(uuid4()))).json()["created"] == 6 * 333


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"timezone": "Mars/Olympus"}, "body/timezone"),
        ({"timezone": "America"}, "body/timezone"),
        ({"timezone": "../../etc/passwd"}, "body/timezone"),
        ({"last_day": str(NEXT_WEEK - timedelta(days=1))}, "body"),
        ({"last_day": str(NEXT_WEEK + timedelta(days=366))}, "body"),
        ({"first_day": "soon"}, "body/first_day"),
        ({"weekdays": []}, "body/weekdays"),
        ({"weekdays": [pattern()["weekdays"][0] | {"weekday": 8}]}, "body/weekdays/0/weekday"),
        ({"weekdays": [pattern()["weekdays"][0] | {"from": "8"}]}, "body/weekdays/0/from"),
        ({"weekdays": [pattern()["weekdays"][0] | {"until": "08:00"}]}, "body/weekdays/0"),
        ({"weekdays": [pattern()["weekdays"][0] | {"minutes": 0}]}, "body/weekdays/0/minutes"),
        ({"weekdays": [pattern()["weekdays"][0] | {"break_minutes": -1}]}, "body/weekdays/0/break_minutes"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_field(
    api: httpx.Client, doctor: Any, reason: Any, change: dict[str, Any], at: str
) -> None:
    answer = api.post(URL, json=pattern() | change, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert [error["at"] for error in answer.json()["errors"]] == [at]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (pattern(NEXT_WEEK - timedelta(days=10)), "slot-in-the-past"),
        (pattern(NEXT_WEEK + timedelta(days=5000)), "slot-too-far"),
        (pattern(until="08:20"), "nothing-to-publish"),
    ],
)
def test_a_pattern_needs_slots_in_the_foreseeable_future(
    api: httpx.Client, doctor: Any, reason: Any, body: dict[str, Any], why: str
) -> None:
    answer = api.post(URL, json=body, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (422, why)


def test_starts_of_today_that_are_past_are_left_out() -> None:
    today = WeeklyPattern.model_validate(daily() | {"first_day": "2027-03-01", "last_day": "2027-03-01"})
    at_nine = datetime(2027, 3, 1, 12, tzinfo=UTC)  # in São Paulo
    [only] = publishing.weekly(today, at_nine)
    assert only.starts_at == at_nine + timedelta(minutes=30)
    with pytest.raises(Problem) as refused:
        publishing.weekly(today, at_nine + timedelta(hours=1))
    assert refused.value.reason == "nothing-to-publish"


def test_a_patient_publishes_nothing(api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]) -> None:
    answer = api.post(URL, json=pattern(), headers=patient.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (403, "forbidden")
    missing = api.post(URL, json=pattern(), headers=patient.headers())
    assert missing.status_code in (400, 403)


@pytest.mark.parametrize("route", ["/v1/slots", "/v1/slots/weekly"])
@pytest.mark.parametrize("named", ["x", ""])
def test_a_doctor_who_is_no_id_is_refused_alike(api: httpx.Client, doctor: Any, route: str, named: str) -> None:
    body: dict[str, Any] = {"slots": [{"starts_at": "2027-03-01T12:00:00Z", "minutes": 30}]} | pattern()
    answer = api.post(route, params={"doctor_id": named}, json=body, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "query/doctor_id")
