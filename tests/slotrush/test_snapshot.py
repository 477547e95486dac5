"""The snapshot, on a real PostgreSQL, Valkey and mailbox file; most tests play the notifier themselves."""

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from slotrush import audit, snapshot
from slotrush.errors import StackError
from slotrush.runs import record
from slotrush.snapshot import Sources
from slotrush.stack import StackUrls, mailbox
from tests.databases import Databases

PATIENT, DOCTOR, EVENT = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
SLOT, APPOINTMENT, KEY = str(uuid.UUID(int=4)), str(uuid.UUID(int=5)), "a-key"
STARTS_US, ENDS_US = 1_796_126_400_000_000, 1_796_128_200_000_000  # 2026-12-01T12:00Z, half an hour
PATIENT_MAIL, DOCTOR_MAIL = "patient@mail.test", "doctor@mail.test"

ONE_BOOKING = f"""
INSERT INTO accounts VALUES ('{PATIENT}', 'patient', '{PATIENT_MAIL}', '-');
INSERT INTO accounts VALUES ('{DOCTOR}', 'doctor', '{DOCTOR_MAIL}', '-');
INSERT INTO patients VALUES ('{PATIENT}', 'Paula', '00000000000', '{PATIENT_MAIL}');
INSERT INTO doctors VALUES ('{DOCTOR}', 'Davi', '0000', 'XX', 'snapshots', 25000, '{DOCTOR_MAIL}');
INSERT INTO slots VALUES ('{SLOT}', '{DOCTOR}', '[2026-12-01 12:00Z, 2026-12-01 12:30Z)');
INSERT INTO appointments
    SELECT '{APPOINTMENT}', id, doctor_id, '{PATIENT}', during, 25000, 'requested', '{KEY}' FROM slots
    WHERE id = '{SLOT}';
INSERT INTO appointment_events (id, appointment_id, state, actor_id, idempotency_key, at)
    VALUES ('{EVENT}', '{APPOINTMENT}', 'requested', '{PATIENT}', '{KEY}', '2026-11-30 00:00:00.000007Z');
"""

NO_BOOKING = f"""
DELETE FROM notifications WHERE event_id = '{EVENT}';
DELETE FROM appointment_events WHERE id = '{EVENT}';
DELETE FROM appointments WHERE id = '{APPOINTMENT}';
DELETE FROM slots WHERE id = '{SLOT}';
DELETE FROM patients WHERE id = '{PATIENT}';
DELETE FROM doctors WHERE id = '{DOCTOR}';
DELETE FROM accounts WHERE id IN ('{PATIENT}', '{DOCTOR}');
"""


class Target:
    """The stores of a booking system that nobody works on but the test."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.cache: Any = redis.Redis.from_url(sources.redis_url)
        self.stream = sources.redis_key_prefix + snapshot.STREAM

    def run(self, sql: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.sources.database_url)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        with ThreadPoolExecutor() as thread:  # one without an event loop, wherever we are called
            thread.submit(asyncio.run, run()).result()

    def relay(self) -> None:
        self.run("UPDATE appointment_events SET relayed_at = now()")

    def deliver(self, *recipients: str, event: str | None = EVENT, at_us: int = 9, message_id: str = "") -> None:
        raw = f"Message-ID: <{message_id}@mail.test>\r\n\r\n".encode() if message_id else b"\0"
        with closing(sqlite3.connect(self.sources.mailbox_path)) as mails, mails:
            mails.executemany(
                "INSERT INTO mails VALUES (?, ?, ?, 'clinic@mail.test', 'Booked', ?)",
                [(event, recipient, at_us, raw) for recipient in recipients],
            )


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[str]:
    """A database of this module's own, beside the one that the stack works on."""
    with databases.migrated("snapshot") as url:
        yield url


@pytest.fixture
def target(migrated: str, stack: StackUrls, tmp_path: Path) -> Iterator[Target]:
    path = tmp_path / "mail box.sqlite"
    mailbox.Store(path).close()
    target = Target(Sources(migrated, stack.redis_url, f"{uuid.uuid4().hex}:", path))
    yield target
    target.run("TRUNCATE accounts CASCADE")
    target.cache.delete(target.stream, f"{target.stream}:dead")
    target.cache.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(record.create(tmp_path / "run" / "run.sqlite")) as connection:
        yield connection


