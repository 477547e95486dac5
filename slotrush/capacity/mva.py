"""Exact mean-value analysis: throughput and response time of a closed system, for every number of patients up to one.

A system is a set of stations that every request visits, and patients who think for Z seconds between requests. Exact
for product-form networks with one class of patients. Source: M. Reiser and S. S. Lavenberg, Mean-Value Analysis of
Closed Multichain Queuing Networks, Journal of the ACM 27(2), 1980, doi:10.1145/322186.322195; load-dependent stations
as in Lazowska et al., Quantitative System Performance, 1984, chapter 20, in the stable form of M. Reiser, Mean-Value
Analysis and Convolution Method for Queue-Dependent Servers in Closed Queueing Networks, Performance Evaluation 1, 1981.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from slotrush.capacity.intervals import Floats, positive
from slotrush.errors import BadInputError

LOAD_DEPENDENT_MAX: Final = 4
"""Each load-dependent station doubles the number of networks to solve."""


@dataclass(frozen=True)
class Station:
    """One place where requests are served, with the seconds of service that a request demands there in all its visits.

    `rate(j)` is how many times faster than alone the station works with j requests in it: 1 for a single server, min(j,
    m) for m servers, any measured scaling law for a group of replicas.
    """

    name: str
    demand_s: float
    rate: Callable[[int], float] | None = None


def delay(name: str, demand_s: float) -> Station:
    """A station without a queue: a network latency, a call to an outside service."""
    return Station(name, demand_s, float)


def multi_server(name: str, demand_s: float, servers: int) -> Station:
    """A station with one queue and m servers of the given demand each."""
    return Station(name, demand_s, lambda inside: float(min(inside, servers)))


@dataclass(frozen=True, eq=False)
class Solution:
    """Results for 1, 2, … patients: arrays of shape (patients,), or (patients, stations) in the stations' order."""

    stations: tuple[str, ...]
    throughputs_per_s: Floats
    responses_s: Floats
    residences_s: Floats = field(repr=False)
    in_station: Floats = field(repr=False)
    """Mean number of requests in each station."""


def solve(stations: Sequence[Station], patients: int, think_time_s: float = 0.0) -> Solution:
    """Solve the network for 1 to `patients` patients.

    Time grows with patients² for each load-dependent station: 2,000 patients take about a second.
    Raises BadInputError for no stations, a demand that is not positive, no patients, a negative think time, and more
    than four load-dependent stations.
    """
    if not stations or patients < 1 or think_time_s < 0:
        raise BadInputError(
            "closed system",
            f"{len(stations)} stations, {patients} patients and a think time of {think_time_s:g} s are no such system",
            "Give one station and one patient at least, and a think time of 0 or more",
        )
    for station in stations:
        positive(f"demand of {station.name}", station.demand_s)
    dependent = frozenset(index for index, station in enumerate(stations) if station.rate is not None)
    if len(dependent) > LOAD_DEPENDENT_MAX:
        raise BadInputError(
            "closed system",
            f"{len(dependent)} load-dependent stations are more than {LOAD_DEPENDENT_MAX}",
            "Describe those that are far from saturation by single servers",
        )
    return _Network(stations, patients, think_time_s).solve(frozenset(range(len(stations))))


class _Network:
    """Solves a network, and each network that lacks some of its load-dependent stations, once."""

    def __init__(self, stations: Sequence[Station], patients: int, think_time_s: float) -> None:
        self.stations, self.patients, self.think_time_s = stations, patients, think_time_s
        self.solved: dict[frozenset[int], Solution] = {}

    def solve(self, present: frozenset[int]) -> Solution:
        if present not in self.solved:
            self.solved[present] = self._solve(sorted(present))
        return self.solved[present]

    def _solve(self, present: list[int]) -> Solution:
        marginals = [self._marginal(present, index) for index in present]
        demands_s = [self.stations[index].demand_s for index in present]
        throughputs: list[float] = []
        residences: list[list[float]] = []
        inside: list[list[float]] = []
        waiting = [0.0] * len(present)
        for count in range(1, self.patients + 1):
            residence = [
                demand_s * (1 + ahead) if marginal is None else marginal.residence_s(count)
                for demand_s, ahead, marginal in zip(demands_s, waiting, marginals, strict=True)
            ]
            throughput = count / (self.think_time_s + sum(residence))
            for marginal in marginals:
                if marginal is not None:
                    marginal.add_patient(count, throughput)
            waiting = [throughput * residence_s for residence_s in residence]
            throughputs.append(throughput)
            residences.append(residence)
            inside.append(waiting)
        names = tuple(self.stations[index].name for index in present)
        of_each = np.array(residences)
        return Solution(names, np.array(throughputs), np.sum(of_each, axis=1), of_each, np.array(inside))

    def _marginal(self, present: list[int], index: int) -> "_Marginal | None":
        station = self.stations[index]
        if station.rate is None:
            return None
        rates = np.array([station.rate(inside) for inside in range(1, self.patients + 1)], np.float64)
        others = frozenset(present) - {index}
        if not others and not self.think_time_s:
            return _Marginal(station.demand_s / rates, None)
        without = self.solve(others).throughputs_per_s if others else self._thinkers()
        return _Marginal(station.demand_s / rates, without)

    def _thinkers(self) -> Floats:
        """Throughputs with no station left: infinite where the think time is as good as none."""
        with np.errstate(over="ignore"):
            return np.arange(1, self.patients + 1) / self.think_time_s


class _Marginal:
    """How likely each number of requests in one load-dependent station is, as patients are added to the system.

    P(j | n) = S(j) X(n) P(j-1 | n-1), with S(j) the seconds per request with j inside. The chance of an empty station
    is not 1 minus the others, which cancels to nothing near saturation, but P(0 | n) = P(0 | n-1) X(n) / X'(n) with X'
    the throughput of the network without the station (Reiser 1981).
    """

    def __init__(self, seconds: Floats, without_per_s: Floats | None) -> None:
        self.seconds, self.without_per_s = seconds, without_per_s
        self.chances = np.ones(1)

    def residence_s(self, count: int) -> float:
        inside = np.arange(1, count + 1)
        return float(np.sum(inside * self.seconds[:count] * self.chances))

    def add_patient(self, count: int, throughput: float) -> None:
        busy = self.seconds[:count] * throughput * self.chances
        empty = 0.0 if self.without_per_s is None else self.chances[0] * throughput / self.without_per_s[count - 1]
        self.chances = np.concatenate(([empty], busy))
