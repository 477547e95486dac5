"""From a change to the mailbox, through the running notifier, and through others beside it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from redis import Redis

Eventually = Callable[..., Any]
NOTIFICATIONS = "SELECT state FROM notifications WHERE event_id = $1"


def test_each_change_sends_one_mail_to_the_patient_and_one_to_the_doctor(
    api: Any,
    publish: Any,
    book: Any,
    patient: Any,
    doctor: Any,
    events_of: Any,
    email: Any,
    mails: Any,
    eventually: Any,
) -> None:
    (slot,) = publish(in_hours=48)
    appointment = book(patient, slot).json()["id"]
    path = f"/v1/appointments/{appointment}"
    api.post(f"{path}/accept", json={}, headers=doctor.headers(str(uuid4())))
    _, accepted = events_of(appointment)
    eventually(lambda: len(mails(accepted["id"])) == 2)  # before it is overtaken
    api.post(f"{path}/cancel", json={"reason": "I am ill"}, headers=patient.headers(str(uuid4())))
    events = events_of(appointment)
    assert [event["state"] for event in events] == ["requested", "accepted", "cancelled"]
    everyone = sorted([email(patient), email(doctor)])
    for event in events:
        assert eventually(lambda event=event: len(mails(event["id"])) == 2)
        assert mails(event["id"]) == everyone


def test_a_state_that_nobody_is_told_of_passes_through(
    appointments: Any, sql: Any, mails: Any, eventually: Eventually, stack: Any
) -> None:
    (appointment,) = appointments(1, in_s=-3_600, state="completed")
    events = [
        sql(
            "INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key)"
            " VALUES ($1, $2, gen_random_uuid(), gen_random_uuid()::text) RETURNING id",
            appointment,
            state,
        )[0]["id"]
        for state in ("completed", "no_show", "expired", "moved")
    ]
    waiting = "SELECT FROM appointment_events WHERE relayed_at IS NULL AND id = ANY ($1::uuid[])"
    eventually(lambda: not sql(waiting, events))
    valkey = Redis.from_url(stack.redis_url)
    eventually(lambda: valkey.xlen("events") == 0)
    assert [mails(event) for event in events] == [[]] * 4


def test_a_refused_booking_and_a_replay_send_nothing(
    publish: Any, book: Any, patient: Any, rival: Any, events_of: Any
) -> None:
    (slot,) = publish()
    key = str(uuid4())
    appointment = book(patient, slot, key).json()["id"]
    book(patient, slot, key)
    book(rival, slot)
    assert len(events_of(appointment)) == 1


def test_the_queues_are_empty_in_the_end(
    stack: Any, publish: Any, book: Any, patient: Any, sql: Any, events_of: Any, mails: Any, eventually: Eventually
) -> None:
    (slot,) = publish()
    (event,) = events_of(book(patient, slot).json()["id"])
    eventually(lambda: len(mails(event["id"])) == 2)
    valkey = Redis.from_url(stack.redis_url)
    eventually(lambda: valkey.xlen("events") == 0)
    assert valkey.xlen("events:dead") == 0
    assert eventually(lambda: sql("SELECT count(*) FROM appointment_events WHERE relayed_at IS NULL")[0][0] == 0)


def test_a_redelivered_event_sends_nothing_twice(
    stack: Any, publish: Any, book: Any, patient: Any, sql: Any, events_of: Any, mails: Any, eventually: Eventually
) -> None:
    """As when the relay died after the stream had the event and before the database knew."""
    (slot,) = publish()
    (event,) = events_of(book(patient, slot).json()["id"])
    eventually(lambda: len(sql(f"{NOTIFICATIONS} AND state = 'sent'", event["id"])) == 2)
    valkey = Redis.from_url(stack.redis_url)
    valkey.xadd("events", {"event": str(event["id"])})
    eventually(lambda: valkey.xlen("events") == 0)
    assert len(mails(event["id"])) == 2


def test_an_e_mail_that_was_put_off_is_sent_when_its_time_has_come(
    unsent: UUID, sql: Any, mails: Any, eventually: Eventually
) -> None:
    sql(
        "INSERT INTO notifications (event_id, recipient, state, retry_at)"
        " SELECT event.id, patients.email, 'sending', now() FROM appointment_events AS event"
        " JOIN appointments ON appointments.id = event.appointment_id"
        " JOIN patients ON patients.id = appointments.patient_id WHERE event.id = $1",
        unsent,
    )
    before = len(mails(unsent))
    eventually(lambda: len(sql(f"{NOTIFICATIONS} AND state = 'sent'", unsent)) == 2)
    eventually(lambda: len(mails(unsent)) == before + 2)


def test_an_offer_that_expires_frees_its_slot_on_every_replica(
    stack: Any, publish: Any, patient: Any, rival: Any, sql: Any, eventually: Eventually
) -> None:
    """Sooner than a replica would look by itself."""
    (slot,) = publish(in_hours=48)
    (offer,) = sql(
        """
        INSERT INTO appointments
            (slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key, offer_expires_at)
        SELECT id, doctor_id, $2, during, 10000, 'offered', id::text, now() + interval '1 hour'
        FROM slots WHERE id = $1 RETURNING id, doctor_id
        """,
        UUID(slot),
        UUID(patient.id),
    )

    def free(replica: str) -> int:
        path = f"{replica}/v1/doctors/{offer['doctor_id']}/agenda"
        return int(httpx.get(path, headers=rival.headers()).json()["free"])

    eventually(lambda: [free(replica) for replica in stack.replica_urls] == [0, 0])
    sql("UPDATE appointments SET offer_expires_at = now() WHERE id = $1", offer["id"])
    eventually(lambda: [free(replica) for replica in stack.replica_urls] == [1, 1], within_s=8)
    assert sql("SELECT state FROM appointments WHERE id = $1", offer["id"])[0]["state"] == "expired"


@pytest.mark.parametrize("metrics", [True, False])
def test_another_worker_joins_tells_its_metrics_if_asked_and_leaves(
    stack: Any, free_port: int, eventually: Eventually, metrics: bool
) -> None:
    environment = stack.environment() | ({"NOTIFIER_METRICS_PORT": str(free_port)} if metrics else {})
    command = [sys.executable, "-m", "target_app.notifications.worker"]
    worker = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def page() -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{free_port}/metrics").text
        except httpx.TransportError:
            return ""

    try:
        if metrics:
            text = eventually(page)
            for line in ('notifier_emails_total{outcome="failed"}', "notifier_outbox_lag_seconds ", "retried_total "):
                assert line in text
        else:
            members = Redis.from_url(stack.redis_url)
            eventually(
                lambda: any(
                    str(worker.pid) in str(one["name"]) for one in members.xinfo_consumers("events", "notifier")
                )
            )
            assert not page()
    finally:
        worker.terminate()
        _, errors = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert not errors
