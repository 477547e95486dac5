import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from target_app.database import connect
from target_app.notifications import relay
from target_app.settings import Settings


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
