"""Limits on guessing: attempts to sign in and sign-ups are counted in Valkey, by all replicas together.

Without Valkey nobody is throttled, and everybody can still sign in. Keys carry keyed hashes, so that neither they
nor a guess at all CPFs tells whose they are.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_network
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from target_app.network import Address
from target_app.problems import Problem

log = logging.getLogger(__name__)
FAILURES_MAX: Final = 10
FAILURES_WINDOW_S: Final = 900
ATTEMPTS_WINDOW_S: Final = 60
SIGN_UPS_WINDOW_S: Final = 3600
ANSWER_S: Final = 1.0
AWAY_S: Final = 5.0
"""How long a cache that did not answer within ANSWER_S is left alone."""

_COUNT: Final = """
-- Count one attempt in each counter, or in none when one is full. KEYS counters, ARGV limit and window in ms of each.
-- A window begins with its first attempt. Answers the ms until the full counter is empty again, or 0.
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[2 * i - 1]) then
        return math.max(redis.call('PTTL', key), 1)
    end
end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then
        redis.call('PEXPIRE', key, ARGV[2 * i])
    end
end
return 0
"""
_TAKE_BACK: Final = """
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then
    redis.call('DECR', KEYS[1])
end
"""


class Counter(NamedTuple):
    """How many attempts of the `kind` there may be `of` somebody, in a window that begins with the first."""

    kind: str
    of: str
    max: int
    window_s: int


class Throttle:
    """`secret` keys the hashes and is the same for all replicas; `now_s` is a monotonic clock.

    `attempts_max` are an address's attempts to sign in within ATTEMPTS_WINDOW_S, `sign_ups_max` those to sign up within
    SIGN_UPS_WINDOW_S.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        secret: bytes,
        attempts_max: int,
        sign_ups_max: int,
        now_s: Callable[[], float],
    ) -> None:
        self._count, self._take_back = redis.register_script(_COUNT), redis.register_script(_TAKE_BACK)
        self._prefix, self._secret = prefix, hashlib.sha256(b"throttle" + secret).digest()
        self._attempts_max, self._sign_ups_max, self._now_s = attempts_max, sign_ups_max, now_s
        self._away_until_s = float("-inf")

    async def attempt(self, address: Address | None, account: str) -> None:
        """Count an attempt to sign in from the address on the account, as a failure until it is taken back: guesses
        that come at once are no way around the limit.

        `account` is the name that was given, known or not: a limit that two names of one person shared would tell
        that they belong together. Raises Problem 429.
        """
        counters = []
        if address is not None:
            counters.append(Counter("address", _subscriber(address), self._attempts_max, ATTEMPTS_WINDOW_S))
        counters.append(Counter("account", account, FAILURES_MAX, FAILURES_WINDOW_S))
        await self._count_in(counters, "too-many-attempts", "Too many attempts to sign in")

    async def sign_up(self, address: Address | None) -> None:
        """Count a sign-up from the address, which may tell that somebody is registered, or take a name from them.
        Raises Problem 429."""
        if address is not None:
            counter = Counter("sign-up", _subscriber(address), self._sign_ups_max, SIGN_UPS_WINDOW_S)
            await self._count_in([counter], "too-many-sign-ups", "Too many sign-ups from one address")

    async def take_back(self, account: str) -> None:
        """The attempt on the account did not fail after all."""
        await self._ask(self._take_back, [self._key("account", account)], [])

    async def _count_in(self, counters: Sequence[Counter], reason: str, title: str) -> None:
        """Raises Problem 429 when one of them is full."""
        keys = [self._key(counter.kind, counter.of) for counter in counters]
        limits = [limit for counter in counters for limit in (counter.max, counter.window_s * 1000)]
        full_ms = await self._ask(self._count, keys, limits)
        if full_ms:
            raise Problem(
                429,
                reason,
                title,
                "Wait for as long as the Retry-After header says.",
                retry_after_s=math.ceil(full_ms / 1000),
            )

    async def _ask(self, script: Any, keys: Sequence[str], arguments: Sequence[int]) -> int:
        """The script's answer; 0 while the cache is away."""
        if self._now_s() < self._away_until_s:
            return 0
        try:
            async with asyncio.timeout(ANSWER_S):
                return int(await script(keys=keys, args=arguments) or 0)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("sign-ins are not throttled for now: %r", error)
            self._away_until_s = self._now_s() + AWAY_S
            return 0

    def _key(self, kind: str, of: str) -> str:
        digest = hashlib.blake2b(of.encode(), key=self._secret, digest_size=16).hexdigest()
        return f"{self._prefix}attempts:{kind}:{digest}"


def _subscriber(address: Address) -> str:
    """Whom the address belongs to: of IPv6 everyone has a /64 at least."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
