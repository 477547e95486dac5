"""Sweeps of a system whose law is known, with no system behind them."""

import math
from dataclasses import replace

import numpy as np

from slotrush import slo
from slotrush.capacity import queueing
from slotrush.capacity.bisect import Verdict
from slotrush.capacity.scaling_law import Law
from slotrush.sweep import pace, searching
from slotrush.sweep.model import Audited, Point, Probe, Settings, Sweep
from slotrush.sweep.searching import Visit

CORES = 2
LAW = Law(gamma=40.0, sigma=0.03, kappa=0.001)
REQUESTS_PER_ARRIVAL = 1.15
OBJECTIVES = slo.load()
STRICTEST_S = 0.3
QUOTA_USED_AT_LIMIT = 0.8
STRANGERS = 0.05
STEADY_S = 28.0
BESIDE_S = {"generator": 0.00015, "proxy": 0.0001, "postgres": 0.0002, "valkey": 0.00003, "notifier": 0.00008}
IDLE_CORES = 0.0005


def reserve_for(law: Law) -> float:
    """Replicas that stay idle for the sake of the strictest of our own objectives."""
    service_s = 1 / (law.gamma * REQUESTS_PER_ARRIVAL)
    return queueing.reserve(service_s, STRICTEST_S, share=0.99) if service_s < STRICTEST_S else 0.0


class Laboratory:
    """Plays probes: one passes below its number of replicas' limit, which differs a little each time."""

    def __init__(
        self,
        seed: int = 1,
        scatter: float = 0.02,
        law: Law = LAW,
        strangers: float = STRANGERS,
        fades: float = 0.0,
        sees_pace: bool = True,
        reserve: float | None = None,
    ) -> None:
        """`fades`: by what share the machine gets slower with each probe. `sees_pace`: its other parts do so too.
        `reserve`: replicas that stay idle, by default those that our own objectives need."""
        self._rng, self._scatter, self._law, self._strangers = np.random.default_rng(seed), scatter, law, strangers
        self._pace, self._fades, self._sees_pace = 1.0, fades, sees_pace
        self._reserve = reserve_for(law) if reserve is None else reserve

    def limit_per_s(self, replicas: int) -> float:
        return self._law.throughput(replicas) * (1 - self._reserve / replicas)

    def probe(self, replicas: int, rate_per_s: float, settings: Settings) -> Probe:
        limit, at_pace = self.limit_per_s(replicas) * self._pace, self._pace if self._sees_pace else 1.0
        self._pace *= 1 - self._fades
        now = limit * math.exp(self._scatter * self._rng.standard_normal())
        met = rate_per_s < now
        served = min(rate_per_s, limit / QUOTA_USED_AT_LIMIT)
        app = served / limit * QUOTA_USED_AT_LIMIT * replicas * (settings.cpu_quota_m or 1000) / 1000
        cores = {"app": app, "strangers": self._strangers}
        cores |= {name: (IDLE_CORES + each * served) / at_pace for name, each in BESIDE_S.items()}
        return Probe(
            run=f"{replicas:02}-{rate_per_s:.3f}",
            rate_per_s=rate_per_s,
            verdict=Verdict.PASS if met else Verdict.FAIL,
            reason="" if met else "reads-latency: 90.00% of 99.00%",
            gate="undecided",
            throughput_per_s=served * REQUESTS_PER_ARRIVAL,
            requests=round(served * REQUESTS_PER_ARRIVAL * STEADY_S),
            availability=1.0,
            mean_ms=20.0 / max(1 - served / limit * QUOTA_USED_AT_LIMIT, 0.05),
            p99_ms={"reads": 60.0 / max(1 - rate_per_s / now * QUOTA_USED_AT_LIMIT, 0.05)},
            cores=cores | {"machine": sum(cores.values()), "steal": 0.0},
            throttled=0.3,
            memory_mib={"app": 110.0 * replicas, "proxy": 90.0, "postgres": 180.0, "valkey": 12.0},
            transactions_s=0.002,
            little=-0.01 if met else 0.5,
        )

    def measure(self, point: Point, visit: Visit, settings: Settings) -> Point:
        """As the use case does, without stack and files."""
        before = len(point.probes)
        while len(point.probes) < visit.probes_max:
            rate = searching.widened(point.search).next_rate()
            if rate is None:
                break
            point = point.after(self.probe(point.replicas, rate, settings))
        runs = tuple(probe.run for probe in point.probes[before:])
        return replace(point, audits=(*point.audits, Audited(True, 100, {}, runs)))


def empty(settings: Settings) -> Sweep:
    return Sweep("sweep-20261121-120000-abcd", "2026-11-21T12:00:00+00:00", settings, {"cores": CORES}, "2fdafd04bb9d")


def measured(settings: Settings, laboratory: Laboratory) -> Sweep:
    """A whole sweep, at the machine's average pace."""
    sweep = empty(settings)
    for visit in searching.visits(settings):
        point = sweep.point(visit.replicas)
        if point is None:
            point = Point(visit.replicas, searching.first(settings, visit.replicas, sweep.points, CORES))
        if searching.is_due(visit, point):
            sweep = sweep.having(laboratory.measure(point, visit, settings))
    return pace.levelled(sweep)
