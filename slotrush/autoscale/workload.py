"""What comes, and what it costs: arrival times and the work of each request, drawn with a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_QUANTILES: Final = 1000
"""A distribution by its formula becomes so many values, each as likely as any other."""


@dataclass(frozen=True)
class Times:
    """A distribution of times in seconds: each of `values_s` with its share; both of the same length."""

    values_s: Floats
    shares: Floats

    @classmethod
    def exponential(cls, mean_s: float) -> "Times":
        """The usual assumption about a time of which only the mean is known; here up to 8 times the mean."""
        middles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        values_s = -np.log1p(-middles)
        return cls.of_samples(values_s * (mean_s / values_s.mean()))

    @classmethod
    def of_samples(cls, samples_s: Sequence[float] | Floats) -> "Times":
        """Each sample as likely as any other: the empirical distribution."""
        values_s = np.asarray(samples_s, dtype=np.float64)
        return cls(values_s, np.full(len(values_s), 1 / len(values_s)))

    @property
    def mean_s(self) -> float:
        return float(self.values_s @ self.shares)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        return self.values_s[rng.choice(len(self.values_s), size=count, p=self.shares)]


@dataclass(frozen=True)
class Endpoint:
    """A kind of request: its share of all, the CPU time that it takes in a replica, its time in the database."""

    name: str
    share: float
    cpu: Times
    database: Times


@dataclass(frozen=True)
class Requests:
    """What is to happen, request by request, in the order of arrival: four arrays of the same length."""

    arrival_s: Floats
    cpu_s: Floats
    database_s: Floats
    endpoint: npt.NDArray[np.uint8]
    """Index into the endpoints."""


def rush(count: int, window_s: float, rng: np.random.Generator, start_s: float = 0.0) -> Floats:
    """`count` arrivals, each at a uniformly random moment of the window, in order."""
    return start_s + np.sort(rng.random(count)) * window_s


def requests(arrival_s: Floats, endpoints: Sequence[Endpoint], rng: np.random.Generator) -> Requests:
    """Each arrival with an endpoint by the endpoints' shares, and the work that such a request makes."""
    shares = np.array([endpoint.share for endpoint in endpoints])
    chosen = rng.choice(len(endpoints), size=len(arrival_s), p=shares / shares.sum()).astype(np.uint8)
    cpu_s, database_s = np.empty(len(arrival_s)), np.empty(len(arrival_s))
    for index, endpoint in enumerate(endpoints):
        mine = chosen == index
        count = int(mine.sum())
        cpu_s[mine] = endpoint.cpu.draw(count, rng)
        database_s[mine] = endpoint.database.draw(count, rng)
    return Requests(np.asarray(arrival_s, dtype=np.float64), cpu_s, database_s, chosen)
