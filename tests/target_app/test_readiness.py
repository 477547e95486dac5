"""Whether the database answers: asked once for all who want to know, and never remembered when it does not."""

import asyncio

import pytest

from target_app.readiness import FRESH_S, LIMIT_S, Readiness


class Question:
    """How often it was asked, and what comes of it."""

    def __init__(self) -> None:
        self.asked, self.fails, self.takes_s = 0, False, 0.0

    async def __call__(self) -> None:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ConnectionError


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def ask() -> Question:
    return Question()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readiness(ask: Question, clock: Clock) -> Readiness:
    return Readiness(ask, clock)


def test_all_who_ask_within_a_second_ask_once(readiness: Readiness, ask: Question, clock: Clock) -> None:
    async def scene() -> None:
        ask.takes_s = 0.01
        await asyncio.gather(*(readiness.require() for _ in range(40)))
        assert ask.asked == 1
        clock.now_s += FRESH_S / 2
        await readiness.require()
        assert ask.asked == 1
        clock.now_s += FRESH_S / 2
        await readiness.require()
        assert ask.asked == 2

    asyncio.run(scene())


def test_a_database_that_does_not_answer_is_asked_again_by_whoever_comes_next(
    readiness: Readiness, ask: Question
) -> None:
    async def scene() -> None:
        ask.fails = True
        for asked in (1, 2):
            with pytest.raises(ConnectionError):
                await readiness.require()
            assert ask.asked == asked
        ask.fails = False
        await readiness.require()

    asyncio.run(scene())


def test_nobody_waits_longer_than_the_limit_also_not_for_others_who_wait(readiness: Readiness, ask: Question) -> None:
    async def scene() -> None:
        ask.takes_s = 10 * LIMIT_S
        async with asyncio.timeout(1.5 * LIMIT_S):
            found = await asyncio.gather(*(readiness.require() for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in found] == [TimeoutError] * 3

    asyncio.run(scene())
