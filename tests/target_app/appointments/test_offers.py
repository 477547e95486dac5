from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

Reason = Callable[[httpx.Response], str]
Act = Callable[..., httpx.Response]
Offers = Callable[[Any], list[Any]]


@pytest.mark.parametrize(("by", "action"), [("patient", "cancel"), ("doctor", "cancel"), ("doctor", "decline")])
def test_a_freed_slot_is_offered_to_the_first_who_waits_and_nobody_else_can_have_it(
    api: httpx.Client,
    booked: Any,
    book: Act,
    act: Act,
    wait_for: Act,
    offers: Offers,
    history: Any,
    sql: Any,
    reason: Reason,
    patient: Any,
    rival: Any,
    doctor: Any,
    accounts: Any,
    by: str,
    action: str,
) -> None:
    appointment, second = booked(patient), next(accounts.patients)
    wait_for(rival, doctor)
    wait_for(second, doctor)
    sql("UPDATE doctors SET price_cents = 77700 WHERE id = $1", UUID(doctor.id))
    assert act({"patient": patient, "doctor": doctor}[by], appointment["id"], action, reason="ill").status_code == 200

    (offer,) = offers(rival)
    assert (offer["slot_id"], offer["state"], offer["price_cents"]) == (appointment["slot_id"], "offered", 77700)
    assert datetime.fromisoformat(offer["offer_expires_at"]) > datetime.now(UTC)
    assert offers(second) == []
    assert api.get("/v1/waiting-list", headers=rival.headers()).json() == {"places": []}
    assert api.get("/v1/waiting-list", headers=second.headers()).json()["places"][0]["position"] == 1
    assert (history(offer["id"]), history(appointment["id"])[1:]) == (["offered"], [f"{action}d".replace("ld", "lled")])
    for who in (patient, second):
        taken = book(who, appointment["slot_id"])
        assert (taken.status_code, reason(taken)) == (409, "slot-taken")
    agenda = api.get(f"/v1/doctors/{doctor.id}/agenda", headers=patient.headers()).json()
    assert (agenda["free"], agenda["slots"]) == (0, [])
    told = api.get(f"/v1/appointments/{offer['id']}/history", headers=rival.headers()).json()["events"]
    assert [each["by"] for each in told] == ["system"]


def test_an_accepted_offer_is_a_requested_appointment(
    offered: Any, act: Act, history: Any, rival: Any, doctor: Any
) -> None:
    offer = offered(rival)
    answer = act(rival, offer["id"], "accept-offer", "k")
    assert (answer.status_code, answer.json()["state"]) == (200, "requested")
    assert answer.json()["offer_expires_at"] is None
    again = act(rival, offer["id"], "accept-offer", "k")
    assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")
    assert act(doctor, offer["id"], "accept").json()["state"] == "accepted"
    assert history(offer["id"]) == ["offered", "requested", "accepted"]


def test_a_refused_offer_goes_to_the_next_and_at_last_the_slot_is_free(
    offered: Any,
    book: Act,
    act: Act,
    offers: Offers,
    history: Any,
    eventually: Any,
    patient: Any,
    rival: Any,
    accounts: Any,
) -> None:
    second = next(accounts.patients)
    slot = offered(rival, second)["slot_id"]
    for who, other in ((rival, second), (second, rival)):
        (offer,) = offers(who)
        assert offers(other) == []
        answer = act(who, offer["id"], "refuse-offer", "k")
        assert (answer.status_code, answer.json()["state"]) == (200, "expired")
        again = act(who, offer["id"], "refuse-offer", "k")
        assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")
        assert history(offer["id"]) == ["offered", "expired"]
    assert eventually(lambda: book(patient, slot).status_code == 201)


def test_an_offer_that_nobody_accepts_in_time_goes_to_the_next_and_then_the_slot_is_free(
    offered: Any,
    act: Act,
    offers: Offers,
    lapse: Any,
    expire: Any,
    history: Any,
    sql: Any,
    reason: Reason,
    eventually: Any,
    rival: Any,
    accounts: Any,
) -> None:
    second = next(accounts.patients)
    slot = offered(rival, second)["slot_id"]
    for who in (rival, second):
        (offer,) = offers(who)
        expire()
        assert history(offer["id"]) == ["offered"], "its time is not over"
        lapse(offer["id"])
        late = act(who, offer["id"], "accept-offer")
        assert (late.status_code, reason(late) in {"offer-expired", "not-offered"}) == (409, True)
        expire()
        eventually(lambda ended=offer["id"]: history(ended) == ["offered", "expired"])
    held = "SELECT FROM appointments WHERE held_slot_id = $1"
    assert sql(held, UUID(slot)) == []


