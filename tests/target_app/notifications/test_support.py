"""What a clinic's staff see of the e-mails, and how they have one sent again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from redis import Redis

SENT = "SELECT FROM notifications WHERE event_id = $1 AND state = 'sent'"


@pytest.fixture
def staff(reception: Any, doctor: Any) -> Any:
    """Of the doctor's clinic."""
    return reception(doctor)


@pytest.fixture
def look(inside: httpx.Client, staff: Any) -> Callable[..., Any]:
    """The page of e-mails that the staff see."""

    def look(by: Any = staff, **query: Any) -> Any:
        answer = inside.get("/v1/notifications", params=query, headers=by.headers())
        assert answer.status_code == 200, answer.text
        return answer.json()

    return look


@pytest.fixture
def retry(inside: httpx.Client, staff: Any) -> Callable[..., httpx.Response]:
    def retry(event: UUID, recipient: str, by: Any = staff, key: str | None = None) -> httpx.Response:
        path = f"/v1/notifications/{event}/retry"
        return inside.post(path, json={"recipient": recipient}, headers=by.headers(key or str(uuid4())))

    return retry


@pytest.fixture
def sent(publish: Any, book: Any, patient: Any, events_of: Any, sql: Any, eventually: Any) -> UUID:
    """An event whose e-mails were sent."""
    (slot,) = publish(in_hours=48)
    (event,) = events_of(book(patient, slot).json()["id"])
    eventually(lambda: len(sql(SENT, event["id"])) == 2)
    return UUID(str(event["id"]))


@pytest.fixture
def failed(sent: UUID, sql: Any, email: Any, patient: Any, stack: Any) -> Iterator[UUID]:
    """An event whose e-mail to the patient was given up."""
    sql(
        "UPDATE notifications SET state = 'failed', error = '550 no such user', sent_at = NULL"
        " WHERE event_id = $1 AND recipient = $2",
        sent,
        email(patient),
    )
    valkey = Redis.from_url(stack.redis_url)
    dead = valkey.xadd("events:dead", {"event": str(sent), "to": "patient", "error": "550"})
    yield sent
    valkey.xdel("events:dead", dead)


def test_staff_see_what_became_of_each_e_mail(look: Any, failed: UUID, email: Any, patient: Any, doctor: Any) -> None:
    page = look()
    by_recipient = {each["recipient"]: each for each in page["notifications"]}
    assert set(by_recipient) == {email(patient), email(doctor)}
    to_patient, to_doctor = by_recipient[email(patient)], by_recipient[email(doctor)]
    assert (to_patient["state"], to_patient["error"], to_patient["sent_at"]) == ("failed", "550 no such user", None)
    assert (to_doctor["state"], to_doctor["error"], to_doctor["attempts"]) == ("sent", None, 1)
    assert {each["event_id"] for each in page["notifications"]} == {str(failed)}
    assert to_doctor["event"] == "requested"
    assert to_doctor["happened_at"] <= to_doctor["tried_at"] <= to_doctor["sent_at"]
    assert page["next"] is None


def test_they_filter_by_state_recipient_and_appointment(
    look: Any, failed: UUID, email: Any, patient: Any, doctor: Any, sql: Any
) -> None:
    def recipients(**query: Any) -> list[str]:
        return [each["recipient"] for each in look(**query)["notifications"]]

    (event,) = sql("SELECT appointment_id FROM appointment_events WHERE id = $1", failed)
    assert recipients(state="failed") == [email(patient)]
    assert recipients(state="sent") == [email(doctor)]
    assert recipients(state="sending") == []
    assert recipients(recipient=email(patient).upper()) == [email(patient)]
    assert recipients(recipient="nobody@mail.example") == []
    assert len(recipients(appointment_id=event["appointment_id"])) == 2
    assert recipients(appointment_id=uuid4()) == []
    assert recipients(appointment_id=event["appointment_id"], state="failed", recipient=email(doctor)) == []


