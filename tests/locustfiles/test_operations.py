"""Every operation against the real booking system, and what the ledger then says."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
import httpx
import pytest

from locustfiles.answers import Person
from locustfiles.client import BookingClient
from locustfiles.target import Target
from slotrush.swarm import TAKEN, Attempt, Session
from tests.locustfiles.notebook import Notebook

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=10)
PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
Sign = Callable[[Any], BookingClient]


def slots(count: int, first: int = 0) -> list[dict[str, str | int]]:
    """Slots one after the other, of half an hour."""
    return [
        {"starts_at": f"{MIDNIGHT + timedelta(minutes=30 * (first + number)):%Y-%m-%dT%H:%M:%SZ}", "minutes": 30}
        for number in range(count)
    ]


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


@pytest.fixture
def notes() -> Iterator[Notebook]:
    notes = Notebook()
    yield notes
    notes.close()


@pytest.fixture
def sign_in(stack: Any, notes: Notebook) -> Sign:
    """A client for somebody of the session bank; all of a test's share one ledger."""
    target = Target(stack.base_url, notes)
    return lambda account: BookingClient(target, Session(account.id, "", account.token))


@pytest.fixture
def doctor(accounts: Any) -> Any:
    return next(accounts.doctors)


@pytest.fixture
def patient(accounts: Any) -> Any:
    return next(accounts.patients)


@pytest.fixture
def receptionist(session_bank: Path, stack: Any, sign_in: Sign, doctor: Any) -> BookingClient:
    """Of the doctor's clinic."""
    assert stack
    me = sign_in(doctor).me()
    assert me is not None
    everyone = json.loads(session_bank.read_text())["staff"]
    entry = next(one for one in everyone if one["clinic_id"] == me.clinic)
    client = sign_in(type(doctor)(entry["id"], "", entry["token"]))
    staff = client.me()
    assert staff == Person(entry["id"], "staff", me.clinic)
    return client


def said(attempt: Attempt) -> dict[str, Any]:
    """What an entry says beyond whose it is and when it was sent."""
    names = ("action", "subject", "outcome", "reason", "appointment", "doctor", "price_cents", "created", "moves")
    times = ("starts_us", "ends_us")
    return {name: value for name in (*names, *times) if (value := getattr(attempt, name)) not in (None, "")}


def test_a_patient_books_moves_and_cancels(sign_in: Sign, notes: Notebook, patient: Any, doctor: Any) -> None:
    first, second, _ = sign_in(doctor).publish(slots(3)).promise.slots
    booking = sign_in(patient)
    found = booking.search(doctor.specialty)
    agenda = booking.agenda(doctor.id)
    assert found
    assert agenda is not None
    assert (agenda.total, len(agenda.free), first in agenda.free) == (3, 3, True)

    requested = booking.request_appointment(first)
    moved = booking.reschedule(str(requested.promise.appointment), second)
    listed = booking.my_appointments()
    cancelled = booking.cancel(str(moved.promise.appointment), "I am travelling")
    again = booking.cancel(str(moved.promise.appointment), "I am travelling")

    assert listed is not None
    old, new = requested.promise.appointment, moved.promise.appointment
    about = {"doctor": doctor.id, "price_cents": requested.promise.price_cents}
    assert {(one.id, one.slot, one.doctor, one.patient, one.state) for one in listed} == {
        (new, second, doctor.id, patient.id, "requested"),
        (old, first, doctor.id, patient.id, "cancelled"),
    }
    assert {one.starts_us for one in listed} == {us(MIDNIGHT), us(MIDNIGHT + timedelta(minutes=30))}
    assert [said(attempt) for attempt in notes.attempts[1:]] == [
        {"action": "request", "subject": first, "outcome": "acknowledged", "appointment": old, **about},
        {
            **{"action": "reschedule", "subject": second, "outcome": "acknowledged", "appointment": new, "moves": old},
            **about,
        },
        {"action": "cancel", "subject": new, "outcome": "acknowledged", "appointment": new, **about},
        {"action": "cancel", "subject": new, "outcome": "refused", "reason": "not-live"},
    ]
    assert {attempt.actor for attempt in notes.attempts[1:]} == {patient.id}
    assert (cancelled.outcome, again.status) == ("acknowledged", 409)
    assert notes.verdicts()[1:] == (0, 0)


