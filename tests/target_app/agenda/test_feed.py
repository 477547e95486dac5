import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import orjson
import pytest
from redis.asyncio import Redis

from target_app.agenda.board import Board, LoadedAgenda
from target_app.agenda.feed import GATHER_S, LOOK_S, LOOKS_AHEAD, WAIT_S, Feed, announce

DOCTOR, SLOT, OTHER_SLOT, PATIENT = uuid4(), uuid4(), uuid4(), uuid4()
LOOKERS = 3
"""This test's replica and the two of the stack."""


async def nothing(_: UUID, __: float) -> LoadedAgenda | None:
    return None


@asynccontextmanager
async def replica(redis_url: str, stream: str) -> AsyncIterator[tuple[Board, Feed]]:
    redis = Redis.from_url(redis_url)
    feed = Feed(redis, stream, time.monotonic)
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
        stream = f"test:{uuid4()}"
        async with replica(stack.redis_url, stream) as (_, here), replica(stack.redis_url, stream) as (there, _):
            here.took(DOCTOR, SLOT, PATIENT)
            await until(lambda: there.holder(SLOT) == PATIENT)
            here.freed(DOCTOR, SLOT)
            await until(lambda: there.holder(SLOT) is None)

    asyncio.run(talk())


def test_a_replica_that_lost_the_stream_forgets_once_it_hears_again(stack: Any) -> None:
    async def cut() -> None:
        stream = f"test:{uuid4()}"
        async with replica(stack.redis_url, stream) as (board, feed):
            board.took(DOCTOR, SLOT, PATIENT)
            assert board.holder(SLOT) == PATIENT
            feed._heard_at_s = float("-inf")  # as after a long silence
            assert not feed.hears()
            await until(feed.hears)
            assert board.holder(SLOT) is None

    asyncio.run(cut())


