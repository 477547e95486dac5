"""What counts as a database that is away, by what a real one makes of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from target_app import problems
from target_app.logs import Seldom
from target_app.problems import from_error

Connection = Any


async def is_too_slow(connection: Connection) -> None:
    await connection.fetch("SELECT pg_sleep(10)", timeout=0.1)


async def is_stopped(connection: Connection) -> None:
    await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def has_gone(connection: Connection) -> None:
    connection.terminate()
    await connection.fetch("SELECT 1")


async def is_asked_nonsense(connection: Connection) -> None:
    await connection.fetch("SELECT $1::integer", "one")


async def refuses(connection: Connection) -> None:
    await connection.fetch("SELECT 1 / 0")


def told(stack: Any, fail: Callable[[Connection], Awaitable[None]]) -> tuple[int, str]:
    async def run() -> tuple[int, str]:
        connection = await asyncpg.connect(stack.database_url)
        try:
            await fail(connection)
        except Exception as error:
            problem = from_error(error)
            return problem.status, problem.reason
        finally:
            connection.terminate()
        raise AssertionError("it did not fail")

    return asyncio.run(run())


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The levels of what is logged from now on, as if nothing had been yet."""
    monkeypatch.setattr(problems, "away", Seldom(pause_s=60.0))
    return lambda: [record.levelno for record in caplog.records if record.name == "target_app.problems"]


@pytest.mark.parametrize("fail", [is_too_slow, is_stopped, has_gone])
def test_a_database_that_is_away_may_come_back(
    stack: Any, fail: Callable[[Connection], Awaitable[None]], warnings: Callable[[], list[int]]
) -> None:
    assert told(stack, fail) == (503, "database-away")
    assert warnings() == [logging.WARNING]


def test_of_many_requests_that_find_the_database_away_the_log_says_it_once(
    stack: Any, warnings: Callable[[], list[int]]
) -> None:
    assert {told(stack, has_gone) for _ in range(5)} == {(503, "database-away")}
    assert warnings() == [logging.WARNING]


@pytest.mark.parametrize("fail", [is_asked_nonsense, refuses])
def test_a_database_that_answers_is_not_away(stack: Any, fail: Callable[[Connection], Awaitable[None]]) -> None:
    assert told(stack, fail) == (500, "internal-error")
