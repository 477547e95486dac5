"""What a plan starts from: how many requests come, and how many a number of replicas can take, both with intervals."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slotrush.capacity.intervals import Floats, Interval, around, draw, exactly, positive
from slotrush.capacity.laws import closed_patients, closed_throughput_per_s
from slotrush.capacity.usl import UslFit


@dataclass(frozen=True)
class Demand:
    """Requests per second at the peak; with the seconds of a patient's turn where patients make them.

    `turn_s` is think time and response time together, None for arrivals that no number of patients stands behind.
    """

    arrivals_per_s: Interval
    turn_s: float | None = None

    def patients(self, rate_per_s: float) -> float | None:
        """How many patients make so many requests per second; None for plain arrivals."""
        return None if self.turn_s is None else closed_patients(rate_per_s, 0.0, self.turn_s)


def from_patients(patients: int, think_time_s: float, response_s: float = 0.0) -> Demand:
    """The demand of patients who each make a request, wait for the answer, and think.

    By the interactive response time law. A response time of 0 gives the highest demand that they can make. Raises
    BadInputError for values that are not positive.
    """
    turn_s = positive("think time", think_time_s) + max(0.0, response_s)
    return Demand(exactly(closed_throughput_per_s(positive("patients", patients), 0.0, turn_s)), turn_s)


def from_arrivals(arrivals_per_s: Interval) -> Demand:
    """The demand of arrivals that come whatever the answers, for instance from a forecast with its uncertainty."""
    positive("arrivals", arrivals_per_s.low)
    return Demand(arrivals_per_s)


class Capacity(Protocol):
    """How many requests per second so many replicas take while all objectives are met."""

    @property
    def replicas_useful_max(self) -> float:
        """More replicas than this certainly take no more requests; may be infinite."""

    def per_s(self, replicas: int) -> Interval:
        """With the 95 % interval of what is known."""

    def draws_per_s(self, replicas: int, size: int, seed: int) -> Floats:
        """Shape (size,). The same seed gives the same assumed system for every number of replicas."""


@dataclass(frozen=True)
class FittedCapacity:
    """From a sweep: the scaling law that was fitted to the highest throughputs at several numbers of replicas."""

    fit: UslFit

    @property
    def replicas_useful_max(self) -> float:
        return self.fit.peak_load.high + self.fit.reserve

    def per_s(self, replicas: int) -> Interval:
        return self.fit.predict(replicas)

    def draws_per_s(self, replicas: int, size: int, seed: int) -> Floats:
        chosen = np.random.default_rng(seed).integers(0, len(self.fit.draws), size)
        return self.fit.throughput_draws(replicas)[chosen]


def demand_draws(demand: Demand, size: int, seed: int) -> Floats:
    """Requests per second that may come at the peak: shape (size,)."""
    return draw(demand.arrivals_per_s, size, np.random.default_rng(seed))


def patients_interval(demand: Demand, rates_per_s: Interval, draws_per_s: Floats) -> Interval | None:
    """How many patients make requests at an uncertain rate; None for plain arrivals."""
    if demand.turn_s is None:
        return None
    return around(rates_per_s.mid * demand.turn_s, draws_per_s * demand.turn_s)
