"""Appointments by the hundred, the mailbox, and notifiers and pools beside the running ones."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import redis.asyncio
from aiosmtpd.controller import Controller

from target_app import database
from target_app.identity import keys
from target_app.identity.tokens import Tokens
from target_app.notifications.mailer import Mailer
from target_app.notifications.notifier import Notifier
from target_app.settings import Settings


@pytest.fixture
def mails(stack: Any) -> Callable[[UUID], list[str]]:
    """Who got an e-mail about the event, once for each e-mail."""

    def mails(event: UUID) -> list[str]:
        with closing(sqlite3.connect(stack.mailbox_path, timeout=10)) as mailbox:
            rows = mailbox.execute("SELECT recipient FROM mails WHERE event = ? ORDER BY recipient", (str(event),))
            return [recipient for (recipient,) in rows]

    return mails


@pytest.fixture
def events_of(sql: Callable[..., Any]) -> Callable[[str], list[Any]]:
    """The events of an appointment, in order."""

    def events_of(appointment: str) -> list[Any]:
        rows: list[Any] = sql("SELECT * FROM appointment_events WHERE appointment_id = $1 ORDER BY id", appointment)
        return rows

    return events_of


@pytest.fixture
def email(sql: Callable[..., Any]) -> Callable[[Any], str]:
    """Somebody's address."""
    return lambda somebody: str(sql("SELECT email FROM accounts WHERE id = $1", UUID(somebody.id))[0]["email"])


@pytest.fixture
def inside(stack: Any) -> Iterator[httpx.Client]:
    """The system as the staff reach it, who work beside a replica: the address that a local proxy tells of a local
    client is the machine's own, which need not be in the clinic's networks."""
    with httpx.Client(base_url=stack.replica_urls[0], timeout=30) as client:
        yield client


@pytest.fixture
def reception(stack: Any, sql: Callable[..., Any]) -> Callable[[Any], Any]:
    """Staff of a new clinic, in which the doctor then works."""
    tokens = Tokens(keys.load(stack.jwt_key_file))

    def reception(doctor: Any) -> Any:
        person, clinic, address = uuid4(), uuid4(), f"{uuid4()}@clinic.example"
        sql("INSERT INTO clinics (id, name) VALUES ($1, $2)", clinic, str(clinic))
        sql("INSERT INTO accounts (id, role, email, password_hash) VALUES ($1, 'staff', $2, '-')", person, address)
        sql("INSERT INTO staff (id, clinic_id, name, email) VALUES ($1, $2, 'Reception', $3)", person, clinic, address)
        sql("UPDATE doctors SET clinic_id = $2 WHERE id = $1", UUID(doctor.id), clinic)
        return replace(doctor, id=str(person), token=tokens.issue(person, "staff", 3600))

    return reception


@pytest.fixture
def appointments(sql: Callable[..., Any], patient: Any, doctor: Any) -> Callable[..., list[UUID]]:
    """`count` appointments of the patient with the doctor, 5 minutes each, the first `in_s` seconds from now."""

    def appointments(count: int, in_s: float, state: str = "accepted") -> list[UUID]:
        rows = sql(
            """
            WITH slot AS (
                INSERT INTO slots (doctor_id, during)
                SELECT $1, tstzrange(start, start + interval '5 min')
                FROM generate_series(0, $3 - 1) AS number,
                     LATERAL (SELECT now() + make_interval(secs => $4 + 300 * number)) AS moment (start)
                RETURNING *
            )
            INSERT INTO appointments (slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key)
            SELECT id, doctor_id, $2, during, 10000, $5, id::text FROM slot RETURNING id
            """,
            UUID(doctor.id),
            UUID(patient.id),
            count,
            in_s,
            state,
        )
        return [row["id"] for row in rows]

    return appointments


@pytest.fixture
def unsent(publish: Any, book: Any, patient: Any, sql: Any, events_of: Any, eventually: Any) -> UUID:
    """An event whose two e-mails the system does not know to have been sent."""
    (slot,) = publish()
    (event,) = events_of(book(patient, slot).json()["id"])
    sent = "SELECT FROM notifications WHERE event_id = $1 AND state = 'sent'"
    eventually(lambda: len(sql(sent, event["id"])) == 2)
    sql("DELETE FROM notifications WHERE event_id = $1", event["id"])
    return UUID(str(event["id"]))


class Office:
    """A real mail server that answers each recipient as `verdict` says, and keeps what it accepted.

    `verdict` gets the address and how many times it was asked for. A mail is accepted after `acceptance_s`.
    """

    HANGS_UP = ""
    """The verdict of a server that closes the connection instead of an answer."""

    def __init__(self, verdict: Callable[[str, int], str], pause_s: float = 0.0, acceptance_s: float = 0.0) -> None:
        self.verdict, self.pause_s, self.acceptance_s = verdict, pause_s, acceptance_s
        self.tries: dict[str, int] = {}
        self.accepted: list[str] = []

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        await asyncio.sleep(self.pause_s)
        self.tries[address] = self.tries.get(address, 0) + 1
        answer = self.verdict(address, self.tries[address])
        if answer == self.HANGS_UP:
            server.transport.abort()
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        await asyncio.sleep(self.acceptance_s)
        self.accepted.extend(envelope.rcpt_tos)
        return "250 OK"


@pytest.fixture
def office(free_port: int) -> Any:
    """Open a mail server on the free port: `with office(verdict) as it`."""

    class Opened(Office):
        def __enter__(self) -> Office:
            self.controller = Controller(self, hostname="127.0.0.1", port=free_port)
            self.controller.start()
            return self

        def __exit__(self, *_: object) -> None:
            self.controller.stop()

    return Opened


Members = Callable[..., AbstractAsyncContextManager[tuple[list[Notifier], redis.asyncio.Redis, str]]]


@pytest.fixture
def members(stack: Any, free_port: int) -> Members:
    """Notifiers on a stream of their own, where the running one takes no part; they send to the free port."""

    @asynccontextmanager
    async def members(count: int = 1, **options: Any) -> AsyncIterator[tuple[list[Notifier], redis.asyncio.Redis, str]]:
        stream = f"test:{uuid4()}"
        client = redis.asyncio.Redis.from_url(stack.redis_url)
        mailer = Mailer(f"smtp://127.0.0.1:{free_port}")
        async with pools(stack, 1) as (pool,):
            notifiers = [Notifier(pool, client, mailer, stream, f"member {n}", **options) for n in range(count)]
            try:
                await notifiers[0].join()
                yield notifiers, client, stream
            finally:
                await mailer.close()
                await client.delete(stream, f"{stream}:dead")
                await client.aclose()

    return members


@asynccontextmanager
async def pools(stack: Any, count: int, connections: int = 2) -> AsyncIterator[list[asyncpg.Pool]]:
    settings = Settings(
        stack.database_url, stack.redis_url, stack.smtp_url, stack.jwt_key_file, database_connections=connections
    )
    opened = [await database.connect(settings) for _ in range(count)]
    try:
        yield opened
    finally:
        for pool in opened:
            await pool.close()


@pytest.fixture
def many_pools(stack: Any) -> Callable[[int], AbstractAsyncContextManager[list[asyncpg.Pool]]]:
    """So many pools of the system's database."""
    return lambda count: pools(stack, count)
