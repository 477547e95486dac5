import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis

from target_app.agenda.board import Board, LoadedAgenda
from target_app.agenda.feed import Feed

DOCTOR, SLOT, PATIENT = uuid4(), uuid4(), uuid4()


async def nothing(_: UUID) -> LoadedAgenda | None:
    return None


@asynccontextmanager
async def replica(redis_url: str, channel: str) -> AsyncIterator[tuple[Board, Feed]]:
    redis = Redis.from_url(redis_url)
    feed = Feed(redis, channel, time.monotonic)
    board = Board(nothing, feed.hears, time.monotonic)
    running = asyncio.create_task(feed.run(board))
    try:
        async with asyncio.timeout(10):
            while not feed.hears():
                await asyncio.sleep(0.01)
        yield board, feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.aclose()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_replicas_hear_of_each_others_changes(stack: Any) -> None:
    async def talk() -> None:
        channel = f"test:{uuid4()}"
        async with replica(stack.redis_url, channel) as (_, here), replica(stack.redis_url, channel) as (there, _):
            here.took(DOCTOR, SLOT, PATIENT)
            await until(lambda: there.holder(SLOT) == PATIENT)
            here.freed(DOCTOR, SLOT)
            await until(lambda: there.holder(SLOT) is None)

    asyncio.run(talk())


def test_a_replica_that_lost_the_channel_forgets_once_it_hears_again(stack: Any) -> None:
    async def cut() -> None:
        channel = f"test:{uuid4()}"
        async with replica(stack.redis_url, channel) as (board, feed):
            board.took(DOCTOR, SLOT, PATIENT)
            assert board.holder(SLOT) == PATIENT
            feed._heard_at_s = float("-inf")  # as after a long silence
            assert not feed.hears()
            await until(feed.hears)
            assert board.holder(SLOT) is None

    asyncio.run(cut())


def test_a_cut_connection_is_made_again(stack: Any) -> None:
    async def cut() -> None:
        channel = f"test:{uuid4()}"
        async with (
            replica(stack.redis_url, channel) as (_, here),
            replica(stack.redis_url, channel) as (there, _),
            Redis.from_url(stack.redis_url) as admin,
        ):
            for client in await admin.client_list(_type="pubsub"):
                await admin.client_kill_filter(_id=client["id"])
            here.took(DOCTOR, SLOT, PATIENT)
            deadline = time.monotonic() + 10
            while there.holder(SLOT) != PATIENT:
                assert time.monotonic() < deadline
                here.took(DOCTOR, SLOT, PATIENT)
                await asyncio.sleep(0.05)

    asyncio.run(cut())
