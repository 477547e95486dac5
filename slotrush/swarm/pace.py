"""When each user acts next: after thinking, or when an arrival is theirs. Knows gevent, not Locust."""

from array import array
from bisect import bisect
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import accumulate, cycle
from typing import Final

import gevent
from gevent.event import AsyncResult

from slotrush.swarm.arrivals import Purpose, personal_seed, scramble, uniform
from slotrush.swarm.load import Arrivals
from slotrush.swarm.recorder import now_us
from slotrush.swarm.think import ThinkTime

CROWD: Final = 1 << 40
"""The actor whose seed decides which kind of user an arrival is: none of the people has this index."""
LATE_AT_ONCE: Final = 64
"""After so many late arrivals everybody else has a turn, or who falls behind would do nothing but fall behind."""


class Thinking:
    """The closed model: one user's thinking between an answer and the next request.

    Of the first thought only what is left of it at the start is waited for: whoever connected together, or begins at
    the same moment, is as independent as if they had always been there.
    """

    def __init__(self, think: ThinkTime, own_seed: int) -> None:
        self._think, self._own_seed, self._turn = think, own_seed, 0

    def after(self, answered_us: int) -> int:
        """Think, and return when the thought was to end, in epoch µs: the intended start of what comes next."""
        self._turn += 1
        first = uniform(self._own_seed, Purpose.THINK, 2 * self._turn)
        second = uniform(self._own_seed, Purpose.THINK, 2 * self._turn + 1)
        if self._turn == 1:
            pause_s = self._think.left_s(first, second, uniform(self._own_seed, Purpose.THINK, 1))
        else:
            pause_s = self._think.draw_s(first, second)
        due_us = answered_us + int(pause_s * 1e6)
        gevent.sleep(max(due_us - now_us(), 0) / 1e6)
        return due_us


class Doorkeeper:
    """The open model: one worker's share of the arrivals, each given to a user who is free, or counted as dropped.

    An arrival never waits for a user: that would slow the arrivals with the target, as a closed model does.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        seed: int,
        position: int,
        shares: Mapping[str, float],
        homes: Mapping[str, Sequence[int]],
    ) -> None:
        """By kind of user, `shares` are its shares of the arrivals and `homes` says how many of its users each of the
        workers has, of which this one is at `position`."""
        self._position = position
        self._arrivals = enumerate(arrivals.offsets_us(seed))
        self._crowd = personal_seed(seed, CROWD)
        self._kinds, self._shares = list(shares), list(accumulate(shares.values()))
        self._turns = {kind: cycle(in_turns(homes[kind])) for kind in shares}
        self._free: dict[str, deque[AsyncResult[int]]] = {kind: deque() for kind in shares}
        self._start_us = 0
        self._next: tuple[str, int] | None = None
        self._closed = False
        self.due = self.dropped = 0

    def wait(self, kind: str) -> int:
        """Be free until an arrival is mine; returns when it was due, in epoch µs."""
        mine: AsyncResult[int] = AsyncResult()
        self._free[kind].append(mine)
        try:
            due_us: int = mine.get()
        except BaseException:
            if not self._closed and not mine.ready():
                self._free[kind].remove(mine)
            raise
        return due_us

    def open(self, start_us: int) -> None:
        """Hand out the arrivals from `start_us` on until there are no more, or the doors are closed."""
        self._start_us = start_us
        self._advance()
        late = 0
        while self._next is not None:
            kind, due_us = self._next
            if (early_us := due_us - now_us()) > 0:
                gevent.sleep(early_us / 1e6)
            elif (late := late + 1) % LATE_AT_ONCE == 0:
                gevent.sleep(0)
            if self._closed:
                return
            self._advance()
            self.due += 1
            if free := self._free[kind]:
                free.popleft().set(due_us)
            else:
                self.dropped += 1

    def close(self, at_us: int) -> None:
        """Let nobody in any more: who was due by now and has not been let in is dropped."""
        self._closed = True
        while self._next is not None and self._next[1] <= at_us:
            self.due += 1
            self.dropped += 1
            self._advance()

    def _advance(self) -> None:
        for number, offset_us in self._arrivals:
            kind = self._kind(number)
            if next(self._turns[kind]) == self._position:
                self._next = kind, self._start_us + offset_us
                return
        self._next = None

    def _kind(self, number: int) -> str:
        """What kind of user the arrival of this number is, of the whole swarm: the same whoever hands it out."""
        at = scramble(self._crowd + number) / 2**64 * self._shares[-1]
        return self._kinds[min(bisect(self._shares, at), len(self._kinds) - 1)]


def in_turns(counts: Sequence[int]) -> "array[int]":
    """Each place as often as its count says, and as evenly as that goes: [2, 1] makes 0, 1, 0."""
    turns = sorted(((turn + 0.5) / count, place) for place, count in enumerate(counts) for turn in range(count))
    return array("H", [place for _, place in turns])
