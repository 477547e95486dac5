from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

Act = Callable[..., httpx.Response]


def ids(api: httpx.Client, who: Any, **wanted: Any) -> list[str]:
    answer = api.get("/v1/appointments", params=wanted, headers=who.headers())
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["appointments"]]


def test_an_appointment_is_shown_with_its_peoples_names(
    api: httpx.Client, booked: Any, sql: Any, patient: Any, doctor: Any, staff_of: Any
) -> None:
    appointment = booked(patient)
    (names,) = sql(
        "SELECT patients.name AS patient_name, doctors.name AS doctor_name FROM patients, doctors"
        " WHERE patients.id = $1 AND doctors.id = $2",
        UUID(patient.id),
        UUID(doctor.id),
    )
    for who in (patient, doctor, staff_of(doctor)):
        one = api.get(f"/v1/appointments/{appointment['id']}", headers=who.headers())
        assert one.json() == appointment | dict(names)
        (listed,) = api.get("/v1/appointments", headers=who.headers()).json()["appointments"]
        assert listed == one.json()


def test_lists_are_narrowed_by_state_time_and_doctor(
    api: httpx.Client, publish: Any, book: Act, act: Act, patient: Any, doctor: Any, accounts: Any
) -> None:
    early, late = (book(patient, slot).json() for slot in (publish()[0], publish(in_hours=72)[0]))
    other_doctor = next(accounts.doctors)
    other = book(patient, publish(in_hours=96, by=other_doctor)[0]).json()
    act(doctor, late["id"], "accept")

    assert ids(api, patient) == [other["id"], late["id"], early["id"]]
    assert ids(api, patient, state="accepted") == [late["id"]]
    assert ids(api, patient, doctor_id=doctor.id) == [late["id"], early["id"]]
    noon = (datetime.now(UTC) + timedelta(hours=60)).isoformat()
    for who in (patient, doctor):
        assert ids(api, who, until=noon) == [early["id"]]
    assert ids(api, doctor, **{"from": noon}) == [late["id"]]
    assert ids(api, doctor, state="requested") == [early["id"]]
    assert ids(api, doctor, doctor_id=other_doctor.id) == []
    assert ids(api, patient, **{"from": late["starts_at"], "until": late["starts_at"]}) == []


def test_what_cannot_be_asked_is_named(
    api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]
) -> None:
    for name, value in (
        ("state", "lost"),
        ("from", "0001-01-01T00:00:00+14:00"),
        ("until", "2027-03-01T12:00:00"),
        ("doctor_id", "me"),
        ("before", "x"),
        ("limit", "0"),
        ("limit", "201"),
    ):
        answer = api.get("/v1/appointments", params={name: value}, headers=patient.headers())
        assert (answer.status_code, reason(answer)) == (422, "invalid-request"), name
        assert answer.json()["errors"][0]["at"] == f"query/{name}"


def test_reception_lists_its_clinics_appointments_page_by_page(
    api: httpx.Client,
    publish: Any,
    book: Act,
    patient: Any,
    rival: Any,
    doctor: Any,
    accounts: Any,
    staff_of: Any,
    sql: Any,
) -> None:
    colleague, stranger = next(accounts.doctors), next(accounts.doctors)
    staff = staff_of(doctor)
    sql(
        "UPDATE doctors SET clinic_id = (SELECT clinic_id FROM staff WHERE id = $1) WHERE id = $2",
        UUID(staff.id),
        UUID(colleague.id),
    )
    made = []
    for who, by, in_hours in (
        (patient, doctor, 24),
        (rival, colleague, 24),
        (rival, doctor, 26),
        (patient, colleague, 26),
    ):
        made.append(book(who, publish(in_hours=in_hours, by=by)[0]).json()["id"])
    assert book(patient, publish(in_hours=28, by=stranger)[0]).status_code == 201

    newest_first, page = made[::-1], {"limit": 3}
    first = api.get("/v1/appointments", params=page, headers=staff.headers()).json()
    assert [one["id"] for one in first["appointments"]] == newest_first[:3]
    rest = api.get("/v1/appointments", params=page | {"before": first["next"]}, headers=staff.headers()).json()
    assert ([one["id"] for one in rest["appointments"]], rest["next"]) == (newest_first[3:], None)
    assert ids(api, staff, doctor_id=colleague.id) == [made[3], made[1]]
    assert ids(api, staff, doctor_id=stranger.id) == []
    assert ids(api, staff, state="accepted") == []


def test_the_history_tells_who_did_what_and_why(
    api: httpx.Client, booked: Any, act: Act, patient: Any, doctor: Any, staff_of: Any
) -> None:
    appointment = booked(patient)["id"]
    staff = staff_of(doctor)
    act(doctor, appointment, "accept")
    act(staff, appointment, "cancel", reason="The doctor is ill")
    for who in (patient, doctor, staff):
        answer = api.get(f"/v1/appointments/{appointment}/history", headers=who.headers())
        events = answer.json()["events"]
        assert [(each["state"], each["by"], each["reason"]) for each in events] == [
            ("requested", "patient", None),
            ("accepted", "doctor", None),
            ("cancelled", "staff", "The doctor is ill"),
        ]
        assert [each["at"] for each in events] == sorted(each["at"] for each in events)
