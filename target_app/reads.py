"""Where reads go that may be a little old: to a streaming replica while it is near enough, else to the primary.

The primary's place in its log is noted every BEAT_S; once the replica has replayed the log up to there, it shows
everything that was committed before that moment. Thus the replica's age is known without comparing the clocks of two
machines, and a primary on which nothing happens makes no replica look late.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import asyncpg

from target_app.database import TROUBLE
from target_app.logs import words
from target_app.metrics import reads_from

log = logging.getLogger(__name__)
BEAT_S: Final = 0.5
LAG_MAX_S: Final = 2.0
"""Of what is read from the replica, nothing is older."""
REPLICA_TIMEOUT_S: Final = 1.0
"""How long a replica that hangs may hold up a read before the primary is asked."""
NEVER_S: Final = float("-inf")
_PRIMARY_TIMEOUT_S: Final = 5.0
_NOTED_MAX: Final = 600
_TROUBLE: Final = (*TROUBLE, OSError, TimeoutError)
# The same system has the same identifier on all its servers; a position says nothing about another's log.
_WRITTEN: Final = """
SELECT system_identifier, (pg_current_wal_flush_lsn() - '0/0')::bigint AS position FROM pg_control_system()
"""
_REPLAYED: Final = """
SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END AS position
FROM pg_control_system()
"""


class Read(NamedTuple):
    """`rows` show at least everything that was committed before `as_of_s`, on the clock of whoever asked."""

    rows: list[Any]
    as_of_s: float


class Coverage:
    """Until when a replica is known to show everything that was committed, `until_s`."""

    def __init__(self) -> None:
        self.until_s = NEVER_S
        self._position = 0
        self._noted: deque[tuple[float, int]] = deque(maxlen=_NOTED_MAX)

    def written(self, at_s: float, position: int) -> None:
        """All that was committed before `at_s` is in the primary's log before `position`."""
        self._noted.append((at_s, position))

    def replayed(self, position: int) -> None:
        """The replica shows what is in the log before `position`."""
        if position < self._position:  # it was restarted, and repeats what it had shown already
            self.lost()
        self._position = position
        while self._noted and self._noted[0][1] <= position:
            self.until_s = self._noted.popleft()[0]

    def lost(self) -> None:
        """The replica failed: it is not to be asked before it has shown again how far it is."""
        self.until_s = NEVER_S


class Reads:
    """`replica` is None when there is none. `now_s` is a monotonic clock."""

    def __init__(self, primary: asyncpg.Pool, replica: asyncpg.Pool | None, now_s: Callable[[], float]) -> None:
        self._primary, self._replica, self._now_s = primary, replica, now_s
        self._coverage = Coverage()
        self._was_near = True

    async def fetch(self, statement: str, *arguments: object, since_s: float = NEVER_S) -> Read:
        """Rows that show everything that was committed before `since_s`, and are never older than LAG_MAX_S."""
        until_s = self._coverage.until_s
        if self._replica is not None and until_s >= since_s and self._near():
            try:
                rows = await _fetch_in_time(self._replica, statement, *arguments)
            except _TROUBLE as error:
                if self._coverage.until_s > NEVER_S:
                    log.warning("the read replica failed, the primary is asked: %s", words(error))
                self._coverage.lost()
            else:
                reads_from("replica").inc()
                return Read(rows, until_s)
        now_s = self._now_s()
        rows = await self._primary.fetch(statement, *arguments)
        reads_from("primary").inc()
        return Read(rows, now_s)

    async def fetch_known(self, statement: str, *arguments: object, since_s: float = NEVER_S) -> Read:
        """As `fetch`, for what somebody has the id of: what the replica does not know may just be too new for it."""
        read = await self.fetch(statement, *arguments, since_s=since_s)
        if read.rows or self._replica is None:
            return read
        return await self.fetch(statement, *arguments, since_s=float("inf"))

    async def watch(self) -> None:
        """Follow how far the replica is, until cancelled."""
        if self._replica is None:
            return
        while True:
            trouble = ""
            try:
                trouble = await self._compare(self._primary, self._replica)
            except _TROUBLE as error:
                trouble = f"the replica cannot be compared with it ({words(error)})"
            self._tell(trouble)
            await asyncio.sleep(BEAT_S)

    async def _compare(self, primary: asyncpg.Pool, replica: asyncpg.Pool) -> str:
        """Compare the two logs; say what is wrong, if anything. Raises one of _TROUBLE."""
        at_s = self._now_s()
        written = await primary.fetchrow(_WRITTEN, timeout=_PRIMARY_TIMEOUT_S)
        try:
            [replayed] = await _fetch_in_time(replica, _REPLAYED)
        except _TROUBLE:
            self._coverage.lost()
            raise
        if replayed["position"] is None or replayed["system_identifier"] != written["system_identifier"]:
            self._coverage.lost()
            return "DATABASE_READ_URL is no replica of the primary"
        self._coverage.written(at_s, written["position"])
        self._coverage.replayed(replayed["position"])
        return ""

    def _near(self) -> bool:
        return self._now_s() - self._coverage.until_s <= LAG_MAX_S

    def _tell(self, trouble: str) -> None:
        """Once when the reads leave the replica, once when they come back."""
        near = self._near()
        if self._was_near and not near:
            log.warning("the primary is read: %s", trouble or f"the replica is more than {LAG_MAX_S:.0f} s behind")
        elif near and not self._was_near:
            log.warning("the read replica is near enough again and is read")
        self._was_near = near


async def _fetch_in_time(replica: asyncpg.Pool, statement: str, *arguments: object) -> list[Any]:
    """Raises one of _TROUBLE after at most three times REPLICA_TIMEOUT_S, and leaves no connection that hangs."""
    async with replica.acquire(timeout=REPLICA_TIMEOUT_S) as connection:
        try:
            rows: list[Any] = await connection.fetch(statement, *arguments, timeout=REPLICA_TIMEOUT_S)
        except TimeoutError:
            connection.terminate()
            raise
    return rows