def test_a_cut_connection_is_made_again(stack: Any) -> None:
    async def cut() -> None:
        stream = f"test:{uuid4()}"
        async with (
            replica(stack.redis_url, stream) as (_, here),
            replica(stack.redis_url, stream) as (there, _),
            Redis.from_url(stack.redis_url) as admin,
        ):
            for client in await admin.client_list():
                if "xread" in client["cmd"]:
                    await admin.client_kill_filter(_id=client["id"])
            here.took(DOCTOR, SLOT, PATIENT)
            deadline = time.monotonic() + 10
            while there.holder(SLOT) != PATIENT:
                assert time.monotonic() < deadline
                here.took(DOCTOR, SLOT, PATIENT)
                await asyncio.sleep(0.05)

    asyncio.run(cut())


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "null",
        "[]",
        '["elsewhere", 1]',
        '["elsewhere", [["took"]]]',
        '["elsewhere", [["took", "a doctor", "a slot", "a patient"]]]',
        '["elsewhere", [["took", 1, 2, 3]]]',
        '["elsewhere", [["renamed", "d", "s", "p"]]]',
    ],
)
def test_a_message_that_cannot_be_read_costs_what_is_remembered_and_nothing_else(
    stack: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def garble() -> None:
        stream = f"test:{uuid4()}"
        async with replica(stack.redis_url, stream) as (board, _), Redis.from_url(stack.redis_url) as other:
            board.took(DOCTOR, SLOT, PATIENT)
            await other.xadd(stream, {"said": message})
            await until(lambda: board.holder(SLOT) is None)
            await announce(other, stream, [("took", DOCTOR, SLOT, PATIENT)])
            await until(lambda: board.holder(SLOT) == PATIENT)

    with caplog.at_level(logging.ERROR, logger="target_app"):
        asyncio.run(garble())
    assert [message in record.getMessage() for record in caplog.records] == [False]


@pytest.mark.long
def test_a_server_that_falls_silent_is_given_up_and_connected_to_again(stack: Any) -> None:
    """Nothing is refused and no connection ends: what goes there is lost."""

    async def fall_silent() -> None:
        stream = f"test:{uuid4()}"
        async with (
            replica(stack.redis_url, stream) as (there, _),
            hole(stack.redis_url) as (url, dig),
            replica(url, stream) as (board, feed),
        ):
            await asyncio.sleep(2 * LOOK_S)
            feed.took(DOCTOR, OTHER_SLOT, PATIENT)  # on another connection than the one that is listening
            await until(lambda: there.holder(OTHER_SLOT) == PATIENT)
            await asyncio.sleep(2 * LOOK_S)
            dig()
            feed.took(DOCTOR, SLOT, PATIENT)
            await until(lambda: not feed.hears())
            board.took(DOCTOR, SLOT, PATIENT)
            await until(feed.hears)
            await until(lambda: board.holder(SLOT) is None)
            await until(lambda: there.holder(SLOT) == PATIENT)

    asyncio.run(fall_silent())


@asynccontextmanager
async def hole(redis_url: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """A way to the server, and what makes the connections that there are then go nowhere."""
    there = urlsplit(redis_url)
    relays: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_connection(there.hostname, there.port)
        writers.extend((writer, asked))
        relays.extend((asyncio.create_task(copy(reader, asked)), asyncio.create_task(copy(answers, writer))))

    def dig() -> None:
        for task in relays:
            task.cancel()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield there._replace(netloc=f"127.0.0.1:{server.sockets[0].getsockname()[1]}").geturl(), dig
    finally:
        dig()
        server.close()
        for writer in writers:
            writer.close()


def test_the_first_change_is_told_at_once_and_what_follows_together(stack: Any) -> None:
    async def talk() -> None:
        stream = f"test:{uuid4()}"
        told: list[list[Any]] = []
        async with (
            replica(stack.redis_url, stream) as (_, here),
            Redis.from_url(stack.redis_url) as other,
        ):
            heard_to = b"0"

            async def hear() -> None:
                nonlocal heard_to
                answer: Any = await other.xread({stream: heard_to}, block=round(WAIT_S * 1000))
                for _, messages in answer:
                    told.extend(orjson.loads(message[b"said"])[1] for _, message in messages)
                    heard_to = messages[-1][0]

            began_s = time.monotonic()
            for number in range(100):
                here.freed(DOCTOR, UUID(int=number))
                await asyncio.sleep(GATHER_S / 20)
            while sum(map(len, told)) < 100:
                await hear()
            assert len(told[0]) == 1
            assert len(told) <= (time.monotonic() - began_s) / GATHER_S + 1

    asyncio.run(talk())


def test_many_messages_are_heard_in_few_looks(stack: Any) -> None:
    """What listening costs must not grow with the number of those who speak."""

    async def listen() -> tuple[int, float]:
        stream = f"test:{uuid4()}"
        async with replica(stack.redis_url, stream) as (board, _), Redis.from_url(stack.redis_url) as others:
            before, began_s = await looks(others), time.monotonic()
            for number in range(200):
                await announce(others, stream, [("took", DOCTOR, UUID(int=number), PATIENT)])
                await asyncio.sleep(0.005)
            await until(lambda: board.holder(UUID(int=199)) == PATIENT)
            return await looks(others) - before, time.monotonic() - began_s

    found, took_s = asyncio.run(listen())
    assert found <= LOOKERS * (took_s / LOOK_S + LOOKS_AHEAD + 2)


async def looks(redis: Redis) -> int:
    """By all who have ever listened at this server."""
    return int((await redis.info("commandstats"))["cmdstat_xread"]["calls"])


def test_it_ends_at_once_whenever_it_is_told_to(stack: Any) -> None:
    """Also while it still connects, when the Redis client may lose the first cancellation."""

    async def run(turns_of_the_loop: int) -> None:
        redis = Redis.from_url(stack.redis_url)
        feed = Feed(redis, "test:ending", time.monotonic)
        running = asyncio.create_task(feed.run(Board(nothing, feed.hears, time.monotonic)))
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running], timeout=20)
        assert running.cancelled()
        await redis.aclose()

    for turns in range(60):
        asyncio.run(run(turns))