def test_the_second_for_a_slot_is_told_how_many_are_left(
    sign_in: Sign, notes: Notebook, accounts: Any, doctor: Any
) -> None:
    (slot,) = sign_in(doctor).publish(slots(1)).promise.slots
    sign_in(next(accounts.patients)).request_appointment(slot)

    answer = sign_in(next(accounts.patients)).request_appointment(slot)

    assert (answer.outcome, answer.reason) == ("refused", TAKEN)
    assert answer.free in (0, None)
    assert notes.attempts[-1].moves is None
    assert notes.tally.taken == 1


def test_a_refused_move_says_what_should_have_given_way(
    sign_in: Sign, notes: Notebook, accounts: Any, doctor: Any
) -> None:
    first, second = sign_in(doctor).publish(slots(2)).promise.slots
    sign_in(next(accounts.patients)).request_appointment(second)
    booking = sign_in(next(accounts.patients))
    appointment = str(booking.request_appointment(first).promise.appointment)

    booking.reschedule(appointment, second)

    assert said(notes.attempts[-1]) == {
        **{"action": "reschedule", "subject": second, "outcome": "refused", "reason": TAKEN, "moves": appointment},
    }


def test_a_doctor_publishes_edits_and_removes_slots(sign_in: Sign, notes: Notebook, doctor: Any) -> None:
    desk = sign_in(doctor)
    later = MIDNIGHT + timedelta(hours=2)

    one, other = desk.publish(slots(2)).promise.slots
    week = {
        "first_day": f"{MIDNIGHT + timedelta(days=1):%Y-%m-%d}",
        "last_day": f"{MIDNIGHT + timedelta(days=7):%Y-%m-%d}",
        "timezone": "UTC",
        "weekdays": [{"weekday": 1, "from": "08:00", "until": "10:00", "minutes": 30}],
    }
    weekly = desk.publish_week(week)
    desk.publish(slots(1))
    desk.edit_slot(one, starts_at=f"{later:%Y-%m-%dT%H:%M:%SZ}", minutes=45)
    desk.edit_slot(other, minutes=60)
    removed = desk.remove_slot(other)
    gone = desk.remove_slot(other)

    assert [said(attempt) for attempt in notes.attempts] == [
        {"action": "publish", "subject": doctor.id, "outcome": "acknowledged", "created": 2},
        {"action": "publish", "subject": doctor.id, "outcome": "acknowledged", "created": 4},
        {"action": "publish", "subject": doctor.id, "outcome": "refused", "reason": "slot-overlap"},
        {
            **{"action": "edit_slot", "subject": one, "outcome": "acknowledged"},
            **{"starts_us": us(later), "ends_us": us(later + timedelta(minutes=45))},
        },
        {
            **{"action": "edit_slot", "subject": other, "outcome": "acknowledged"},
            **{"starts_us": us(MIDNIGHT + timedelta(minutes=30)), "ends_us": us(MIDNIGHT + timedelta(minutes=90))},
        },
        {"action": "remove_slot", "subject": other, "outcome": "acknowledged"},
        {"action": "remove_slot", "subject": other, "outcome": "refused", "reason": "slot-not-found"},
    ]
    assert (len(weekly.promise.slots), removed.status, gone.status) == (4, 204, 404)
    assert notes.verdicts() == (6, 0, 1), "only a publication must meet no conflict"


def test_a_doctor_goes_through_a_day(sign_in: Sign, notes: Notebook, accounts: Any, doctor: Any) -> None:
    desk, slot_ids = sign_in(doctor), sign_in(doctor).publish(slots(3)).promise.slots
    booked = [str(sign_in(next(accounts.patients)).request_appointment(slot).promise.appointment) for slot in slot_ids]
    del notes.attempts[:]

    waiting = desk.day(MIDNIGHT.date(), state="requested")
    another = desk.day(MIDNIGHT.date() + timedelta(days=1))
    desk.accept(booked[0])
    desk.decline(booked[1], "Please see a neurologist first")
    desk.cancel(booked[2], "I am ill")
    desk.complete(booked[0])
    desk.no_show(booked[0])

    assert waiting is not None
    assert {one.id for one in waiting} == set(booked)
    assert another == []
    done = [(attempt.action, attempt.subject, attempt.outcome, attempt.reason) for attempt in notes.attempts]
    assert done == [
        ("accept", booked[0], "acknowledged", ""),
        ("decline", booked[1], "acknowledged", ""),
        ("cancel", booked[2], "acknowledged", ""),
        ("complete", booked[0], "refused", "too-early"),
        ("no_show", booked[0], "refused", "too-early"),
    ]
    assert [attempt.appointment for attempt in notes.attempts[:3]] == booked
    assert {(attempt.actor, attempt.doctor) for attempt in notes.attempts[:3]} == {(doctor.id, doctor.id)}


