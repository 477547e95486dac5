"""Passwords: argon2id with OWASP's minimum (19 MiB, 2 passes), in a small pool of threads that stand back.

One hash takes about 20 ms of CPU. A storm of sign-ins slows sign-ins only: the threads are few and the scheduler
prefers every other thread to them, so the event loop and the bookings on it keep the machine; and those who wait are
few and do not wait long, the others are told at once when to come back.
"""

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from target_app.problems import Problem

Result = TypeVar("Result")
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
UNUSABLE: Final = "!"
"""In place of a hash: no password matches it."""
WAIT_S_MAX: Final = 10.0
"""Who waited this long has given up."""
REST: Final = 1.0
"""A thread pauses for so much of the time that a check took before the next: a storm of logins never has all of the
processor's caches."""
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$XN24BZguGF8s4bvAigj9PA$edAqxG1OjyfrB6f6Tp73AMCJXaf7p+BRbMs53MalO7A"
"""Checked when the account does not exist, so that the time of the answer does not tell: the hash of random bytes that
nobody has kept. It is as dear to check as `HASHER`'s own; to make one at every start would be dear too."""
_SMOOTHING: Final = 0.1


def matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    """`waiting_max`: how many may wait for one of the `threads`. For one event loop."""

    def __init__(self, threads: int = 1, waiting_max: int = 100, wait_s_max: float = WAIT_S_MAX) -> None:
        self._threads, self._waiting_max, self._wait_s_max = threads, waiting_max, wait_s_max
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_stand_back)
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0
        self._work_s = 0.02

    def admit(self) -> None:
        """Raises Problem 503 when so many wait that one more has to come back later."""
        if self._waiting >= self._waiting_max:
            raise self._busy()

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; always False, after the same work, when there is no hash.

        Raises Problem 503 when too many wait, or when this one waited for too long.
        """
        usable = None if password_hash == UNUSABLE else password_hash
        correct = await self._in_turn(partial(matches, usable or _NOBODYS, password))
        return correct and usable is not None

    async def hash(self, password: str) -> str:
        """Raises Problem 503 like `check`."""
        return await self._in_turn(partial(HASHER.hash, password))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        self.admit()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s_max):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1
        began_s = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            work_s = time.monotonic() - began_s
            self._work_s += _SMOOTHING * (work_s - self._work_s)
            asyncio.get_running_loop().call_later(REST * work_s, self._free.release)

    def _busy(self) -> Problem:
        wait_s = self._waiting * (1 + REST) * self._work_s / self._threads
        return Problem(
            503,
            "sign-in-busy",
            "Too many people are signing in",
            "Try again in a moment.",
            retry_after_s=max(1, math.ceil(wait_s)),
        )


def _stand_back() -> None:
    """Linux lets each thread have a policy of its own: idle ones run when nobody else wants to, and give way at once.
    Elsewhere all stay equal."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))
