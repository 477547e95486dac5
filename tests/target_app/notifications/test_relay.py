import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from target_app.database import connect
from target_app.notifications import relay
from target_app.settings import Settings

LATE_S = relay.LOST_AFTER_S + 60
DAY_S = 86_400.0


@asynccontextmanager
async def outbox(stack: Any) -> AsyncIterator[asyncpg.Connection]:
    """An outbox of this test's own, in front of the real table, on the one connection of the pool."""
    settings = Settings(stack.database_url, stack.redis_url, stack.smtp_url, stack.jwt_key_file, database_connections=1)
    pool = await connect(settings)
    try:
        await pool.execute(
            "CREATE TEMPORARY TABLE appointment_events"
            " (id uuid, at timestamptz, requeued_at timestamptz, relayed_at timestamptz)"
        )
        yield pool
    finally:
        await pool.close()


async def add(pool: asyncpg.Pool, count: int, age_s: float = 0.0, requeued_s: float | None = None) -> None:
    """Events that happened `age_s` ago, and were put into the outbox again `requeued_s` ago."""
    await pool.execute(
        "INSERT INTO appointment_events"
        " SELECT $1, clock_timestamp() - make_interval(secs => $2), clock_timestamp() - make_interval(secs => $3), NULL"
        " FROM generate_series(1, $4)",
        uuid4(),
        age_s,
        requeued_s,
        count,
    )


@pytest.mark.parametrize(
    ("events", "waits"),
    [
        ([], False),
        ([(relay.RUSH_EVENTS - 1, 0.0)], False),
        ([(relay.RUSH_EVENTS, 0.0)], True),
        ([(10 * relay.RUSH_EVENTS, relay.RUSH_WINDOW_S + 1)], False),
        ([(relay.RUSH_EVENTS, 0.0), (1, relay.HELD_BACK_MAX_S - 5)], True),
        ([(relay.RUSH_EVENTS, 0.0), (1, relay.HELD_BACK_MAX_S + 1)], False),
        ([(relay.RUSH_EVENTS, 0.0), (1, 86_400.0, 1.0)], True),
        ([(relay.RUSH_EVENTS, 0.0), (1, 86_400.0, relay.HELD_BACK_MAX_S + 1)], False),
        ([(relay.RUSH_EVENTS, 86_400.0, 0.0)], False),
    ],
)
def test_e_mails_wait_for_the_end_of_a_rush_but_not_for_ever(
    stack: Any, events: list[tuple[float, ...]], waits: bool
) -> None:
    async def go() -> bool:
        async with outbox(stack) as pool:
            for count, *ages_s in events:
                await add(pool, int(count), *ages_s)
            return await relay.should_wait(pool)

    assert asyncio.run(go()) is waits


@pytest.mark.parametrize(
    ("events", "lag_s"), [([], 0.0), ([(5, 100.0), (1, 1_000.0)], 1_000.0), ([(1, 86_400.0, 30.0)], 30.0)]
)
def test_the_lag_is_that_of_the_event_that_waits_longest(
    stack: Any, events: list[tuple[float, ...]], lag_s: float
) -> None:
    async def go() -> float:
        async with outbox(stack) as pool:
            for count, *ages_s in events:
                await add(pool, int(count), *ages_s)
            return await relay.lag_s(pool)

    assert asyncio.run(go()) == pytest.approx(lag_s, abs=10.0 if events else 0.0)