def test_the_scheduler_learns_which_slots_are_free(
    offered: Any, lapse: Any, expire: Any, rival: Any, doctor: Any
) -> None:
    """The stack's own scheduler may be quicker than we are: then try again."""
    for in_hours in range(48, 72, 2):
        offer = offered(rival, in_hours=in_hours)
        lapse(offer["id"])
        if (doctor.id, offer["slot_id"]) in expire():
            return
    pytest.fail("it never told")


def test_who_gives_a_slot_up_is_not_offered_it_and_keeps_their_place(
    api: httpx.Client,
    booked: Any,
    book: Act,
    act: Act,
    wait_for: Act,
    offers: Offers,
    eventually: Any,
    patient: Any,
    rival: Any,
    doctor: Any,
) -> None:
    appointment = booked(patient)
    wait_for(patient, doctor)
    act(patient, appointment["id"], "cancel", reason="Not at that time")
    assert offers(patient) == []
    assert api.get("/v1/waiting-list", headers=patient.headers()).json()["places"][0]["position"] == 1
    eventually(lambda: book(rival, appointment["slot_id"]).status_code == 201)


def test_who_has_an_appointment_may_wait_for_a_better_one(
    booked: Any, act: Act, wait_for: Act, offers: Offers, patient: Any, rival: Any, doctor: Any
) -> None:
    theirs, mine = booked(rival), booked(patient, in_hours=54)
    wait_for(patient, doctor)
    act(rival, theirs["id"], "cancel", reason="ill")
    (offer,) = offers(patient)
    assert act(patient, offer["id"], "accept-offer").json()["slot_id"] == theirs["slot_id"]
    assert act(patient, mine["id"], "cancel", reason="I have a better one").status_code == 200


def test_an_offer_waits_while_the_patient_is_elsewhere(
    publish: Any,
    booked: Any,
    book: Act,
    act: Act,
    wait_for: Act,
    offers: Offers,
    reason: Reason,
    history: Any,
    patient: Any,
    rival: Any,
    doctor: Any,
    accounts: Any,
) -> None:
    theirs = booked(rival)
    elsewhere = book(patient, publish(by=next(accounts.doctors))[0]).json()["id"]
    wait_for(patient, doctor)
    act(rival, theirs["id"], "cancel", reason="ill")
    (offer,) = offers(patient)
    answer = act(patient, offer["id"], "accept-offer")
    assert (answer.status_code, reason(answer)) == (409, "patient-overlap")
    assert history(offer["id"]) == ["offered"]
    act(patient, elsewhere, "cancel", reason="I go to the other doctor")
    assert act(patient, offer["id"], "accept-offer").status_code == 200


def test_a_moved_appointment_leaves_its_old_slot_to_who_waits(
    publish: Any, book: Act, act: Act, wait_for: Act, offers: Offers, patient: Any, rival: Any, doctor: Any
) -> None:
    here, there = publish(2)
    appointment = book(patient, here).json()["id"]
    wait_for(patient, doctor)
    wait_for(rival, doctor)
    assert act(patient, appointment, "reschedule", slot_id=there).status_code == 200
    assert [offer["slot_id"] for offer in offers(rival)] == [here]
    assert offers(patient) == []


def test_no_offer_is_made_of_a_slot_that_begins_at_once(
    booked: Any, act: Act, wait_for: Act, offers: Offers, patient: Any, rival: Any, doctor: Any
) -> None:
    soon, later = booked(patient, in_hours=3 / 60), booked(patient, in_hours=1)
    wait_for(rival, doctor)
    act(patient, soon["id"], "cancel", reason="ill")
    assert offers(rival) == []
    act(patient, later["id"], "cancel", reason="ill")
    assert len(offers(rival)) == 1


def test_an_offer_ends_before_its_slot_begins(offered: Any, rival: Any) -> None:
    offer = offered(rival, in_hours=8 / 60)
    assert offer["offer_expires_at"] <= offer["starts_at"]
    until = datetime.fromisoformat(offer["offer_expires_at"]) - datetime.now(UTC)
    assert until < timedelta(minutes=8)


def test_a_strangers_offer_does_not_exist(offered: Any, act: Act, reason: Reason, patient: Any, rival: Any) -> None:
    offer = offered(rival)
    for action in ("accept-offer", "refuse-offer", "cancel"):
        answer = act(patient, offer["id"], action, reason="curious")
        assert (answer.status_code, reason(answer)) == (404, "appointment-not-found")
    own = act(rival, offer["id"], "cancel", reason="no")
    assert (own.status_code, reason(own)) == (409, "not-live")


def test_a_key_belongs_to_one_answer_to_an_offer(offered: Any, act: Act, reason: Reason, rival: Any) -> None:
    first, second = (offered(rival, in_hours=in_hours)["id"] for in_hours in (48, 50))
    assert act(rival, first, "accept-offer", "k").status_code == 200
    for appointment, action in ((second, "accept-offer"), (second, "refuse-offer"), (first, "cancel")):
        answer = act(rival, appointment, action, "k", reason="no")
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused"), action
