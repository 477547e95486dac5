"""Where a read goes, and how old what it shows may be."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from target_app import database
from target_app.reads import NEVER_S, Coverage, Reads
from target_app.settings import Settings


def test_a_replica_covers_what_was_written_before_the_moment_whose_log_it_has_replayed() -> None:
    coverage = Coverage()
    assert coverage.until_s == NEVER_S
    coverage.written(10.0, 500)
    coverage.written(11.0, 700)
    coverage.replayed(499)
    assert coverage.until_s == NEVER_S
    coverage.replayed(600)
    assert coverage.until_s == 10.0
    coverage.replayed(700)
    assert coverage.until_s == 11.0


def test_a_replica_that_has_nothing_new_to_replay_is_not_late() -> None:
    coverage = Coverage()
    for at_s in range(100):
        coverage.written(float(at_s), 500)
        coverage.replayed(500)
        assert coverage.until_s == at_s


def test_a_replica_that_failed_or_went_back_covers_nothing_before_it_has_shown_it_again() -> None:
    coverage = Coverage()
    coverage.written(10.0, 500)
    coverage.replayed(500)
    coverage.lost()
    assert coverage.until_s == NEVER_S
    coverage.written(11.0, 600)
    coverage.replayed(600)
    coverage.written(12.0, 700)
    coverage.replayed(550)  # it was restarted
    assert coverage.until_s == NEVER_S
    coverage.replayed(700)
    assert coverage.until_s == 12.0


def test_there_is_no_replica_unless_it_is_asked_for(stack: Any) -> None:
    assert stack.database_read_url is None
    assert stack.environment()["DATABASE_READ_URL"] == ""


@asynccontextmanager
async def reading(stack: Any, read_url: str | None) -> AsyncIterator[Reads]:
    settings = Settings(stack.database_url, stack.redis_url, stack.smtp_url, stack.jwt_key_file, database_connections=2)
    primary = await database.connect(settings)
    replica = await database.connect_replica(replace(settings, database_read_url=read_url))
    reads = Reads(primary, replica, time.monotonic)
    watching = asyncio.create_task(reads.watch())
    try:
        yield reads
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await database.close_replica(replica)
        await primary.close()


@pytest.mark.parametrize("known", [True, False])
def test_without_a_replica_the_primary_is_read(stack: Any, known: bool) -> None:
    async def read() -> None:
        async with reading(stack, None) as reads:
            asked_s = time.monotonic()
            fetch = reads.fetch_known if known else reads.fetch
            rows, as_of_s = await fetch("SELECT $1::int AS number", 7, since_s=float("inf"))
            assert rows[0]["number"] == 7
            assert as_of_s >= asked_s

    asyncio.run(read())


def test_a_server_that_is_no_replica_is_not_read_and_said_so_once(stack: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> None:
        async with reading(stack, stack.database_url) as reads:
            for _ in range(20):
                asked_s = time.monotonic()
                assert (await reads.fetch("SELECT 1")).as_of_s >= asked_s
                await asyncio.sleep(0.1)

    with caplog.at_level(logging.WARNING, "target_app.reads"):
        asyncio.run(read())
    assert [record.getMessage() for record in caplog.records] == [
        "the primary is read: DATABASE_READ_URL is no replica of the primary"
    ]


def test_a_replica_that_is_not_there_is_no_reason_not_to_start(
    stack: Any, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def read() -> None:
        async with reading(stack, f"postgresql://postgres@127.0.0.1:{free_port}/x") as reads:
            for _ in range(20):
                assert (await reads.fetch("SELECT 1 AS one")).rows[0]["one"] == 1
                await asyncio.sleep(0.1)

    with caplog.at_level(logging.WARNING, "target_app.reads"):
        asyncio.run(read())
    assert len(caplog.records) == 1