def test_those_who_wait_get_what_others_give_back(sign_in: Sign, notes: Notebook, accounts: Any, doctor: Any) -> None:
    (slot,) = sign_in(doctor).publish(slots(1)).promise.slots
    holder, first, second, third = (sign_in(next(accounts.patients)) for _ in range(4))
    held = str(holder.request_appointment(slot).promise.appointment)
    joined = [one.join_waiting_list(doctor.id).outcome for one in (first, second, third)]
    left = third.leave_waiting_list(doctor.id)
    holder.cancel(held, "I am travelling")
    del notes.attempts[:]

    (refused,) = first.my_appointments(state="offered") or []
    first.refuse_offer(refused.id)
    (accepted,) = second.my_appointments(state="offered") or []
    second.accept_offer(accepted.id)

    assert (joined, left.outcome, left.status) == (["acknowledged"] * 3, "acknowledged", 204)
    assert [(one.action, one.subject, one.appointment, one.outcome) for one in notes.attempts] == [
        ("refuse_offer", refused.id, refused.id, "acknowledged"),
        ("accept_offer", accepted.id, accepted.id, "acknowledged"),
    ]
    assert {attempt.doctor for attempt in notes.attempts} == {doctor.id}


def test_reception_works_for_a_doctor_of_the_clinic(
    sign_in: Sign, receptionist: BookingClient, notes: Notebook, patient: Any, doctor: Any
) -> None:
    held, free = receptionist.publish(slots(2), doctor=doctor.id).promise.slots
    appointment = str(sign_in(patient).request_appointment(held).promise.appointment)

    shown = receptionist.clinic_day(doctor.id, MIDNIGHT.date())
    receptionist.cancel(appointment, "The doctor is ill")
    receptionist.remove_slot(free, doctor=doctor.id)
    tried: list[Any] = []
    with gevent.Timeout(20):
        while not (tried := [one for one in receptionist.notifications("sent") or [] if one.event]):
            gevent.sleep(0.05)

    assert shown is not None
    assert [(one.id, one.state, one.appointment) for one in shown] == [
        (held, "requested", appointment),
        (free, "free", None),
    ]
    published, _, cancelled, removed = notes.attempts
    assert (published.subject, published.created) == (doctor.id, 2)
    assert (cancelled.subject, cancelled.doctor) == (appointment, doctor.id)
    assert (removed.subject, removed.doctor, removed.outcome) == (free, doctor.id, "acknowledged")
    assert len({published.actor, cancelled.actor, removed.actor} | {patient.id, doctor.id}) == 3
    assert {one.state for one in tried} == {"sent"}


def test_a_patient_uploads_a_file_and_sees_it(sign_in: Sign, notes: Notebook, patient: Any) -> None:
    booking = sign_in(patient)

    answer = booking.upload_record("A report", "application/pdf", PDF, kind="report")
    refused = booking.upload_record("A text", "text/plain", b"text")
    records = booking.my_records()
    prescribed = booking.prescriptions()

    assert (answer.outcome, answer.status) == ("acknowledged", 202)
    assert (refused.outcome, refused.reason) == ("refused", "invalid-request")
    assert records is not None
    assert [record.state in ("checking", "stored", "rejected") for record in records] == [True]
    assert prescribed == []
    assert notes.attempts == []
    assert notes.endpoints() == [
        "GET /v1/prescriptions",
        "GET /v1/records",
        "POST /v1/records",
        "POST /v1/records/{id}/uploaded",
        "PUT object store",
    ]


def test_people_sign_in_with_their_password(stack: Any, sign_in: Sign, patient: Any) -> None:
    email = httpx.get(f"{stack.base_url}/v1/me", headers=patient.headers()).json()["email"]
    nobody = sign_in(type(patient)("", "", "no token"))

    unknown, session, me = nobody.me(), nobody.log_in(email, "only for tests"), nobody.me()
    wrong = nobody.log_in(email, "a wrong password")

    assert unknown is None
    assert wrong is None
    assert session is not None
    assert (session.id, me) == (patient.id, Person(patient.id, "patient"))
    assert session.token != patient.token
