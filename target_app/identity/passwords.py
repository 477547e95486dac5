"""Passwords: argon2id with OWASP's minimum (19 MiB, 2 passes), in a small thread pool.

One hash takes about 20 ms of CPU. The pool is bounded so that a storm of logins slows logins only: the event loop
and the bookings on it keep the rest of the machine.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS: Final = HASHER.hash("nobody's password")
"""Checked when the account does not exist, so that the time of the answer does not tell."""


def matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; always False, after the same work, when there is no hash."""
        check = partial(matches, password_hash or _NOBODYS, password)
        correct = await asyncio.get_running_loop().run_in_executor(self._pool, check)
        return correct and password_hash is not None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
