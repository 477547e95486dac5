"""Arrivals at rates that are given: constant ones and ramps, evenly spaced or as a Poisson process.

Both are made by inversion of the cumulative rate Λ (Çinlar 1975, "Introduction to Stochastic Processes", ch. 4.7): the
points 0, 1, 2… or those of a Poisson process of rate 1 are sent through Λ⁻¹. Plain Python draws 1.5 million arrivals in
half a second, which are five minutes at 5,000 a second.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Literal

from slotrush.swarm.arrivals import scramble
from slotrush.swarm.load.arrivals import Step

Spacing = Literal["constant", "poisson"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch over which the rate goes from one value to another in a straight line. An endless one is constant."""

    spacing: Spacing
    from_s: float
    until_s: float
    first_per_s: float
    last_per_s: float

    @property
    def length_s(self) -> float:
        return self.until_s - self.from_s

    @property
    def mean_per_s(self) -> float:
        return (self.first_per_s + self.last_per_s) / 2

    @property
    def expected(self) -> float:
        """How many arrivals the rate adds up to."""
        return self.length_s * self.mean_per_s if self.mean_per_s else 0.0

    @property
    def slope_per_s2(self) -> float:
        return (self.last_per_s - self.first_per_s) / self.length_s

    def rate_per_s(self, at_s: float) -> float:
        return self.first_per_s + self.slope_per_s2 * (at_s - self.from_s)

    def cut(self, until_s: float) -> "Piece":
        """The same rates, but only until then."""
        if until_s >= self.until_s:
            return self
        return replace(self, until_s=until_s, last_per_s=self.rate_per_s(until_s))

    def offsets_us(self, cumulative: Iterator[float]) -> Iterator[int]:
        """Λ⁻¹ of values that ascend from 0 to less than `expected`: the time after which the rate adds up to them.

        On a ramp that is the root of first·t + slope·t²/2 = value, in the form that subtracts nothing from alike.
        """
        first, from_s, length_s, doubled = self.first_per_s, self.from_s, self.length_s, 2 * self.slope_per_s2
        if not doubled:
            for value in cumulative:
                yield round((from_s + value / first) * 1e6)
            return
        for value in cumulative:
            root = first + math.sqrt(max(first * first + doubled * value, 0.0))
            yield round((from_s + (min(2 * value / root, length_s) if root else 0.0)) * 1e6)


@dataclass(frozen=True)
class RatedArrivals:
    """Pieces that follow each other without a gap, from 0 on; at least one of them has a rate above 0."""

    pieces: tuple[Piece, ...]

    @property
    def duration_s(self) -> float:
        return self.pieces[-1].until_s

    def rate_per_s(self, at_s: float) -> float:
        return next((piece.rate_per_s(at_s) for piece in self.pieces if piece.from_s <= at_s < piece.until_s), 0.0)

    def offsets_us(self, seed: int) -> Iterator[int]:
        """The random numbers are those of Python's `random.Random`, whose sequence no version of Python changes."""
        end_us = self.duration_s * 1e6
        for offset_us in self._until_the_end_us(Random(scramble(seed)).random):
            if offset_us >= end_us:  # by rounding alone
                return
            yield offset_us

    def _until_the_end_us(self, draw: Callable[[], float]) -> Iterator[int]:
        ahead = 0.0  # how much of the rate's sum lies between the piece's start and its first evenly spaced arrival
        for piece in self.pieces:
            if piece.spacing == "poisson":
                yield from piece.offsets_us(_poisson_points(piece.expected, draw))
            else:
                yield from piece.offsets_us(_even_points(piece.expected, ahead))
                if piece.until_s < math.inf:
                    ahead += max(math.ceil(piece.expected - ahead), 0) - piece.expected

    def steps(self) -> tuple[Step, ...]:
        return tuple(Step(piece.from_s, piece.mean_per_s, piece.until_s) for piece in self.pieces)


def _even_points(below: float, first: float) -> Iterator[float]:
    """first, first + 1, … below the bound."""
    for number in count():
        if (point := first + number) >= below:
            return
        yield point


def _poisson_points(below: float, draw: Callable[[], float]) -> Iterator[float]:
    """A Poisson process of rate 1 on [0, below): its gaps are exponential, with mean 1. Since it has no memory, it may
    begin anew with each piece."""
    log, point = math.log, 0.0
    while True:
        point -= log(1.0 - draw())
        if point >= below:
            return
        yield point
