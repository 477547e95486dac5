"""What the doctor and the reception see of an agenda, and whom the reception may act for."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

LATER = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
SLOTS = {"slots": [{"starts_at": LATER.isoformat(), "minutes": 30}]}
WEEK = {
    "first_day": str(LATER.date()),
    "last_day": str(LATER.date() + timedelta(days=6)),
    "weekdays": [{"weekday": 3, "from": "08:00", "until": "09:00", "minutes": 30}],
}


def test_a_list_comes_in_pages_in_order_of_time(api: httpx.Client, doctor: Any, publish: Any) -> None:
    slots = publish(count=7)
    url, seen, after = f"/v1/doctors/{doctor.id}/slots", [], None
    while True:
        query = {"limit": "3"} | ({"after": after} if after else {})
        page = api.get(url, params=query, headers=doctor.headers()).json()
        seen += [slot["id"] for slot in page["slots"]]
        if (after := page["next"]) is None:
            break
    assert seen == slots


def test_a_list_is_bounded_by_times(api: httpx.Client, doctor: Any, publish: Any) -> None:
    slots = publish(count=5)
    url = f"/v1/doctors/{doctor.id}/slots"
    every = api.get(url, headers=doctor.headers()).json()["slots"]
    bounds = {"from": every[1]["starts_at"], "until": every[4]["starts_at"]}
    assert [slot["id"] for slot in api.get(url, params=bounds, headers=doctor.headers()).json()["slots"]] == slots[1:4]


@pytest.mark.parametrize(
    "query", [{"from": "0001-01-01T00:00:00+14:00"}, {"until": "soon"}, {"after": "2027-01-01"}, {"limit": "0"}]
)
def test_bounds_that_are_none_are_refused(api: httpx.Client, doctor: Any, reason: Any, query: dict[str, str]) -> None:
    answer = api.get(f"/v1/doctors/{doctor.id}/slots", params=query, headers=doctor.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert answer.json()["errors"][0]["at"] == f"query/{next(iter(query))}"


def test_a_list_tells_what_holds_each_slot(
    desk: httpx.Client, doctor: Any, patient: Any, publish: Any, book: Any, receptionist: Any
) -> None:
    held, _ = publish(count=2)
    appointment = book(patient, held).json()["id"]
    for reader in (doctor, receptionist):
        listed = desk.get(f"/v1/doctors/{doctor.id}/slots", headers=reader.headers()).json()["slots"]
        assert [(slot["state"], slot["appointment_id"]) for slot in listed] == [
            ("requested", appointment),
            ("free", None),
        ]


def test_only_the_doctor_and_the_reception_see_it(
    desk: httpx.Client, doctor: Any, patient: Any, accounts: Any, stranger: Any, reason: Any
) -> None:
    url = f"/v1/doctors/{doctor.id}/slots"
    for somebody in (next(accounts.doctors), stranger):
        answer = desk.get(url, headers=somebody.headers())
        assert (answer.status_code, reason(answer)) == (404, "doctor-not-found")
    assert desk.get(url, headers=patient.headers()).status_code == 403
    assert desk.get(url, headers=doctor.headers()).json() == {"slots": [], "next": None}


def test_the_reception_publishes_moves_and_removes_for_the_clinics_doctors(
    desk: httpx.Client, doctor: Any, receptionist: Any
) -> None:
    whose = {"doctor_id": doctor.id}
    for url, body in (("/v1/slots", SLOTS), ("/v1/slots/weekly", WEEK)):
        published = desk.post(url, params=whose, json=body, headers=receptionist.headers(str(uuid4())))
        assert published.status_code == 201, published.text
        slot = f"/v1/slots/{published.json()['slots'][0]['id']}"
        moved = desk.patch(slot, json={"minutes": 20}, headers=receptionist.headers(str(uuid4())))
        assert moved.json()["minutes"] == 20
        assert desk.delete(slot, headers=receptionist.headers(str(uuid4()))).status_code == 204


def test_the_reception_names_the_doctor(desk: httpx.Client, receptionist: Any, reason: Any) -> None:
    for url, body in (("/v1/slots", SLOTS), ("/v1/slots/weekly", WEEK)):
        answer = desk.post(url, json=body, headers=receptionist.headers(str(uuid4())))
        assert (answer.status_code, reason(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["at"] == "query/doctor_id"


def test_nobody_publishes_for_a_doctor_of_another_clinic(
    desk: httpx.Client, doctor: Any, accounts: Any, stranger: Any, reason: Any
) -> None:
    for somebody in (next(accounts.doctors), stranger):
        for url, body in (("/v1/slots", SLOTS), ("/v1/slots/weekly", WEEK)):
            whose = {"doctor_id": doctor.id}
            answer = desk.post(url, params=whose, json=body, headers=somebody.headers(str(uuid4())))
            assert (answer.status_code, reason(answer)) == (404, "doctor-not-found")
    assert desk.get(f"/v1/doctors/{doctor.id}/slots", headers=doctor.headers()).json()["slots"] == []


def test_a_doctor_may_name_themselves(api: httpx.Client, doctor: Any) -> None:
    published = api.post("/v1/slots", params={"doctor_id": doctor.id}, json=SLOTS, headers=doctor.headers("one"))
    assert published.json()["created"] == 1
