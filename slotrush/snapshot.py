"""The snapshot: what the target's own stores hold once its outbox is drained, copied into the run record.

Reads the tables of the reference target (`target_app/migrations`), its stream and its mailbox; changes nothing there.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import redis

from slotrush.errors import StackError
from slotrush.runs import record
from slotrush.stack.database import masked

STREAM: Final = "events"
DEAD_LETTERS: Final = "events:dead"
GROUP: Final = "notifier"

SENT_AGAIN: Final = "mails_sent_again"
"""Under this key the record's meta says how many copies of mails were left out of the snapshot of a run with faults."""

_POLL_S: Final = 0.2
_PROGRESS_S: Final = 1.0
_QUIET_S: Final = 2.0
"""With every queue empty, an e-mail that has not arrived for so long will not."""
_TIMEOUT_S: Final = 30.0
_ROWS_PER_FETCH: Final = 5000


@dataclass(frozen=True)
class Sources:
    """Where the target keeps things. `redis_key_prefix` stands before every key; `mailbox_path` is an SQLite file."""

    database_url: str
    redis_url: str
    redis_key_prefix: str
    mailbox_path: Path


@dataclass(frozen=True)
class Backlog:
    """How far the notifications have got. `stream`: entries not yet delivered, or delivered and not acknowledged."""

    outbox: int
    stream: int
    dead_letters: int
    mails: int
    mails_due: int

    @property
    def queues_empty(self) -> bool:
        """Dead letters do not count: nobody works on them."""
        return not self.outbox and not self.stream

    @property
    def drained(self) -> bool:
        return self.queues_empty and self.mails >= self.mails_due

    def __str__(self) -> str:
        dead = f", {self.dead_letters} dead letters" if self.dead_letters else ""
        return f"outbox {self.outbox}, stream {self.stream}{dead}, e-mails {self.mails} of {self.mails_due}"


def take(
    connection: sqlite3.Connection, sources: Sources, wait_s: float, on_progress: Callable[[str], None]
) -> Backlog:
    """Wait until every notification is out, `wait_s` at most, then copy the stores; answers what was left undone.

    A snapshot that was taken before is replaced. Queues are read first, then the mailbox, then the database, so that
    a target that still works cannot look as if it had sent an e-mail without cause.
    Raises StackError when a store cannot be read; the record is then as it was.
    """
    return asyncio.run(_take(connection, sources, wait_s, on_progress))


