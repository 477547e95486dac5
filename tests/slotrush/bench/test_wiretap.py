"""What is said to PostgreSQL is counted on the wire."""

import asyncio
from typing import Any

import asyncpg

from slotrush.bench.wiretap import Wiretap


def test_statements_and_round_trips_are_counted(stack: Any) -> None:
    async def run() -> tuple[int, int]:
        async with Wiretap(stack.database_url) as tap:
            connection = await asyncpg.connect(tap.url)
            await connection.fetchval("SELECT $1::int", 1)  # prepared now: two round trips
            before = tap.statements, tap.round_trips
            for number in range(5):
                assert await connection.fetchval("SELECT $1::int", number) == number
            async with connection.transaction():
                await connection.fetchval("SELECT $1::int", 6)
            after = tap.statements, tap.round_trips
            await connection.close()
            return after[0] - before[0], after[1] - before[1]

    assert asyncio.run(run()) == (5 + 3, 5 + 3)