def test_pages_follow_each_other_newest_first(
    look: Any, publish: Any, book: Any, patient: Any, sql: Any, events_of: Any, eventually: Any
) -> None:
    events = [events_of(book(patient, slot).json()["id"])[0]["id"] for slot in publish(3, in_hours=48)]
    eventually(lambda: sum(len(sql(SENT, event)) for event in events) == 6)
    seen: list[tuple[str, str]] = []
    after = ""
    while True:
        page = look(limit=2, after=after)
        assert len(page["notifications"]) == 2
        seen.extend((each["event_id"], each["recipient"]) for each in page["notifications"])
        if page["next"] is None:
            break
        after = page["next"]
    assert [event for event, _ in seen] == [str(event) for event in reversed(events) for _ in range(2)]
    assert len(set(seen)) == 6


@pytest.mark.parametrize("cursor", ["x", "!", "bm90IG9uZQ==", "é"])
def test_a_cursor_that_is_none_is_refused(inside: httpx.Client, staff: Any, reason: Any, cursor: str) -> None:
    answer = inside.get("/v1/notifications", params={"after": cursor}, headers=staff.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert answer.json()["errors"][0]["at"] == "query/after"


def test_patients_doctors_and_strangers_see_and_do_nothing(
    inside: Any,
    look: Any,
    retry: Any,
    reason: Any,
    failed: UUID,
    reception: Any,
    accounts: Any,
    patient: Any,
    doctor: Any,
    email: Any,
) -> None:
    for somebody in (patient, doctor):
        assert inside.get("/v1/notifications", headers=somebody.headers()).status_code == 403
        assert retry(failed, email(patient), by=somebody).status_code == 403
    assert inside.get("/v1/notifications").status_code == 401
    stranger = reception(next(accounts.doctors))
    assert look(by=stranger)["notifications"] == []
    refused = retry(failed, email(patient), by=stranger)
    assert (refused.status_code, reason(refused)) == (404, "notification-not-found")
    assert look(state="failed")["notifications"]


def test_a_failed_e_mail_is_sent_again_and_only_that_one(
    retry: Any, look: Any, failed: UUID, email: Any, patient: Any, doctor: Any, mails: Any, stack: Any, eventually: Any
) -> None:
    answer = retry(failed, email(patient))
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"event_id": str(failed), "recipient": email(patient), "state": "sending"}
    (again,) = eventually(lambda: look(state="sent", recipient=email(patient))["notifications"])
    assert (again["attempts"], again["error"]) == (2, None)
    eventually(lambda: mails(failed) == sorted([email(patient)] * 2 + [email(doctor)]))
    dead: Any = Redis.from_url(stack.redis_url).xrange("events:dead")
    assert str(failed).encode() not in [fields[b"event"] for _, fields in dead]


def test_what_was_given_up_after_many_attempts_has_them_again(
    retry: Any, look: Any, failed: UUID, email: Any, patient: Any, sql: Any, eventually: Any
) -> None:
    sql("UPDATE notifications SET attempts = 6 WHERE event_id = $1 AND recipient = $2", failed, email(patient))
    assert retry(failed, email(patient)).status_code == 202
    (again,) = eventually(lambda: look(state="sent", recipient=email(patient))["notifications"])
    assert again["attempts"] == 2


def test_a_repeated_request_sends_nothing_twice(
    retry: Any, look: Any, failed: UUID, email: Any, patient: Any, sql: Any, eventually: Any
) -> None:
    """Not even when the second attempt failed too."""
    key = str(uuid4())
    first = retry(failed, email(patient), key=key)
    eventually(lambda: look(state="sent", recipient=email(patient))["notifications"])
    sql("UPDATE notifications SET state = 'failed' WHERE event_id = $1 AND recipient = $2", failed, email(patient))
    repeated = retry(failed, email(patient), key=key)
    assert (repeated.status_code, repeated.json()) == (202, first.json())
    assert "idempotency-replayed" not in first.headers
    assert repeated.headers["idempotency-replayed"] == "true"
    assert look(state="failed")["notifications"]


