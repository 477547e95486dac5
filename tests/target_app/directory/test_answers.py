"""What is remembered, for how long, and how often it is made."""

import asyncio

import pytest

from target_app.directory.answers import REMEMBERED_MAX, STALENESS_S, Answer, Answers


class Clock:
    now_s = 100.0


class Kitchen:
    """Makes answers, each numbered, that are `old_s` old when they are made."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.made, self.old_s = clock, 0, 0.0

    async def make(self) -> Answer:
        self.made += 1
        number = self.made
        await asyncio.sleep(0)
        return Answer(b"%d" % number, self.clock.now_s - self.old_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kitchen(clock: Clock) -> Kitchen:
    return Kitchen(clock)


@pytest.fixture
def answers(clock: Clock) -> Answers:
    return Answers(lambda: clock.now_s)


def test_all_who_ask_at_once_share_one_answer(answers: Answers, kitchen: Kitchen) -> None:
    async def ask() -> list[bytes]:
        return await asyncio.gather(*(answers.once(b"q", kitchen.make) for _ in range(50)))

    assert set(asyncio.run(ask())) == {b"1"}


def test_an_answer_is_remembered_until_it_is_stale(answers: Answers, kitchen: Kitchen, clock: Clock) -> None:
    asyncio.run(answers.once(b"q", kitchen.make))
    clock.now_s += STALENESS_S
    assert answers.known(b"q") == b"1"
    assert answers.known(b"other") is None
    clock.now_s += 0.01
    assert answers.known(b"q") is None


def test_the_age_of_what_was_read_counts(answers: Answers, kitchen: Kitchen, clock: Clock) -> None:
    """An answer from a replica that is 2 s behind is not remembered for 5 s more."""
    kitchen.old_s = 2.0
    asyncio.run(answers.once(b"q", kitchen.make))
    clock.now_s += STALENESS_S - 2.0
    assert answers.known(b"q") == b"1"
    clock.now_s += 0.01
    assert answers.known(b"q") is None


def test_an_error_reaches_all_who_wait_and_is_not_remembered(answers: Answers, kitchen: Kitchen) -> None:
    async def fail() -> Answer:
        await asyncio.sleep(0)
        raise ConnectionError

    async def ask() -> None:
        outcomes = await asyncio.gather(*(answers.once(b"q", fail) for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
        assert answers.known(b"q") is None
        assert await answers.once(b"q", kitchen.make) == b"1"

    asyncio.run(ask())


def test_who_leaves_takes_nobodys_answer_away(answers: Answers, kitchen: Kitchen) -> None:
    async def ask() -> None:
        impatient = asyncio.create_task(answers.once(b"q", kitchen.make))
        patient = asyncio.create_task(answers.once(b"q", kitchen.make))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient == b"1"

    asyncio.run(ask())


def test_what_is_remembered_is_bounded(answers: Answers, kitchen: Kitchen) -> None:
    async def ask() -> None:
        for number in range(REMEMBERED_MAX + 1):
            await answers.once(b"%d" % number, kitchen.make)
        assert answers.known(b"0") is None
        assert answers.known(b"%d" % REMEMBERED_MAX) is not None

    asyncio.run(ask())
