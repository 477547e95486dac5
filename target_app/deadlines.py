"""No request takes longer than its deadline, and what it asked of the database ends with it.

A timer for each request would cost too much for one that memory answers. Instead one watch looks through all that are
in flight now and then and cancels what is overdue; asyncpg cancels the statement of a task that is cancelled, on the
server too. What a replica that died has left in the database ends by `statement_timeout` (see database.py).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

WATCH_S: Final = 0.25
"""A request may outlive its deadline by so long."""


class InFlight:
    """The requests that are being answered, each a task with the time at which it began, in the order of that time.

    `now_s`: a monotonic clock in seconds; `limit_s`: how long a request may take.
    """

    def __init__(self, limit_s: float, now_s: Callable[[], float]) -> None:
        self.since_s: dict[asyncio.Task[Any], float] = {}
        """Who begins puts itself in, and takes itself out at the end."""
        self._limit_s, self._now_s = limit_s, now_s
        self._overdue: set[asyncio.Task[Any]] = set()

    async def watch(self) -> None:
        """Cancel whatever is overdue, until cancelled itself."""
        while True:
            await asyncio.sleep(WATCH_S)
            self.cancel_overdue()

    def cancel_overdue(self) -> None:
        began_before_s = self._now_s() - self._limit_s
        for task, since_s in self.since_s.items():
            if since_s > began_before_s:
                break
            if task not in self._overdue:
                self._overdue.add(task)
                task.cancel()

    def was_overdue(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled for its deadline; it may then go on, to say so."""
        if task not in self._overdue:
            return False
        self._overdue.discard(task)
        task.uncancel()
        return True
