"""How far off a sweep's prediction is where the machine has no part in it: scripts/bench-holdout.

`python -m slotrush.plan.bench [--from RUN|SWEEP] [--plans 12x40,10x80] [--sweeps 60]`. Plays whole sweeps, each with
its searches, limits and law, on the simulated booking system, whose replicas always do the same in a second of CPU
time. What its predictions miss by is chance alone: the 99th percentile of some seconds is made by few requests, that of
a law's points is multiplied by predicting twice as far. A plan is so many swarms at each number of replicas, and for
how many seconds each; of its seconds a swarm has its warm-up and cool-down cut off, as a real one has.
"""

import argparse
import math
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Final

import numpy as np

from slotrush import slo
from slotrush.autoscale.plant import ANSWERED
from slotrush.autoscale.simulate import Result, Scenario, simulate
from slotrush.autoscale.workload import Floats
from slotrush.capacity.bisect import Verdict
from slotrush.capacity.holdout import HeldOut
from slotrush.gate.window import cool_down_s, warm_up_s
from slotrush.scaling import demands, systems
from slotrush.scaling.demands import ClassDemand, Demands
from slotrush.scaling.predicting import Load
from slotrush.scaling.variation import VALUES
from slotrush.slo import Objectives
from slotrush.stack.quota import parse_cpu_m
from slotrush.swarm.load import parse_arrivals
from slotrush.sweep import law, limits, searching
from slotrush.sweep.model import SCENARIO, Point, Probe, Settings, Sweep

