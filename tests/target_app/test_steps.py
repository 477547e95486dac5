"""What background workers do again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from target_app import steps
from target_app.steps import Step, for_ever


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "AGAIN_AFTER_S", 0.0)


class Done(Exception):
    """Ends a test's steps."""


def count_to(
    limit: int, *, more: bool, error: Exception | None = None
) -> tuple[list[int], Callable[[], Awaitable[bool]]]:
    seen: list[int] = []

    async def run() -> bool:
        seen.append(len(seen))
        if len(seen) == limit:
            raise Done
        if error is not None:
            raise error
        return more

    return seen, run


def repeat(*several: Step) -> None:
    with pytest.raises(Done):
        asyncio.run(for_ever(several))


def test_a_step_with_more_to_do_is_repeated_without_its_pause() -> None:
    seen, run = count_to(5, more=True)
    repeat(Step("hurry", run, pause_s=3600.0))
    assert len(seen) == 5


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ConnectionRefusedError("away"), id="nobody listens"),
        pytest.param(asyncpg.AdminShutdownError("terminating connection"), id="it ends"),
        pytest.param(asyncpg.InternalClientError("cannot switch to state 12"), id="it was just ending"),
    ],
)
def test_a_server_that_is_away_is_waited_for(error: Exception) -> None:
    seen, run = count_to(5, more=False, error=error)
    repeat(Step("patient", run, pause_s=3600.0))
    assert len(seen) == 5


def test_what_a_database_says_of_anybody_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = asyncpg.UniqueViolationError("duplicate key value")
    error.detail, error.constraint_name = "Key (email)=(maria@mail.example) already exists.", "accounts_email_key"
    _, run = count_to(2, more=False, error=error)
    repeat(Step("write", run, pause_s=3600.0))
    (line,) = caplog.messages
    assert "maria" not in line
    assert "write: UniqueViolationError 23505 accounts_email_key;" in line


def test_a_step_that_pauses_holds_up_no_other() -> None:
    _, hurrying = count_to(5, more=True)
    resting, rest = count_to(5, more=False)
    repeat(Step("rest", rest, pause_s=3600.0), Step("hurry", hurrying, pause_s=3600.0))
    assert len(resting) == 1


def test_what_loses_a_cancellation_is_cancelled_again() -> None:
    lost: list[str] = []

    async def deaf_at_first() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("one")

    async def run() -> None:
        working = asyncio.create_task(steps.together(deaf_at_first()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.wait([working], timeout=20)
        assert working.cancelled()

    asyncio.run(run())
    assert lost == ["one"]