def take(run: sqlite3.Connection, sources: Sources, wait_s: float = 0) -> snapshot.Backlog:
    return snapshot.take(run, sources, wait_s, lambda _: None)


def rows(run: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    return run.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()


def recipients(run: sqlite3.Connection) -> Any:
    """Who must hear of the one event."""
    [(addresses,)] = run.execute("SELECT recipients FROM stored_transitions").fetchall()
    return json.loads(addresses)


def test_everything_that_is_stored_reaches_the_record(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING)
    target.relay()
    target.deliver(PATIENT_MAIL, DOCTOR_MAIL)
    target.deliver("stranger@mail.test", event=None)

    backlog = take(run, target.sources)

    assert backlog.drained
    assert rows(run, "stored_slots") == [(SLOT, DOCTOR, STARTS_US, ENDS_US)]
    assert rows(run, "stored_appointments") == [
        (APPOINTMENT, SLOT, DOCTOR, PATIENT, STARTS_US, ENDS_US, "requested", 25_000, KEY, None)
    ]
    [(*transition, recipients, forgotten, until_us, overtaken_us)] = rows(run, "stored_transitions")
    assert transition == [EVENT, APPOINTMENT, 1, "requested", PATIENT, KEY, 1_795_996_800_000_007]
    assert (json.loads(recipients), forgotten) == ([DOCTOR_MAIL, PATIENT_MAIL], 0)
    assert (until_us, overtaken_us) == (None, None)
    assert rows(run, "stored_mails") == [
        ("", "stranger@mail.test", 9),
        (EVENT, DOCTOR_MAIL, 9),
        (EVENT, PATIENT_MAIL, 9),
    ]
    assert rows(run, "queue_depths") == [("dead letters", 0), ("outbox", 0), ("stream", 0)]


def test_what_was_read_can_be_audited(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING)
    target.relay()
    target.deliver(PATIENT_MAIL, DOCTOR_MAIL)
    with run:
        run.executemany(
            "INSERT INTO ledger"
            " VALUES (?, 'w', ?, ?, ?, 1, 2, 3, 'acknowledged', 201, '', ?, ?, ?, ?, NULL, NULL, NULL)",
            [
                ("a-publication", "publish", DOCTOR, DOCTOR, None, None, None, 1),
                (KEY, "request", PATIENT, SLOT, APPOINTMENT, DOCTOR, 25_000, None),
            ],
        )

    take(run, target.sources)

    assert [check for check in audit.run_audit(run).checks if check.broken] == []


@pytest.mark.parametrize(
    ("fault_at_us", "message_ids", "shown"),
    [
        pytest.param(None, ("a", "a"), 2, id="where nothing was broken a copy is one too many"),
        pytest.param(15, ("a", "a"), 1, id="after a fault a mailbox shows it once"),
        pytest.param(25, ("a", "a"), 2, id="the fault explains nothing that was before it"),
        pytest.param(15, ("a", "b"), 2, id="another Message-ID is another mail"),
        pytest.param(15, ("", ""), 2, id="a mail without one is not known again"),
        pytest.param(15, ("a", "a", "a"), 1, id="more than one copy"),
    ],
)
def test_copies_after_a_fault_are_one_mail(
    run: sqlite3.Connection, target: Target, fault_at_us: int | None, message_ids: tuple[str, ...], shown: int
) -> None:
    for number, message_id in enumerate(message_ids, 1):
        target.deliver(PATIENT_MAIL, at_us=10 * number, message_id=message_id)
    target.deliver(DOCTOR_MAIL, at_us=30, message_id="a")
    if fault_at_us is not None:
        record.add_event(run, fault_at_us, record.FAULT_EVENT)

    take(run, target.sources)

    mails = [recipient for _, recipient, _ in rows(run, "stored_mails")]
    assert (mails.count(PATIENT_MAIL), mails.count(DOCTOR_MAIL)) == (shown, 1)
    again = record.get_meta(run).get(snapshot.SENT_AGAIN)
    assert again == (None if fault_at_us is None else len(message_ids) - shown)


def test_a_patient_and_a_doctor_with_one_address_get_one_mail(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING + f"UPDATE doctors SET email = '{PATIENT_MAIL}'")
    target.relay()
    target.deliver(PATIENT_MAIL)

    assert take(run, target.sources).drained
    assert recipients(run) == [PATIENT_MAIL]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, [DOCTOR_MAIL, PATIENT_MAIL]) for state in ("accepted", "declined", "cancelled", "rescheduled")),
        *((state, [PATIENT_MAIL]) for state in ("offered", "reminder")),
        *((state, []) for state in ("moved", "completed", "no_show", "expired")),
    ],
)
def test_who_must_hear_of_a_change_depends_on_it(
    run: sqlite3.Connection, target: Target, state: str, expected: list[str]
) -> None:
    target.run(ONE_BOOKING + f"UPDATE appointment_events SET state = '{state}'")
    target.relay()

    backlog = take(run, target.sources)

    assert backlog.mails_due == len(expected)
    assert recipients(run) == expected


