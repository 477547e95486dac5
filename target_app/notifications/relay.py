"""Outbox to stream: hands the events that bookings left in the database to the Redis stream.

An event is marked as relayed in the same transaction that locks it, after the stream has it: it may be relayed twice
when the process dies in between, never zero times. What the stream loses afterwards, with its machine or in a
failover, is put into the outbox again.
"""

from typing import Any, Final

import asyncpg
from redis.asyncio import Redis

from target_app.database import sql

BATCH: Final = 1_000
RUSH_WINDOW_S: Final = 3.0
RUSH_EVENTS: Final = 100
"""So many events within the window are a rush."""
HELD_BACK_MAX_S: Final = 20.0
LOST_AFTER_S: Final = 300.0
"""What was relayed so long ago, and is not in the stream, is lost or done. Clocks may differ by as much."""
_LOST: Final = sql(__package__, "lost")


async def should_wait(pool: asyncpg.Pool) -> bool:
    """Whether the events should stay where they are for now: patients race for slots, and every e-mail that is sent
    meanwhile makes them wait. But nobody's e-mail is held back for longer than HELD_BACK_MAX_S."""
    rush: bool = await pool.fetchval(
        """
        SELECT count(*) FILTER (WHERE at > now() - make_interval(secs => $1)) >= $2
               AND min(coalesce(requeued_at, at)) > now() - make_interval(secs => $3)
        FROM appointment_events WHERE relayed_at IS NULL
        """,
        RUSH_WINDOW_S,
        RUSH_EVENTS,
        HELD_BACK_MAX_S,
    )
    return rush


async def lag_s(pool: asyncpg.Pool) -> float:
    """How long the oldest event has been waiting; 0 when there is none. Uses appointment_events_to_relay."""
    waiting: float = await pool.fetchval(
        """
        SELECT coalesce(extract(epoch FROM now() - min(coalesce(requeued_at, at))), 0)::float8
        FROM appointment_events WHERE relayed_at IS NULL
        """
    )
    return waiting


async def relay(pool: asyncpg.Pool, redis: Redis, stream: str) -> int:
    """Relay up to BATCH events and return how many there were. Uses appointment_events_to_relay."""
    async with pool.acquire() as connection, connection.transaction():
        rows: list[Any] = await connection.fetch(
            """
            SELECT id FROM appointment_events WHERE relayed_at IS NULL
            ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
            """,
            BATCH,
        )
        if rows:
            async with redis.pipeline(transaction=False) as pipeline:
                for row in rows:
                    pipeline.xadd(stream, {"event": str(row["id"])})
                await pipeline.execute()
            await connection.execute(
                "UPDATE appointment_events SET relayed_at = now() WHERE id = ANY ($1::uuid[])",
                [row["id"] for row in rows],
            )
        return len(rows)


async def regain(pool: asyncpg.Pool, redis: Redis, stream: str) -> int:
    """Put up to BATCH events that the stream has lost into the outbox again, and return how many there were.

    Any number of workers may do this at once. What is not lost after all is sent no second time (claim.sql).
    """
    oldest: Any = await redis.xrange(stream, count=1)
    added_s = int(oldest[0][0].partition(b"-")[0]) / 1_000 if oldest else None
    count: int = await pool.fetchval(_LOST, added_s, LOST_AFTER_S, BATCH)
    return count
