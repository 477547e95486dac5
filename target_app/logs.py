"""What logs tell of errors: nothing that is anybody's."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator

import asyncpg


def words(error: BaseException) -> str:
    """What is wrong. The database's own words quote rows and arguments, so of them only the kind of the error, its code
    and the broken constraint are told."""
    if isinstance(error, asyncpg.PostgresError):
        parts = (type(error).__name__, error.sqlstate, getattr(error, "constraint_name", None))
        return " ".join(part for part in parts if part)
    if _quotes(error):
        return type(error).__name__
    return str(error) or type(error).__name__


def failure(
    log: logging.Logger, error: BaseException, message: str, *arguments: object, level: int = logging.ERROR
) -> None:
    """Log an error that nobody expected, with its traceback."""
    if any(_quotes(each) for each in _chain(error)):
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.log(level, f"{message}: %s\n%s", *arguments, words(error), frames)
    else:
        log.log(level, message, *arguments, exc_info=error)


class Seldom:
    """Warns at most once in `pause_s`, however often there is reason to. `now_s` is a monotonic clock."""

    def __init__(self, pause_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._pause_s, self._now_s = pause_s, now_s
        self._warned_at_s = float("-inf")

    def warn(self, log: logging.Logger, message: str, *arguments: object) -> None:
        now_s = self._now_s()
        if now_s - self._warned_at_s >= self._pause_s:
            self._warned_at_s = now_s
            log.warning(message, *arguments)


def _quotes(error: BaseException) -> bool:
    """Of the database or, where an argument was none that it takes, of asyncpg."""
    return isinstance(error, asyncpg.PostgresError) or (
        isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that its traceback would tell of too."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _chain(each)
        error = error.__cause__ or error.__context__
