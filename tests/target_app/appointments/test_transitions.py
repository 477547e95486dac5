from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from target_app.settings import Settings

Reason = Callable[[httpx.Response], str]
Act = Callable[..., httpx.Response]
Booked = Callable[..., Any]


def test_an_accepted_appointment_has_a_video_link_until_it_is_cancelled(
    api: httpx.Client, booked: Booked, act: Act, patient: Any, doctor: Any
) -> None:
    appointment = booked(patient)
    assert appointment["video_url"] is None

    accepted = act(doctor, appointment["id"], "accept")
    assert accepted.status_code == 200
    assert accepted.json() == appointment | {"state": "accepted", "video_url": accepted.json()["video_url"]}
    seen = api.get(f"/v1/appointments/{appointment['id']}", headers=patient.headers()).json()
    assert seen["video_url"] == accepted.json()["video_url"]
    assert seen["video_url"].startswith("https://")
    assert appointment["id"] not in seen["video_url"], "who may know of an appointment may not come to it"

    cancelled = act(patient, appointment["id"], "cancel", reason="I am ill").json()
    assert (cancelled["state"], cancelled["video_url"]) == ("cancelled", None)
    assert api.get(f"/v1/appointments/{appointment['id']}", headers=doctor.headers()).json()["video_url"] is None


def test_the_doctor_may_give_the_video_link(
    booked: Booked, act: Act, reason: Reason, patient: Any, doctor: Any
) -> None:
    appointment = booked(patient)["id"]
    for bad in ("http://plain.example/", "javascript:alert(1)", "room 7", "https://x.example/" + "a" * 500):
        answer = act(doctor, appointment, "accept", video_url=bad)
        assert (answer.status_code, reason(answer)) == (422, "invalid-request"), bad
        assert answer.json()["errors"][0]["at"] == "body/video_url"
    answer = act(doctor, appointment, "accept", video_url="https://rooms.example/7")
    assert answer.json()["video_url"] == "https://rooms.example/7"


def test_accepting_needs_no_body(api: httpx.Client, booked: Booked, patient: Any, doctor: Any) -> None:
    path = f"/v1/appointments/{booked(patient)['id']}/accept"
    assert api.post(path, headers=doctor.headers("k")).json()["state"] == "accepted"


def test_a_declined_slot_can_be_booked_again(
    booked: Booked, book: Act, act: Act, history: Any, patient: Any, rival: Any, doctor: Any, eventually: Any
) -> None:
    appointment = booked(patient)
    answer = act(doctor, appointment["id"], "decline", reason="I am away")
    assert (answer.status_code, answer.json()["state"]) == (200, "declined")
    assert history(appointment["id"]) == ["requested", "declined"]
    assert eventually(lambda: book(rival, appointment["slot_id"]).status_code == 201)


@pytest.mark.parametrize(("action", "state"), [("complete", "completed"), ("no-show", "no_show")])
def test_what_came_of_a_consultation_is_known_once_it_has_begun(
    booked: Booked,
    act: Act,
    begin: Callable[[str], None],
    reason: Reason,
    patient: Any,
    doctor: Any,
    action: str,
    state: str,
) -> None:
    appointment = booked(patient)["id"]
    unconfirmed = act(doctor, appointment, action)
    assert (unconfirmed.status_code, reason(unconfirmed)) == (409, "not-accepted")
    act(doctor, appointment, "accept")
    early = act(doctor, appointment, action)
    assert (early.status_code, reason(early)) == (409, "too-early")
    begin(appointment)
    answer = act(doctor, appointment, action)
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    late = act(patient, appointment, "cancel", reason="I was not there")
    assert (late.status_code, reason(late)) == (409, "not-live")


STEPS: dict[str, tuple[str, ...]] = {
    "requested": (),
    "accepted": ("accept",),
    "declined": ("decline",),
    "cancelled": ("cancel",),
}
REFUSED = [
    *[(state, action, "not-requested") for state in STEPS if state != "requested" for action in ("accept", "decline")],
    *[(state, action, "not-accepted") for state in ("declined", "cancelled") for action in ("complete", "no-show")],
    *[(state, "cancel", "not-live") for state in ("declined", "cancelled")],
]


@pytest.mark.parametrize("state", [state for state in STEPS if state != "requested"])
def test_no_other_change_is_possible(
    booked: Booked, act: Act, reason: Reason, history: Any, patient: Any, doctor: Any, state: str
) -> None:
    appointment = booked(patient)["id"]
    for step in STEPS[state]:
        assert act(doctor, appointment, step, reason="so it is").status_code == 200
    before = history(appointment)
    for _, action, refusal in (each for each in REFUSED if each[0] == state):
        answer = act(doctor, appointment, action, reason="so it is")
        assert (answer.status_code, reason(answer)) == (409, refusal), action
    for action in ("accept-offer", "refuse-offer"):
        answer = act(patient, appointment, action)
        assert (answer.status_code, reason(answer)) == (409, "not-offered")
    assert history(appointment) == before


