"""What the simulator says of an open load on this machine: replicas and availability over time, over several seeds."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.autoscale.cluster import Delays
from slotrush.autoscale.plant import ANSWERED, Parts
from slotrush.autoscale.simulate import Result, Scenario, simulate
from slotrush.autoscale.spec import Hpa, Options
from slotrush.autoscale.workload import Floats
from slotrush.scaling.demands import Demands
from slotrush.scaling.simulating import System, needed
from slotrush.swarm.load import Arrivals

INTERVAL: Final = (0.025, 0.975)
"""95 % of the simulated runs are between these."""


@dataclass(frozen=True)
class Load:
    """Arrivals, each of which makes `requests_each` on average, for `duration_s`."""

    arrivals: Arrivals
    requests_each: float
    duration_s: float

    def requests_s(self, seed: int) -> Floats:
        """When each request comes: those of an arrival together. The same seed is the same load as that of a swarm."""
        offsets_s = np.fromiter(self.arrivals.offsets_us(seed), np.float64) / 1e6
        offsets_s = offsets_s[offsets_s < self.duration_s]
        least, rest = divmod(self.requests_each, 1)
        counts = int(least) + (np.random.default_rng(seed).random(len(offsets_s)) < rest)
        return np.repeat(offsets_s, counts)


@dataclass(frozen=True)
class Predicted:
    """Curves with a value for every step: replicas that the load needs, and those that serve, with 95 % of all seeds.

    `availability` is the share of good requests, and `availability_by_time` that of each interval, None without any.
    """

    demand: Floats
    serving: Floats
    serving_low: Floats
    serving_high: Floats
    availability: float
    availability_by_time: tuple[float | None, ...]


def local_system(
    hpa: Hpa, options: Options, cpu_m: int, parts: Parts, start_s: float, metrics_resolution_s: float, stop_s: float
) -> System:
    """Replicas on this machine: started at once, and known to the proxies at once; metrics come without delay."""
    delays = Delays(
        schedule_s=0.0,
        start_s=start_s,
        start_cpu_s=0.0,  # the autoscaler pays no heed to replicas that are not ready
        endpoint_lag_s=0.0,
        metrics_resolution_s=metrics_resolution_s,
        metrics_delay_s=0.0,
        cpu_grain_s=1 / os.sysconf("SC_CLK_TCK"),
        pre_stop_s=stop_s,
        grace_s=stop_s + parts.timeout_s if parts.timeout_s else stop_s,
    )
    return System(hpa, parts, cpu_m, max(hpa.min_replicas, 1), delays, options)


def predict(
    load: Load, system: System, demands: Demands, seed: int, seeds: int, step_s: float, interval_s: float
) -> Predicted:
    """Simulate with so many seeds, from `seed` on. Raises BadInputError."""
    count = int(load.duration_s / step_s)
    grid_s = (np.arange(count) + 0.5) * step_s
    serving, good, asked = [], np.zeros(int(np.ceil(load.duration_s / interval_s))), 0.0
    all_asked = np.zeros(len(good))
    for played in _played(load, system, demands, seed, seeds):
        looks_s = np.array([look.at_s for look in played.looks])
        routed = np.array([look.routed for look in played.looks], np.float64)
        serving.append(routed[np.clip(np.searchsorted(looks_s, grid_s, "right") - 1, 0, None)])
        places = np.minimum((played.arrival_s / interval_s).astype(np.int64), len(good) - 1)
        good += np.bincount(places, weights=played.status == ANSWERED, minlength=len(good))
        all_asked += np.bincount(places, minlength=len(good))
    asked = float(all_asked.sum())
    low, high = np.quantile(serving, INTERVAL, axis=0)
    rates = np.array([load.arrivals.rate_per_s(float(at_s)) for at_s in grid_s])
    return Predicted(
        demand=np.array([_needed(float(rate) * load.requests_each, demands, system) for rate in rates], np.float64),
        serving=np.mean(serving, axis=0),
        serving_low=low,
        serving_high=high,
        availability=float(good.sum()) / asked if asked else 1.0,
        availability_by_time=tuple(
            float(part / whole) if whole else None for part, whole in zip(good, all_asked, strict=True)
        ),
    )


def _needed(requests_per_s: float, demands: Demands, system: System) -> int:
    """As many as the autoscaler may have at least; and at most where no number is enough."""
    found = needed(requests_per_s, demands, system)
    return system.hpa.max_replicas if found is None else max(found, system.hpa.min_replicas)


def _played(load: Load, system: System, demands: Demands, seed: int, seeds: int) -> Iterator[Result]:
    for one in range(seed, seed + seeds):
        arrival_s = load.requests_s(one)
        yield simulate(
            Scenario(
                arrival_s,
                demands.endpoints(),
                system.parts,
                system.replicas,
                system.hpa,
                system.cpu_request_m,
                system.delays,
                system.options,
                system.container,
                afterwards_s=load.duration_s - float(arrival_s[-1]) if len(arrival_s) else 0.0,
            ),
            one,
        )