@pytest.mark.parametrize(
    ("state", "until_us"),
    [("offered", STARTS_US - 3_600_000_000), ("reminder", STARTS_US), ("requested", None)],
    ids=["offer", "reminder", "booking"],
)
def test_what_was_overtaken_is_not_waited_for_and_says_when_it_was_dropped_and_how_long_it_was_good(
    run: sqlite3.Connection, target: Target, state: str, until_us: int | None
) -> None:
    target.run(ONE_BOOKING)
    target.run(
        f"""
UPDATE appointments SET offer_expires_at = '2026-12-01 11:00Z';
UPDATE appointment_events SET state = '{state}';
INSERT INTO notifications (event_id, recipient, state, tried_at)
    SELECT '{EVENT}', unnest(ARRAY['{PATIENT_MAIL}', '{DOCTOR_MAIL}']), 'overtaken', '2026-12-01 12:30Z';
"""
    )
    target.relay()

    assert take(run, target.sources).drained
    times = run.execute("SELECT until_us, overtaken_us FROM stored_transitions").fetchall()
    assert times == [(until_us, ENDS_US)]
    assert {"address": PATIENT_MAIL, "overtaken_us": ENDS_US} in recipients(run)
    assert DOCTOR_MAIL not in recipients(run)


def test_a_patient_who_was_made_anonymous_hears_of_nothing(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING + "UPDATE patients SET email = 'p1@removed.invalid'")
    target.relay()
    target.deliver(PATIENT_MAIL, DOCTOR_MAIL)  # before it was so

    take(run, target.sources)

    assert recipients(run) == [DOCTOR_MAIL]
    assert run.execute("SELECT forgotten FROM stored_transitions").fetchall() == [(1,)]
    audit.run_audit(run)
    assert run.execute("SELECT * FROM audit_findings WHERE invariant LIKE 'notifications%'").fetchall() == []


def test_a_history_is_in_the_order_of_its_changes(run: sqlite3.Connection, target: Target) -> None:
    """Not of `at`: who waits for a lock began before the one whose change came first."""
    later = f"""
INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key, at)
    VALUES ('{APPOINTMENT}', '%s', '{DOCTOR}', gen_random_uuid(), '%s');
"""
    target.run(ONE_BOOKING)
    target.run(later % ("accepted", "2026-11-30 00:00:09Z"))
    target.run(later % ("cancelled", "2026-11-30 00:00:08Z"))

    take(run, target.sources)

    assert run.execute("SELECT step, state FROM stored_transitions ORDER BY step").fetchall() == [
        (1, "requested"),
        (2, "accepted"),
        (3, "cancelled"),
    ]


def test_it_waits_until_the_notifications_are_out(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING)
    said: list[str] = []

    def notifier(progress: str) -> None:
        if not said:
            target.relay()
            target.deliver(PATIENT_MAIL, DOCTOR_MAIL)
        said.append(progress)

    backlog = snapshot.take(run, target.sources, 60, notifier)

    assert backlog == snapshot.Backlog(outbox=0, stream=0, dead_letters=0, mails=2, mails_due=2)
    assert said[0].endswith("outbox 1, stream 0, e-mails 0 of 2")
    assert len(rows(run, "stored_mails")) == 2