def test_a_patient_can_only_cancel(booked: Booked, act: Act, reason: Reason, patient: Any) -> None:
    appointment = booked(patient)["id"]
    for action in ("accept", "decline", "complete", "no-show"):
        answer = act(patient, appointment, action, reason="please")
        assert (answer.status_code, reason(answer)) == (403, "forbidden"), action
    assert act(patient, appointment, "cancel", reason="no time").status_code == 200


def test_a_doctor_can_neither_move_an_appointment_nor_answer_an_offer(
    booked: Booked, act: Act, reason: Reason, patient: Any, doctor: Any
) -> None:
    appointment = booked(patient)
    for action in ("reschedule", "accept-offer", "refuse-offer"):
        answer = act(doctor, appointment["id"], action, slot_id=appointment["slot_id"])
        assert (answer.status_code, reason(answer)) == (403, "forbidden"), action


def test_a_strangers_appointment_does_not_exist(
    api: httpx.Client, booked: Booked, act: Act, reason: Reason, patient: Any, rival: Any, accounts: Any, staff_of: Any
) -> None:
    appointment = booked(patient)
    other_doctor = next(accounts.doctors)
    for stranger in (rival, other_doctor, staff_of(other_doctor)):
        for action in ("accept", "decline", "cancel", "complete", "no-show", "accept-offer", "refuse-offer"):
            answer = act(stranger, appointment["id"], action, reason="curious")
            assert answer.status_code in {403, 404}, action
            if answer.status_code == 404:
                assert reason(answer) == "appointment-not-found"
        assert act(stranger, appointment["id"], "cancel", reason="curious").status_code == 404
        for path in ("", "/history"):
            answer = api.get(f"/v1/appointments/{appointment['id']}{path}", headers=stranger.headers())
            assert (answer.status_code, reason(answer)) == (404, "appointment-not-found")
    assert act(rival, appointment["id"], "reschedule", slot_id=appointment["slot_id"]).status_code == 404
    assert act(patient, str(uuid4()), "cancel", reason="none").status_code == 404


def test_reception_acts_for_the_doctors_of_its_clinic(
    booked: Booked, act: Act, staff_of: Any, begin: Any, patient: Any, doctor: Any
) -> None:
    staff = staff_of(doctor)
    declined, cancelled, completed, missed = (booked(patient, in_hours) for in_hours in (48, 50, 52, 54))
    assert act(staff, declined["id"], "decline", reason="The doctor is away").json()["state"] == "declined"
    assert act(staff, cancelled["id"], "accept").json()["video_url"] is None, "the consultation is not theirs"
    assert act(staff, cancelled["id"], "cancel", reason="The doctor is ill").json()["state"] == "cancelled"
    for appointment, action, minutes_ago in ((completed, "complete", 10), (missed, "no-show", 60)):
        act(staff, appointment["id"], "accept")
        begin(appointment["id"], minutes_ago)
        assert act(staff, appointment["id"], action).status_code == 200


def test_a_reason_is_a_reason(
    booked: Booked, act: Act, reason: Reason, patient: Any, doctor: Any, history: Any
) -> None:
    appointment = booked(patient)["id"]
    for action in ("decline", "cancel"):
        for body in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 501}, {"reason": 7}):
            answer = act(doctor, appointment, action, **body)
            assert (answer.status_code, reason(answer)) == (422, "invalid-request"), body
            assert answer.json()["errors"][0]["at"] == "body/reason"
        assert act(doctor, appointment, action, reason="no\0reason").status_code == 422
    assert history(appointment) == ["requested"]


