"""From a booking to the mailbox, through the running notifier."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from aiosmtpd.controller import Controller
from redis import Redis

from target_app import database
from target_app.notifications.mailer import Mailer
from target_app.notifications.notifier import ABANDONED_MS, GROUP, Notifier
from target_app.settings import Settings

Eventually = Callable[..., Any]
NOTIFICATIONS = "SELECT state FROM notifications WHERE event_id = $1"


def mails(stack: Any, event: UUID) -> list[str]:
    with closing(sqlite3.connect(stack.mailbox_path, timeout=10)) as mailbox:
        rows = mailbox.execute("SELECT recipient FROM mails WHERE event = ? ORDER BY recipient", (str(event),))
        return [recipient for (recipient,) in rows]


def events_of(sql: Any, appointment: str) -> list[Any]:
    rows: list[Any] = sql("SELECT * FROM appointment_events WHERE appointment_id = $1 ORDER BY at", appointment)
    return rows


def addresses(sql: Any, *ids: str) -> list[str]:
    return sorted(row["email"] for row in sql("SELECT email FROM accounts WHERE id = ANY ($1::uuid[])", list(ids)))


def test_each_change_sends_one_mail_to_the_patient_and_one_to_the_doctor(
    stack: Any, api: Any, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any, eventually: Eventually
) -> None:
    (slot,) = publish()
    appointment = book(patient, slot).json()["id"]
    path = f"/v1/appointments/{appointment}/cancel"
    api.post(path, json={"reason": "I am ill"}, headers=patient.headers("c"))
    requested, cancelled = events_of(sql, appointment)
    assert (requested["state"], cancelled["state"], cancelled["reason"]) == ("requested", "cancelled", "I am ill")
    everyone = addresses(sql, patient.id, doctor.id)
    for event in (requested, cancelled):
        assert eventually(lambda event=event: len(mails(stack, event["id"])) == 2)
        assert mails(stack, event["id"]) == everyone


def test_a_refused_booking_and_a_replay_send_nothing(
    publish: Any, book: Any, patient: Any, rival: Any, sql: Any
) -> None:
    (slot,) = publish()
    key = str(uuid4())
    appointment = book(patient, slot, key).json()["id"]
    book(patient, slot, key)
    book(rival, slot)
    assert len(events_of(sql, appointment)) == 1


def test_the_queues_are_empty_in_the_end(
    stack: Any, publish: Any, book: Any, patient: Any, sql: Any, eventually: Eventually
) -> None:
    (slot,) = publish()
    (event,) = events_of(sql, book(patient, slot).json()["id"])
    eventually(lambda: len(mails(stack, event["id"])) == 2)
    valkey = Redis.from_url(stack.redis_url)
    eventually(lambda: valkey.xlen("events") == 0)
    assert valkey.xlen("events:dead") == 0
    assert eventually(lambda: sql("SELECT count(*) FROM appointment_events WHERE relayed_at IS NULL")[0][0] == 0)


def test_a_redelivered_event_sends_nothing_twice(
    stack: Any, publish: Any, book: Any, patient: Any, sql: Any, eventually: Eventually
) -> None:
    """As when the relay died after the stream had the event and before the database knew."""
    (slot,) = publish()
    (event,) = events_of(sql, book(patient, slot).json()["id"])
    eventually(lambda: len(sql(f"{NOTIFICATIONS} AND state = 'sent'", event["id"])) == 2)
    valkey = Redis.from_url(stack.redis_url)
    valkey.xadd("events", {"event": str(event["id"])})
    eventually(lambda: valkey.xlen("events") == 0)
    assert len(mails(stack, event["id"])) == 2


@asynccontextmanager
async def member(stack: Any, smtp_url: str) -> AsyncIterator[tuple[Notifier, redis.asyncio.Redis, str]]:
    """A notifier on a stream of its own, where the running one takes no part."""
    settings = Settings(stack.database_url, stack.redis_url, smtp_url, stack.jwt_key_file)
    stream = f"test:{uuid4()}"
    pool = await database.connect(settings)
    client = redis.asyncio.Redis.from_url(settings.redis_url)
    mailer = Mailer(settings.smtp_url)
    notifier = Notifier(pool, client, mailer, stream, "second")
    try:
        await notifier.join()
        yield notifier, client, stream
    finally:
        await mailer.close()
        await client.delete(stream, f"{stream}:dead")
        await client.aclose()
        await pool.close()


@pytest.fixture
def unsent(publish: Any, book: Any, patient: Any, sql: Any, eventually: Eventually) -> UUID:
    """An event whose two e-mails the system does not know to have been sent."""
    (slot,) = publish()
    (event,) = events_of(sql, book(patient, slot).json()["id"])
    eventually(lambda: len(sql(f"{NOTIFICATIONS} AND state = 'sent'", event["id"])) == 2)
    sql("DELETE FROM notifications WHERE event_id = $1", event["id"])
    return UUID(str(event["id"]))


def test_what_a_dead_member_had_begun_is_finished_by_another(stack: Any, unsent: UUID, sql: Any) -> None:
    async def go() -> tuple[int, int]:
        async with member(stack, stack.smtp_url) as (notifier, client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            taken = await client.xreadgroup(GROUP, "first", {stream: ">"}, count=1)  # and dies
            assert taken
            nothing_new = await notifier.work()
            (pending,) = await client.xpending_range(stream, GROUP, "-", "+", 1)
            await client.xclaim(stream, GROUP, "first", 0, [pending["message_id"]], idle=2 * ABANDONED_MS)
            return nothing_new, await notifier.rescue()

    assert asyncio.run(go()) == (0, 1)
    assert [row["state"] for row in sql(NOTIFICATIONS, unsent)] == ["sent", "sent"]


def test_what_cannot_be_delivered_becomes_a_dead_letter(stack: Any, unsent: UUID, sql: Any, free_port: int) -> None:
    class Refusing:
        async def handle_RCPT(self, *_: Any) -> str:
            return "550 no such user"

    office = Controller(Refusing(), hostname="127.0.0.1", port=free_port)
    office.start()

    async def go() -> tuple[Any, int]:
        async with member(stack, f"smtp://127.0.0.1:{free_port}") as (notifier, client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            await notifier.work()
            return await client.xrange(f"{stream}:dead"), await client.xlen(stream)

    try:
        dead, left = asyncio.run(go())
    finally:
        office.stop()
    assert left == 0
    assert [fields[b"event"].decode() for _, fields in dead] == [str(unsent)] * 2
    assert all(b"no such user" in fields[b"error"] for _, fields in dead)
    assert [row["state"] for row in sql(NOTIFICATIONS, unsent)] == ["failed", "failed"]
