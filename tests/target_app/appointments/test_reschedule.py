from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

Reason = Callable[[httpx.Response], str]
Act = Callable[..., httpx.Response]


def test_the_new_slot_is_had_at_the_old_price_and_the_old_one_is_free(
    api: httpx.Client,
    publish: Any,
    book: Act,
    act: Act,
    sql: Any,
    history: Any,
    eventually: Any,
    patient: Any,
    rival: Any,
    doctor: Any,
) -> None:
    here, there = publish(2)
    old = book(patient, here).json()
    act(doctor, old["id"], "accept")
    sql("UPDATE doctors SET price_cents = price_cents + 5000 WHERE id = $1", UUID(doctor.id))

    answer = act(patient, old["id"], "reschedule", slot_id=there)
    assert answer.status_code == 200
    new = answer.json()
    assert (new["slot_id"], new["state"], new["price_cents"]) == (there, "requested", old["price_cents"])
    assert (new["rescheduled_from"], new["video_url"]) == (old["id"], None)
    assert new["starts_at"] > old["starts_at"]
    left = api.get(f"/v1/appointments/{old['id']}", headers=patient.headers()).json()
    assert (left["state"], left["video_url"]) == ("cancelled", None)
    assert history(old["id"]) == ["requested", "accepted", "moved"]
    assert history(new["id"]) == ["rescheduled"]
    assert eventually(lambda: book(rival, here).status_code == 201)


def test_the_old_slot_stays_when_the_new_one_is_not_to_be_had(
    api: httpx.Client,
    publish: Any,
    book: Act,
    act: Act,
    reason: Reason,
    history: Any,
    begin: Any,
    patient: Any,
    rival: Any,
    accounts: Any,
) -> None:
    mine, taken, begun = publish(3)
    elsewhere, overlapping = publish(2, by=next(accounts.doctors))
    old = book(patient, mine).json()["id"]
    book(rival, taken)
    begin(book(rival, begun).json()["id"])
    refusals = {
        taken: (409, "slot-taken"),
        begun: (409, "slot-past"),
        mine: (409, "same-slot"),
        elsewhere: (404, "slot-not-found"),
        str(uuid4()): (404, "slot-not-found"),
    }
    for slot, refusal in refusals.items():
        answer = act(patient, old, "reschedule", slot_id=slot)
        assert (answer.status_code, reason(answer)) == refusal
    assert book(patient, overlapping).status_code == 201
    assert api.get(f"/v1/appointments/{old}", headers=patient.headers()).json()["state"] == "requested"
    assert history(old) == ["requested"]


def test_nobody_is_moved_to_where_they_cannot_be(
    publish: Any, book: Act, act: Act, reason: Reason, history: Any, patient: Any, accounts: Any
) -> None:
    mine, other = publish(2)
    _, at_the_same_time = publish(2, by=next(accounts.doctors))
    old = book(patient, mine).json()["id"]
    assert book(patient, at_the_same_time).status_code == 201
    answer = act(patient, old, "reschedule", slot_id=other)
    assert (answer.status_code, reason(answer)) == (409, "patient-overlap")
    assert history(old) == ["requested"]


def test_what_is_over_cannot_be_moved(publish: Any, book: Act, act: Act, reason: Reason, patient: Any) -> None:
    mine, other = publish(2)
    old = book(patient, mine).json()["id"]
    act(patient, old, "cancel", reason="no time")
    answer = act(patient, old, "reschedule", slot_id=other)
    assert (answer.status_code, reason(answer)) == (409, "not-live")


def test_what_has_begun_cannot_be_moved(
    publish: Any, book: Act, act: Act, begin: Any, reason: Reason, history: Any, patient: Any, doctor: Any
) -> None:
    mine, other = publish(2)
    old = book(patient, mine).json()["id"]
    act(doctor, old, "accept")
    begin(old)
    answer = act(patient, old, "reschedule", slot_id=other)
    assert (answer.status_code, reason(answer)) == (409, "begun")
    assert history(old) == ["requested", "accepted"]


def test_a_moved_appointment_goes_on_like_any_other(
    publish: Any, book: Act, act: Act, history: Any, patient: Any, doctor: Any
) -> None:
    first, second, third = publish(3)
    one = book(patient, first).json()["id"]
    two = act(patient, one, "reschedule", slot_id=second).json()["id"]
    assert act(doctor, two, "accept").json()["video_url"]
    three = act(patient, two, "reschedule", slot_id=third).json()["id"]
    assert act(doctor, three, "decline", reason="away").status_code == 200
    assert [history(each) for each in (one, two, three)] == [
        ["requested", "moved"],
        ["rescheduled", "accepted", "moved"],
        ["rescheduled", "declined"],
    ]


def test_a_retry_moves_nothing_twice(
    publish: Any, book: Act, act: Act, history: Any, patient: Any, doctor: Any
) -> None:
    (here, there), key = publish(2), str(uuid4())
    old = book(patient, here).json()["id"]
    first = act(patient, old, "reschedule", key, slot_id=there)
    act(doctor, first.json()["id"], "accept")
    again = act(patient, old, "reschedule", key, slot_id=there)
    assert (again.status_code, again.json()) == (200, first.json())
    assert [answer.headers.get("idempotency-replayed") for answer in (first, again)] == [None, "true"]
    assert history(old) == ["requested", "moved"]


def test_a_key_belongs_to_one_move(publish: Any, book: Act, act: Act, reason: Reason, patient: Any) -> None:
    here, there, third = publish(3)
    old = book(patient, here, "booked").json()["id"]
    new = act(patient, old, "reschedule", "moved", slot_id=there).json()["id"]
    for appointment, slot, key in ((old, third, "moved"), (new, third, "moved"), (new, third, "booked")):
        answer = act(patient, appointment, "reschedule", key, slot_id=slot)
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")
    for answer in (act(patient, new, "cancel", "moved", reason="no"), book(patient, there, "moved")):
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")
    act(patient, new, "cancel", "cancelled", reason="no")
    another = book(patient, here).json()["id"]
    answer = act(patient, another, "reschedule", "cancelled", slot_id=third)
    assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


def test_the_slot_is_an_id(booked: Any, act: Act, reason: Reason, patient: Any) -> None:
    answer = act(patient, booked(patient)["id"], "reschedule", slot_id="tomorrow")
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert answer.json()["errors"][0]["at"] == "body/slot_id"