@pytest.mark.parametrize(
    ("action", "body"),
    [("accept", {}), ("decline", {"reason": "away"}), ("cancel", {"reason": "away"})],
)
def test_a_retry_gives_the_first_answer_and_changes_nothing_twice(
    booked: Booked, act: Act, history: Any, patient: Any, doctor: Any, action: str, body: dict[str, str]
) -> None:
    appointment, key = booked(patient)["id"], str(uuid4())
    first = act(doctor, appointment, action, key, **body)
    again = act(doctor, appointment, action, key, **body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert [answer.headers.get("idempotency-replayed") for answer in (first, again)] == [None, "true"]
    assert len(history(appointment)) == 2


@pytest.mark.parametrize("action", ["complete", "no-show"])
def test_a_retry_after_the_consultation_is_answered_alike(
    booked: Booked, act: Act, begin: Any, history: Any, patient: Any, doctor: Any, action: str
) -> None:
    appointment, key = booked(patient)["id"], str(uuid4())
    act(doctor, appointment, "accept")
    begin(appointment)
    first, again = (act(doctor, appointment, action, key) for _ in range(2))
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert len(history(appointment)) == 3


def test_a_retry_tells_what_was_told_though_things_went_on(booked: Booked, act: Act, patient: Any, doctor: Any) -> None:
    appointment, key = booked(patient)["id"], str(uuid4())
    first = act(doctor, appointment, "accept", key).json()
    act(patient, appointment, "cancel", reason="ill")
    again = act(doctor, appointment, "accept", key).json()
    assert again == first
    assert again["video_url"]


def test_a_key_belongs_to_one_video_link(
    booked: Booked, act: Act, reason: Reason, history: Any, patient: Any, doctor: Any
) -> None:
    appointment, key = booked(patient)["id"], str(uuid4())
    first = act(doctor, appointment, "accept", key, video_url="https://rooms.example/7")
    other = act(doctor, appointment, "accept", key, video_url="https://rooms.example/8")
    assert (other.status_code, reason(other)) == (422, "idempotency-key-reused")
    assert act(doctor, appointment, "accept", key, video_url="https://rooms.example/7").json() == first.json()
    assert history(appointment) == ["requested", "accepted"]


@pytest.mark.parametrize("by", ["patient", "doctor", "staff"])
def test_nobody_cancels_a_consultation_that_has_begun(
    booked: Booked,
    act: Act,
    begin: Any,
    reason: Reason,
    history: Any,
    staff_of: Any,
    patient: Any,
    doctor: Any,
    by: str,
) -> None:
    appointment = booked(patient)["id"]
    act(doctor, appointment, "accept")
    begin(appointment)
    who = {"patient": patient, "doctor": doctor, "staff": staff_of(doctor)}[by]
    answer = act(who, appointment, "cancel", reason="It was not good")
    assert (answer.status_code, reason(answer)) == (409, "begun")
    assert history(appointment) == ["requested", "accepted"]


def test_a_key_belongs_to_one_change(
    booked: Booked, act: Act, reason: Reason, history: Any, patient: Any, doctor: Any
) -> None:
    one, other, key = booked(patient), booked(patient, in_hours=54), str(uuid4())
    act(doctor, one["id"], "accept", key)
    for appointment, action in ((one, "cancel"), (other, "accept"), (other, "decline")):
        answer = act(doctor, appointment["id"], action, key, reason="away")
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused"), action
    assert history(other["id"]) == ["requested"]

    act(doctor, other["id"], "cancel", "c", reason="away")
    answer = act(doctor, other["id"], "cancel", "c", reason="another reason")
    assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


def test_a_bookings_key_cannot_cancel_it(
    publish: Any, book: Act, act: Act, reason: Reason, history: Any, patient: Any
) -> None:
    key = str(uuid4())
    appointment = book(patient, publish()[0], key).json()["id"]
    for action, body in (("cancel", {"reason": "ill"}), ("accept-offer", {})):
        answer = act(patient, appointment, action, key, **body)
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused"), action
    assert history(appointment) == ["requested"]


def test_a_booking_that_went_on_is_replayed_as_it_was_made(
    publish: Any, book: Act, act: Act, patient: Any, doctor: Any
) -> None:
    (slot,), key = publish(), str(uuid4())
    first = book(patient, slot, key)
    act(doctor, first.json()["id"], "accept")
    again = book(patient, slot, key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")


def test_every_change_needs_a_key(api: httpx.Client, booked: Booked, reason: Reason, patient: Any, doctor: Any) -> None:
    appointment = booked(patient)
    body = {"reason": "ill", "slot_id": appointment["slot_id"]}
    changes = [(doctor, action) for action in ("accept", "decline", "cancel", "complete", "no-show")]
    changes += [(patient, action) for action in ("reschedule", "accept-offer", "refuse-offer")]
    for who, action in changes:
        answer = api.post(f"/v1/appointments/{appointment['id']}/{action}", json=body, headers=who.headers())
        assert (answer.status_code, reason(answer)) == (400, "idempotency-key-missing"), action


def test_the_link_is_made_from_a_template(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "anything")
    monkeypatch.setenv("JWT_KEY_FILE", str(tmp_path / "key"))
    assert Settings.from_environment().video_url_template.format(room="seven").endswith("seven")
    for bad in (
        "https://video.example/room",
        "http://video.example/{room}",
        "https://x/{room}/{x}",
    ):
        monkeypatch.setenv("VIDEO_URL_TEMPLATE", bad)
        with pytest.raises(SystemExit, match="VIDEO_URL_TEMPLATE"):
            Settings.from_environment()