def note_published(connection: sqlite3.Connection, database_url: str) -> None:
    """Enter the slots that the target has before a swarm into the ledger, as if each doctor had just published theirs.

    Raises StackError when the database cannot be read.
    """
    with _readable(f"the database {masked(database_url)}"):
        counts = asyncio.run(_slots_by_doctor(database_url))
    now_us = time.time_ns() // 1000
    rows = [
        (f"seeded:{doctor}", "seeder", "publish", doctor, doctor, now_us, now_us, now_us, "acknowledged", 201, slots)
        for doctor, slots in counts
    ]
    with connection:
        connection.executemany(
            "INSERT INTO ledger (key, worker, action, actor, subject, intended_us, sent_us, answered_us, outcome,"
            " status, created) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )


async def _slots_by_doctor(database_url: str) -> list[tuple[str, int]]:
    database = await asyncpg.connect(database_url, timeout=_TIMEOUT_S)
    try:
        rows = await database.fetch("SELECT doctor_id::text, count(*) FROM slots GROUP BY doctor_id")
    finally:
        await database.close()
    return [(row[0], row[1]) for row in rows]


async def _take(
    connection: sqlite3.Connection, sources: Sources, wait_s: float, on_progress: Callable[[str], None]
) -> Backlog:
    with (
        redis.Redis.from_url(
            sources.redis_url, decode_responses=True, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        ) as cache,
        _readable(f"the database {masked(sources.database_url)}"),
    ):
        database = await asyncpg.connect(
            sources.database_url, timeout=_TIMEOUT_S, server_settings={"application_name": "slotrush"}
        )
        try:
            backlog = await _wait(database, cache, sources, wait_s, on_progress)
            on_progress("Reading the target's stores")
            await _copy(connection, database, sources, backlog)
        finally:
            await database.close()
    return backlog


@contextmanager
def _readable(store: str) -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, redis.RedisError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise StackError(
            f"Snapshot: {store} cannot be read ({reason}). It must run until the stores are read"
        ) from error


async def _wait(
    database: Any, cache: Any, sources: Sources, wait_s: float, on_progress: Callable[[str], None]
) -> Backlog:
    started_s = moved_s = time.monotonic()
    told_s = float("-inf")
    backlog = await _backlog(database, cache, sources)
    while not backlog.drained:
        now_s = time.monotonic()
        if now_s - started_s >= wait_s or (backlog.queues_empty and now_s - moved_s >= _QUIET_S):
            break
        if now_s - told_s >= _PROGRESS_S:
            on_progress(f"Waiting for the notifications: {backlog}")
            told_s = now_s
        await asyncio.sleep(_POLL_S)
        before, backlog = backlog, await _backlog(database, cache, sources)
        if backlog != before:
            moved_s = time.monotonic()
    return backlog


async def _backlog(database: Any, cache: Any, sources: Sources) -> Backlog:
    outbox = await database.fetchval(_OUTBOX_SQL)
    with _readable(f"the cache {masked(sources.redis_url)}"):
        stream = _stream_depth(cache, sources.redis_key_prefix + STREAM)
        dead_letters = int(cache.xlen(sources.redis_key_prefix + DEAD_LETTERS))
    mails = _read_mailbox(sources.mailbox_path, "SELECT count(*) FROM mails")[0][0]
    return Backlog(outbox, stream, dead_letters, mails, await database.fetchval(_MAILS_DUE_SQL))


def _stream_depth(cache: Any, stream: str) -> int:
    """What the group has still to do: all of the stream when nobody made the group."""
    if not cache.exists(stream):
        return 0
    for group in cache.xinfo_groups(stream):
        if group["name"] == GROUP:
            lag = group["lag"]
            if lag is None:  # the server lost count, as it does when entries were deleted
                lag = len(cache.xrange(stream, min=f"({group['last-delivered-id']}"))
            return int(lag) + int(group["pending"])
    return int(cache.xlen(stream))


def _read_mailbox(path: Path, sql: str) -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_TIMEOUT_S)) as mailbox:
            return mailbox.execute(sql).fetchall()
    except sqlite3.Error as error:
        raise StackError(f"Snapshot: the mailbox {path} cannot be read ({error}). Look at the mailbox's log") from error


def _copies(path: Path, faulty_from_us: int) -> set[int]:
    """The rows of mails that came with the Message-ID and recipient of an earlier one, once there had been a fault.

    A mail server's acceptance and the sender's note of it cannot be made one, so a sender that dies in between must
    send again, by the same Message-ID; a mailbox then shows one mail, as Cyrus IMAP's duplicate delivery suppression
    and Exchange's duplicate detection have it. Where nothing was broken there is no reason to send anything twice.
    """
    seen: set[tuple[str, str]] = set()
    copies = set()
    for row, recipient, received_us, raw in _read_mailbox(path, _SEVERAL_SQL):
        mail = (recipient.lower(), str(BytesHeaderParser().parsebytes(raw).get("Message-ID", row)))
        if mail in seen and received_us >= faulty_from_us:
            copies.add(row)
        seen.add(mail)
    return copies


async def _copy(connection: sqlite3.Connection, database: Any, sources: Sources, backlog: Backlog) -> None:
    faulty_from_us = record.event_times(connection).get(record.FAULT_EVENT)
    copies = set() if faulty_from_us is None else _copies(sources.mailbox_path, faulty_from_us)
    arrived = _read_mailbox(
        sources.mailbox_path, "SELECT rowid, coalesce(event, ''), recipient, received_us FROM mails"
    )
    mails = [mail for row, *mail in arrived if row not in copies]
    if faulty_from_us is not None:
        record.put_meta(connection, **{SENT_AGAIN: len(copies)})
    depths = {"outbox": backlog.outbox, "stream": backlog.stream, "dead letters": backlog.dead_letters}
    with connection:
        for table in ("queue_depths", "stored_mails", *_STORED_SQL):
            connection.execute(f"DELETE FROM {table}")
        connection.executemany("INSERT INTO queue_depths VALUES (?, ?)", depths.items())
        connection.executemany("INSERT INTO stored_mails VALUES (?, ?, ?)", mails)
        async with database.transaction(isolation="repeatable_read", readonly=True):
            for table, sql in _STORED_SQL.items():
                await _copy_rows(connection, database, table, sql)


