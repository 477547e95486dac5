"""How far the workers' clocks are from the master's, by exchanges of messages as NTP has them. Pure."""

from collections import defaultdict, deque
from typing import Final, NamedTuple

KEPT: Final = 8
"""So many exchanges per worker are chosen from, as by NTP's clock filter (RFC 5905, section 10)."""
ASK_EVERY_S: Final = 0.25
"""Until there are KEPT of them: before the start, when users connect."""
ASK_AGAIN_EVERY_S: Final = 5.0
"""From then on: clocks that are not steered drift by some 50 µs a second."""


class Offset(NamedTuple):
    """The worker's clock is so much ahead of the master's, give or take `uncertain_us`."""

    ahead_us: int
    uncertain_us: int


class Clocks:
    """Of all workers, by position."""

    def __init__(self) -> None:
        self._exchanges: defaultdict[int, deque[Offset]] = defaultdict(lambda: deque(maxlen=KEPT))

    def heard(self, position: int, asked_us: int, there_us: int, heard_us: int) -> None:
        """A worker was asked at `asked_us` by the master's clock, read its own as `there_us`, and was heard at
        `heard_us`. Its clock was read somewhere between: half-way, or off by at most half of the time that it took."""
        half_us = (heard_us - asked_us) // 2
        self._exchanges[position].append(Offset(there_us - asked_us - half_us, half_us))

    def asked_enough(self, position: int) -> bool:
        return len(self._exchanges[position]) == KEPT

    def offsets(self) -> dict[int, Offset]:
        """By position of each worker that was heard, what its quickest exchange of the last ones said: it had the least
        time to be held up on one of its two ways."""
        return {
            position: min(exchanges, key=lambda one: one.uncertain_us)
            for position, exchanges in sorted(self._exchanges.items())
            if exchanges
        }