def test_a_key_belongs_to_one_e_mail(
    retry: Any, reason: Any, failed: UUID, email: Any, patient: Any, doctor: Any, sql: Any
) -> None:
    key = str(uuid4())
    assert retry(failed, email(patient), key=key).status_code == 202
    sql("UPDATE notifications SET state = 'failed' WHERE event_id = $1 AND recipient = $2", failed, email(doctor))
    refused = retry(failed, email(doctor), key=key)
    assert (refused.status_code, reason(refused)) == (422, "idempotency-key-reused")


def test_of_many_who_ask_at_once_one_has_it_sent(
    retry: Any, reason: Any, failed: UUID, email: Any, patient: Any, mails: Any, eventually: Any, look: Any
) -> None:
    recipient = email(patient)
    with ThreadPoolExecutor(8) as several:
        answers = list(several.map(lambda _: retry(failed, recipient), range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert {reason(answer) for answer in answers if answer.status_code == 409} == {"not-failed"}
    eventually(lambda: look(state="sent", recipient=recipient)["notifications"])
    assert mails(failed).count(recipient) == 2


def test_what_was_sent_is_not_sent_again(retry: Any, reason: Any, sent: UUID, email: Any, patient: Any) -> None:
    refused = retry(sent, email(patient))
    assert (refused.status_code, reason(refused)) == (409, "not-failed")


def test_nothing_goes_to_an_address_that_nobody_has_any_more(
    retry: Any, reason: Any, failed: UUID, email: Any, patient: Any, sql: Any
) -> None:
    sql("UPDATE patients SET email = 'new@mail.example' WHERE id = $1", UUID(patient.id))
    refused = retry(failed, email(patient))
    assert (refused.status_code, reason(refused)) == (409, "recipient-gone")


def test_nothing_goes_to_a_patient_who_was_removed(
    inside: httpx.Client, retry: Any, reason: Any, failed: UUID, email: Any, patient: Any
) -> None:
    assert inside.delete("/v1/me", headers=patient.headers()).status_code == 204
    refused = retry(failed, email(patient))
    assert (refused.status_code, reason(refused)) == (409, "recipient-gone")


def test_an_overtaken_one_is_seen_and_not_sent_again(
    look: Any, retry: Any, reason: Any, sent: UUID, email: Any, patient: Any, sql: Any
) -> None:
    sql("UPDATE notifications SET state = 'overtaken' WHERE event_id = $1 AND recipient = $2", sent, email(patient))
    assert [each["recipient"] for each in look(state="overtaken")["notifications"]] == [email(patient)]
    refused = retry(sent, email(patient))
    assert (refused.status_code, reason(refused)) == (409, "not-failed")


def test_the_key_the_body_and_the_ids_are_checked(
    inside: httpx.Client, retry: Any, reason: Any, failed: UUID, staff: Any, email: Any, patient: Any
) -> None:
    path = f"/v1/notifications/{failed}/retry"
    no_key = inside.post(path, json={"recipient": email(patient)}, headers=staff.headers())
    assert (no_key.status_code, reason(no_key)) == (400, "idempotency-key-missing")
    empty = inside.post(path, json={}, headers=staff.headers("k"))
    assert (empty.status_code, empty.json()["errors"][0]["at"]) == (422, "body/recipient")
    assert retry(uuid4(), email(patient)).status_code == 404
    unknown = inside.get("/v1/notifications", params={"state": "lost"}, headers=staff.headers())
    assert (unknown.status_code, unknown.json()["errors"][0]["at"]) == (422, "query/state")


def test_people_with_psql_have_a_view(failed: UUID, sql: Any, email: Any, patient: Any, doctor: Any) -> None:
    rows = sql("SELECT * FROM notification_status WHERE event_id = $1 AND state = 'failed'", failed)
    assert [(row["recipient"], row["event"], row["error"], str(row["doctor_id"])) for row in rows] == [
        (email(patient), "requested", "550 no such user", doctor.id)
    ]