async def _copy_rows(connection: sqlite3.Connection, database: Any, table: str, sql: str) -> None:
    cursor = await database.cursor(sql)
    while rows := await cursor.fetch(_ROWS_PER_FETCH):
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", map(tuple, rows))


_SEVERAL_SQL: Final = """
SELECT rowid, recipient, received_us, raw FROM mails
WHERE (event, recipient) IN (SELECT event, recipient FROM mails GROUP BY event, recipient HAVING count(*) > 1)
ORDER BY received_us, rowid
"""

# Relies on the index appointment_events_to_relay.
_OUTBOX_SQL: Final = "SELECT count(*) FROM appointment_events WHERE relayed_at IS NULL"

# Who must hear of an event, one e-mail to each address (a patient and a doctor may share one). Of the states that are
# not named nobody hears, and a patient who was made anonymous hears of nothing. What an e-mail was dropped of, because
# something had overtaken it, is here all the same.
_DUE_SQL: Final = """
SELECT events.id AS event_id, patients.email
FROM appointment_events AS events
JOIN appointments ON appointments.id = events.appointment_id
JOIN patients ON patients.id = appointments.patient_id
WHERE events.state IN ('requested', 'accepted', 'declined', 'cancelled', 'rescheduled', 'offered', 'reminder')
  AND patients.email NOT LIKE '%@removed.invalid'
UNION
SELECT events.id, doctors.email
FROM appointment_events AS events
JOIN appointments ON appointments.id = events.appointment_id
JOIN doctors ON doctors.id = appointments.doctor_id
WHERE events.state IN ('requested', 'accepted', 'declined', 'cancelled', 'rescheduled')
"""

_MAILS_DUE_SQL: Final = f"""
SELECT count(*) FROM ({_DUE_SQL}) AS due
WHERE NOT EXISTS (
    SELECT FROM notifications
    WHERE notifications.event_id = due.event_id AND recipient = due.email AND state = 'overtaken'
)
"""

_STORED_SQL: Final = {
    "stored_slots": """
SELECT id::text, doctor_id::text,
       (extract(epoch FROM lower(during)) * 1000000)::bigint, (extract(epoch FROM upper(during)) * 1000000)::bigint
FROM slots
""",
    "stored_appointments": """
SELECT id::text, slot_id::text, doctor_id::text, patient_id::text,
       (extract(epoch FROM lower(during)) * 1000000)::bigint, (extract(epoch FROM upper(during)) * 1000000)::bigint,
       state, price_cents, idempotency_key, rescheduled_from::text
FROM appointments
""",
    # The ids of events are in the order of the changes: each is made once its appointment's row is locked, `at` before.
    "stored_transitions": f"""
SELECT events.id::text, events.appointment_id::text,
       row_number() OVER (PARTITION BY events.appointment_id ORDER BY events.id),
       events.state, events.actor_id::text, events.idempotency_key, (extract(epoch FROM events.at) * 1000000)::bigint,
       coalesce(due.recipients, '[]'), (patients.email LIKE '%@removed.invalid')::integer,
       (extract(epoch FROM CASE events.state WHEN 'offered' THEN appointments.offer_expires_at
                                             WHEN 'reminder' THEN lower(appointments.during) END) * 1000000)::bigint,
       due.overtaken_us
FROM appointment_events AS events
JOIN appointments ON appointments.id = events.appointment_id
JOIN patients ON patients.id = appointments.patient_id
LEFT JOIN (
    SELECT event_id, min(overtaken_us) AS overtaken_us,
           json_agg(CASE WHEN overtaken_us IS NULL THEN to_json(email)
                         ELSE json_build_object('address', email, 'overtaken_us', overtaken_us) END
                    ORDER BY email)::text AS recipients
    FROM (
        SELECT one.event_id, email, (extract(epoch FROM tried_at) * 1000000)::bigint AS overtaken_us
        FROM ({_DUE_SQL}) AS one
        LEFT JOIN notifications AS dropped
            ON dropped.event_id = one.event_id AND recipient = email AND dropped.state = 'overtaken'
    ) AS each
    GROUP BY event_id
) AS due ON due.event_id = events.id
""",
}
"""By table of the run record: its columns, in their order."""