def test_a_full_backlog_is_recorded_when_the_wait_is_over(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING)
    target.cache.xgroup_create(target.stream, snapshot.GROUP, id="0", mkstream=True)
    for number in range(3):
        target.cache.xadd(target.stream, {"event": number})
    target.cache.xreadgroup(snapshot.GROUP, "a member", {target.stream: ">"}, count=1)
    target.cache.xadd(f"{target.stream}:dead", {"event": 9})

    backlog = take(run, target.sources)

    assert not backlog.drained
    assert str(backlog) == "outbox 1, stream 3, 1 dead letters, e-mails 0 of 2"
    assert rows(run, "queue_depths") == [("dead letters", 1), ("outbox", 1), ("stream", 3)]


def test_a_mail_that_never_comes_is_not_waited_for_long(
    run: sqlite3.Connection, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_QUIET_S", 0.0)
    target.run(ONE_BOOKING)
    target.relay()
    target.deliver(PATIENT_MAIL)

    backlog = take(run, target.sources, wait_s=3600)

    assert (backlog.mails, backlog.mails_due) == (1, 2)
    assert rows(run, "stored_mails") == [(EVENT, PATIENT_MAIL, 9)]


def test_the_depth_of_the_stream_is_what_the_group_has_still_to_do(run: sqlite3.Connection, target: Target) -> None:
    entries = [target.cache.xadd(target.stream, {"event": number}) for number in range(4)]
    assert take(run, target.sources).stream == 4  # nobody made the group

    target.cache.xgroup_create(target.stream, snapshot.GROUP, id="0")
    target.cache.xreadgroup(snapshot.GROUP, "a member", {target.stream: ">"}, count=1)
    assert take(run, target.sources).stream == 4  # one delivered, none finished

    target.cache.xack(target.stream, snapshot.GROUP, entries[0])
    assert take(run, target.sources).stream == 3

    target.cache.xdel(target.stream, entries[2])  # the server does not know the lag any more
    assert take(run, target.sources).stream == 2


def test_a_second_snapshot_takes_the_place_of_the_first(run: sqlite3.Connection, target: Target) -> None:
    target.run(ONE_BOOKING)
    target.deliver(PATIENT_MAIL)
    take(run, target.sources)
    target.relay()

    take(run, target.sources)

    assert [len(rows(run, f"stored_{kind}")) for kind in ("slots", "appointments", "transitions", "mails")] == [1] * 4
    assert ("outbox", 0) in rows(run, "queue_depths")


def test_the_real_notifier_is_waited_for(run: sqlite3.Connection, stack: StackUrls) -> None:
    sources = Sources(stack.database_url, stack.redis_url, stack.redis_key_prefix, stack.mailbox_path)
    target = Target(sources)
    target.run(ONE_BOOKING.replace("2026-12-01", "2126-12-01"))  # to come: a request whose time has come is ended
    try:
        backlog = take(run, sources, wait_s=60)
    finally:
        target.run(NO_BOOKING)

    mails = run.execute("SELECT recipient FROM stored_mails WHERE event = ?", (EVENT,)).fetchall()
    assert sorted(mails) == [(DOCTOR_MAIL,), (PATIENT_MAIL,)]
    assert backlog.queues_empty


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"database_url": "postgresql://me:secret@127.0.0.1:1/booking"}, r"database postgresql://me:\*\*\*@"),
        ({"redis_url": "redis://:secret@127.0.0.1:1/0"}, r"cache redis://:\*\*\*@"),
        ({"mailbox_path": Path("/nowhere/mailbox.sqlite")}, "mailbox /nowhere/mailbox.sqlite"),
    ],
    ids=["database", "cache", "mailbox"],
)
def test_a_store_that_cannot_be_read_is_named_and_the_record_stays_as_it_was(
    run: sqlite3.Connection, target: Target, broken: dict[str, Any], named: str
) -> None:
    target.run(ONE_BOOKING)
    take(run, target.sources)
    before = [rows(run, table) for table in ("stored_slots", "queue_depths")]

    with pytest.raises(StackError, match=named) as failure:
        take(run, replace(target.sources, **broken))

    assert "secret" not in str(failure.value)
    assert [rows(run, table) for table in ("stored_slots", "queue_depths")] == before