PLANS: Final = "12x40,10x80"
REPLICAS: Final = (1, 2, 4, 6, 8)
_SPREAD: Final = NormalDist(0.0, math.sqrt(math.log(1.1)))
"""Of the logarithm of a request's CPU time: a squared coefficient of variation of 0.1. Scale checks had 0.07 to 0.1."""
_VARIES: Final = np.exp([_SPREAD.inv_cdf((place + 0.5) / VALUES) for place in range(VALUES)])
GIVEN: Final = Demands(
    "what is given",
    (ClassDemand("reads", 1.0, 0.0008, tuple((_VARIES / _VARIES.mean()).tolist())),),
    idle_cores=0.004,
    database_s=0.0004,
    proxy_s=0.0004,
    requests_per_arrival=1.16,
)
"""About what the booking system costs on a slow machine."""
AIM: Final = 0.05
_TOLERANCE: Final = 0.004
"""Hardly ever reached, so that each plan uses up its swarms."""
_CORES: Final = 64
"""So many that it is always the replicas that limit."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-holdout", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--cpu", default="50m")
    parser.add_argument("--plans", default=PLANS)
    parser.add_argument("--sweeps", type=int, default=60)
    options = parser.parse_args()
    objectives = slo.load()
    costs = GIVEN if options.source is None else demands.measured(options.source, objectives)
    print(
        f"costs: {costs.source}; replicas: {', '.join(map(str, REPLICAS))} of {options.cpu}, law from those up to 4\n"
    )
    heads = ("swarms x s", "no law", "at", "mean error", "sd", "within 5 %", "in its interval")
    print("{:>10} {:>7} {:>3} {:>11} {:>7} {:>11} {:>16}".format(*heads))
    for plan in options.plans.split(","):
        tests, probe_s = plan.split("x")
        settings = Settings(
            replicas=REPLICAS,
            cpu_quota_m=parse_cpu_m(options.cpu),
            probe_s=float(probe_s),
            tolerance=_TOLERANCE,
            tests_max=int(tests),
            rounds=1,
        )
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(partial(held_out, settings, costs, objectives), range(options.sweeps)))
        lawful = [one for one in found if one]
        for place in range(len(lawful[0]) if lawful else 0):
            seen = [one[place] for one in lawful]
            errors = np.array([one.error for one in seen])
            print(
                f"{plan:>10} {len(found) - len(lawful):>7} {seen[0].load:>3g} {errors.mean():>11.1%} "
                f"{errors.std(ddof=1):>7.1%} {np.mean(np.abs(errors) <= AIM):>11.0%} "
                f"{np.mean([one.within for one in seen]):>16.0%}",
                flush=True,
            )


def held_out(settings: Settings, costs: Demands, objectives: Objectives, seed: int) -> tuple[HeldOut, ...]:
    """What a sweep says of its held-out points; () where its points follow no law."""
    found = law.of(limits.found(swept(settings, costs, objectives, seed), objectives), objectives)
    return () if isinstance(found, str) else found.held_out


def swept(settings: Settings, costs: Demands, objectives: Objectives, seed: int) -> Sweep:
    """A whole sweep; the same seed is the same sweep."""
    sweep = Sweep("simulated", "", settings, {"cores": _CORES}, None)
    for replicas in settings.replicas:
        point = Point(replicas, searching.first(settings, replicas, sweep.points, _CORES))
        while (rate_per_s := searching.widened(point.search).next_rate()) is not None:
            number = len(point.probes)
            point = point.after(swarm(replicas, rate_per_s, settings, costs, objectives, (seed, replicas, number)))
        sweep = sweep.having(replace(point, search=searching.widened(point.search)))
    return sweep


def swarm(
    replicas: int,
    rate_per_s: float,
    settings: Settings,
    costs: Demands,
    objectives: Objectives,
    seed: Sequence[int],
) -> Probe:
    """Poisson arrivals at a rate, judged in the seconds in which a real swarm would be."""
    assert settings.cpu_quota_m is not None
    quota_cores = settings.cpu_quota_m / 1000
    load_seed, work_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    arrivals = parse_arrivals(f"poisson:{rate_per_s:.6g}@{settings.probe_s:g}s", settings.probe_s)
    requests_s = Load(arrivals, costs.requests_per_arrival, settings.probe_s).requests_s(load_seed)
    parts = systems.parts(quota_cores, settings.proxies, replicas, None, costs, scans_all=True)
    endpoints = costs.endpoints()
    played = simulate(Scenario(requests_s, endpoints, parts, replicas), work_seed)
    names = [endpoint.name for endpoint in endpoints]
    response_s = _steady_s(played, settings.probe_s, names)
    kept = all(
        np.mean(response_s[one.endpoints] <= one.threshold_ms / 1000) >= one.target
        for one in objectives.latencies(SCENARIO)
        if one.endpoints in response_s
    )
    throughput_per_s = costs.requests_per_arrival * rate_per_s
    busy_cores = min(replicas * costs.idle_cores + throughput_per_s * costs.cpu_s(replicas), replicas * quota_cores)
    return Probe(
        run=f"{replicas:02}-{rate_per_s:.3f}",
        rate_per_s=rate_per_s,
        verdict=Verdict.PASS if kept else Verdict.FAIL,
        reason="" if kept else "too late",
        gate="",
        throughput_per_s=throughput_per_s,
        p99_ms={name: 1000 * _p99_s(times_s) for name, times_s in response_s.items()},
        cores={"app": busy_cores, "machine": busy_cores},
    )


def _steady_s(played: Result, load_s: float, names: Sequence[str]) -> dict[str, Floats]:
    """By class of endpoints, how long the requests of the steady seconds took; for ever, where nobody answered."""
    steady = (played.arrival_s >= warm_up_s(load_s)) & (played.arrival_s < load_s - cool_down_s(load_s))
    response_s = np.where(played.status == ANSWERED, played.response_s, np.inf)
    by_class = {name: response_s[steady & (played.endpoint == place)] for place, name in enumerate(names)}
    return {name: times_s for name, times_s in by_class.items() if len(times_s)}


def _p99_s(times_s: Floats) -> float:
    return float(np.quantile(times_s, limits.P99, method="higher"))


if __name__ == "__main__":
    main()
