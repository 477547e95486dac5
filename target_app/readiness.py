"""Whether the database answers, asked once for all who want to know at about the same time.

Every proxy asks every replica each second, once for each of its clusters: twenty proxies would be forty looks a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

FRESH_S: Final = 1.0
"""For so long the database is taken to answer as it did; that it does not is never remembered."""
LIMIT_S: Final = 2.0


class Readiness:
    """`ask` returns when the database has answered, and raises what keeps it from that."""

    def __init__(self, ask: Callable[[], Awaitable[object]], now_s: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._now_s = ask, now_s
        self._answered_at_s = float("-inf")
        self._asking = asyncio.Lock()

    async def require(self) -> None:
        """Raises whatever `ask` does; TimeoutError after two seconds."""
        async with asyncio.timeout(LIMIT_S), self._asking:
            asked_at_s = self._now_s()
            if asked_at_s - self._answered_at_s >= FRESH_S:
                await self._ask()
                self._answered_at_s = asked_at_s