@pytest.fixture
def is_lost(stack: Any, unsent: UUID, patient: Any, email: Any) -> Callable[..., bool]:
    """Whether an event is taken for lost; what is done to find out is undone.

    Its e-mails are not known to have been sent, its entry is gone; it was relayed `relayed_s` ago. `ages_s`: of the
    entries that the stream has, the oldest first. `changes` are made before.
    """

    async def go(relayed_s: float, ages_s: Sequence[float], changes: Sequence[str]) -> bool:
        redis = Redis.from_url(stack.redis_url)
        connection, stream = await asyncpg.connect(stack.database_url), f"test:{uuid4()}"
        undone = connection.transaction()
        await undone.start()
        try:
            for age_s in ages_s:
                await redis.xadd(stream, {"event": "another"}, id=f"{1_000 * (time.time() - age_s):.0f}-0")
            relayed = "UPDATE appointment_events SET relayed_at = now() - make_interval(secs => $2) WHERE id = $1"
            await connection.execute(relayed, unsent, relayed_s)
            for change in changes:
                await connection.execute(change.format(event=unsent, patient=patient.id, address=email(patient)))
            lost = await relay.regain(connection, redis, stream)
            waits = "SELECT relayed_at IS NULL FROM appointment_events WHERE id = $1"
            is_lost = bool(await connection.fetchval(waits, unsent))
            assert lost >= is_lost
            return is_lost
        finally:
            await undone.rollback()
            await connection.close()
            await redis.delete(stream)
            await redis.aclose()

    return lambda relayed_s=LATE_S, ages_s=(), changes=(): asyncio.run(go(relayed_s, ages_s, changes))


BEGUN = "INSERT INTO notifications (event_id, recipient, state) VALUES ('{event}', '{address}', 'sending')"
REMIND = "UPDATE appointment_events SET state = 'reminder' WHERE id = '{event}'"
REMOVE = "UPDATE patients SET cpf = NULL, removed_at = now() WHERE id = '{patient}'"


def of_one(change: str) -> str:
    return f"UPDATE notifications SET {change} WHERE event_id = '{{event}}'"


@pytest.mark.parametrize(
    ("relayed_s", "ages_s", "lost"),
    [
        (LATE_S, [], True),
        (LATE_S, [0.0], True),
        (DAY_S, [DAY_S / 2], True),
        (LATE_S - 120, [], False),
        (LATE_S, [120.0, 0.0], False),
        (DAY_S, [2 * DAY_S, 0.0], False),
        (8 * DAY_S, [], False),
    ],
)
def test_an_event_is_lost_that_was_relayed_long_before_all_that_the_stream_has(
    is_lost: Callable[..., bool], relayed_s: float, ages_s: list[float], lost: bool
) -> None:
    """But not what waits in a long queue, nor what nobody wants to know any more."""
    assert is_lost(relayed_s, ages_s) is lost


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ([BEGUN], True),
        ([BEGUN, of_one("leased_until = now()")], True),
        ([BEGUN, of_one("leased_until = now() + interval '1 min'")], False),
        ([BEGUN, of_one("retry_at = now() + interval '1 min'")], False),
        ([BEGUN, of_one("state = 'sent'")], False),
        ([BEGUN, of_one("state = 'failed'")], False),
        ([REMIND], True),
        ([REMIND, REMOVE], False),
        ([REMOVE], True),
        (["UPDATE appointment_events SET state = 'moved' WHERE id = '{event}'"], False),
    ],
)
def test_an_event_is_not_lost_when_who_must_be_told_was_or_is_or_will_be(
    is_lost: Callable[..., bool], changes: list[str], lost: bool
) -> None:
    assert is_lost(changes=changes) is lost


def test_the_e_mails_about_an_event_that_the_stream_has_lost_are_sent(
    stack: Any, many_pools: Any, unsent: UUID, sql: Any, mails: Any, eventually: Any
) -> None:
    async def regain() -> None:
        redis, stream = Redis.from_url(stack.redis_url), f"test:{uuid4()}"
        try:
            async with many_pools(1) as (pool,):
                await redis.xadd(stream, {"event": str(unsent)})
                await redis.delete(stream)
                await relay.regain(pool, redis, stream)
        finally:
            await redis.aclose()

    before = len(mails(unsent))
    sql("UPDATE appointment_events SET relayed_at = now() - make_interval(secs => $2) WHERE id = $1", unsent, LATE_S)
    asyncio.run(regain())
    eventually(lambda: len(mails(unsent)) == before + 2)
