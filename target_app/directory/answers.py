"""Answers that are made once for all who ask at the same time, and remembered for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

STALENESS_S: Final = 5.0
"""How far an answer may be behind the database."""
REMEMBERED_MAX: Final = 1_000


class Answer(NamedTuple):
    """`as_of_s`: everything that was committed before this moment is in the body."""

    body: bytes
    as_of_s: float


class Answers:
    """`now_s` is a monotonic clock. Keys are the words of the question."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._made: dict[bytes, Answer] = {}
        self._making: dict[bytes, asyncio.Future[Answer]] = {}

    def known(self, key: bytes) -> bytes | None:
        """None when nobody has asked for a while."""
        answer = self._made.get(key)
        if answer is None or self._now_s() - answer.as_of_s > STALENESS_S:
            return None
        return answer.body

    async def once(self, key: bytes, make: Callable[[], Awaitable[Answer]]) -> bytes:
        """The answer that `make` makes; whoever else asks meanwhile waits for the same one, or the same error."""
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.ensure_future(make())
            making.add_done_callback(lambda made: self._keep(key, made))
        return (await asyncio.shield(making)).body

    def _keep(self, key: bytes, made: "asyncio.Future[Answer]") -> None:
        del self._making[key]
        if made.cancelled() or made.exception() is not None:
            return
        if len(self._made) >= REMEMBERED_MAX:
            self._made.clear()
        self._made[key] = made.result()
