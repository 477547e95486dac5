"""Plays a load against replicas that an autoscaler keeps scaling: does the objective hold, and when not?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from slotrush.autoscale.cluster import Cluster, Delays, Look
from slotrush.autoscale.counting import CONTAINER, require_counted
from slotrush.autoscale.hpa import Decision
from slotrush.autoscale.plant import ANSWERED, Parts, Plant
from slotrush.autoscale.spec import Hpa, Options
from slotrush.autoscale.workload import Endpoint, Floats, requests
from slotrush.errors import BadInputError

_MILLI: Final = 1000


@dataclass(frozen=True)
class Scenario:
    """What is played. `arrival_s` in order, from 0; see `workload.rush`."""

    arrival_s: Floats
    endpoints: Sequence[Endpoint]
    parts: Parts
    replicas: int
    """At the start, ready and idle."""
    hpa: Hpa | None = None
    """Without, the replicas stay as they are."""
    cpu_request_m: int | None = None
    """Of each replica, in thousandths of a core; by custom its quota."""
    delays: Delays = field(default_factory=Delays)
    options: Options = field(default_factory=Options)
    container: str = CONTAINER
    """The only one of each pod."""
    afterwards_s: float = 0.0
    """For how long to go on watching after the last arrival; at least until the last request is answered."""


@dataclass(frozen=True)
class Result:
    """What became of each request, in the order of arrival, and of the scale.

    `response_s` is that of answered requests, and otherwise not a number; `status` are plant's ANSWERED to LOST.
    """

    arrival_s: Floats
    response_s: Floats
    status: npt.NDArray[np.uint8]
    endpoint: npt.NDArray[np.uint8]
    looks: Sequence[Look]
    decisions: Sequence[tuple[float, Decision]]

    def good(self, within_s: float = math.inf) -> npt.NDArray[np.bool_]:
        """Which requests were answered, and `within_s`: what an objective counts."""
        answered: npt.NDArray[np.bool_] = self.status == ANSWERED
        # A comparison with what is not a number is false.
        return np.logical_and(answered, self.response_s <= within_s)

    def attained(self, within_s: float = math.inf, endpoint: int | None = None) -> float:
        """The good share of the requests (of one endpoint); 1 when there are none."""
        good = self.good(within_s)
        asked = good if endpoint is None else good[self.endpoint == endpoint]
        return float(asked.mean()) if len(asked) else 1.0

    def attained_by_time(self, every_s: float, within_s: float = math.inf) -> tuple[Floats, Floats, Floats]:
        """Start of each interval, its arrivals, and the good share of these (not a number where nobody came)."""
        intervals = (self.arrival_s // every_s).astype(np.int64)
        asked = np.bincount(intervals).astype(np.float64)
        good = np.bincount(intervals, weights=self.good(within_s))
        with np.errstate(invalid="ignore"):
            return np.arange(len(asked), dtype=np.float64) * every_s, asked, good / asked

    def response_quantiles_s(self, *quantiles: float) -> list[float]:
        """Of answered requests; not numbers when there are none."""
        answered = self.response_s[self.status == ANSWERED]
        return (
            [float(found) for found in np.quantile(answered, quantiles)]
            if len(answered)
            else [math.nan] * len(quantiles)
        )


def simulate(scenario: Scenario, seed: int) -> Result:
    """Play the scenario; the same seed gives the same result. Raises BadInputError."""
    _check(scenario)
    rng = np.random.default_rng(seed)
    work = requests(scenario.arrival_s, scenario.endpoints, rng)
    plant = Plant(work, scenario.parts, rng)
    quota = scenario.parts.cpu_quota
    request_m = scenario.cpu_request_m or math.ceil(_MILLI * (1.0 if quota is None else quota))
    cluster = Cluster(
        plant, scenario.replicas, scenario.hpa, request_m, scenario.delays, scenario.options, rng, scenario.container
    )
    end_s = float(work.arrival_s[-1]) + scenario.afterwards_s
    cluster.run(end_s)
    while plant.unsettled:
        end_s += scenario.options.sync_period_s
        cluster.run(end_s)
    response_s = plant.finished_s - work.arrival_s + scenario.parts.proxy_s
    return Result(work.arrival_s, response_s, plant.status, work.endpoint, cluster.looks, cluster.decisions)


def _check(scenario: Scenario) -> None:
    if not len(scenario.arrival_s):
        raise BadInputError("simulation", "nobody arrives", "Give at least one patient")
    if scenario.arrival_s[0] < 0 or np.any(np.diff(scenario.arrival_s) < 0):
        raise BadInputError("simulation", "the arrivals are not in order, from 0", "Sort them")
    if not scenario.endpoints or sum(endpoint.share for endpoint in scenario.endpoints) <= 0:
        raise BadInputError("simulation", "there is no endpoint with a share", "Give what a request is, and costs")
    if scenario.replicas < 1:
        raise BadInputError("simulation", f"it starts with {scenario.replicas} replicas", "Start with at least 1")
    quota, idle_cores = scenario.parts.cpu_quota, scenario.parts.idle_cores
    if quota is not None and quota <= idle_cores:
        raise BadInputError(
            f"CPU limit of {quota * _MILLI:.0f}m",
            f"an idle replica uses {idle_cores * _MILLI:.0f}m, so that nothing is left for requests",
            "Give the pod more, or take the costs from a run of such pods",
        )
    if scenario.hpa is not None:
        require_counted(scenario.hpa, (scenario.container,))
