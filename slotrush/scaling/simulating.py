"""Do the objectives hold when so many patients come within so long, with this autoscaler? Played through, by a seed."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from slotrush.autoscale.cluster import Delays
from slotrush.autoscale.counting import CONTAINER
from slotrush.autoscale.plant import Parts
from slotrush.autoscale.simulate import Result, Scenario, simulate
from slotrush.autoscale.spec import Hpa, Options, PodsMetric, ResourceMetric
from slotrush.autoscale.workload import Floats, rush
from slotrush.errors import BadInputError
from slotrush.scaling.demands import Demands
from slotrush.slo import ALL_ENDPOINTS, Availability, Latency, Objectives

FORMAT: Final = 1
REQUESTS_MAX: Final = 20_000_000
"""More do not fit into the memory of a small machine: each takes some 150 bytes."""
CURVE_POINTS: Final = 300
"""As many as can be told from one another in a chart."""


@dataclass(frozen=True)
class Rush:
    """`patients` come within `within_s`, each at a random moment, make `requests_each` on average, and think
    `think_s` on average before each but the first."""

    patients: int
    within_s: float
    requests_each: float = 1.0
    think_s: float = 5.0


@dataclass(frozen=True)
class System:
    """What stands in the cluster: `replicas` ready at the beginning, each with a CPU request in thousandths.

    `container`: of an autoscaler that has a metric of one, the only one of each pod.
    """

    hpa: Hpa
    parts: Parts
    cpu_request_m: int
    replicas: int
    delays: Delays = field(default_factory=Delays)
    options: Options = field(default_factory=Options)
    container: str = CONTAINER


@dataclass(frozen=True)
class Share:
    """An objective: the share of good requests, and whether it is enough."""

    objective: str
    share: float
    target: float
    within_s: float | None

    @property
    def holds(self) -> bool:
        return self.share >= self.target


@dataclass(frozen=True)
class Curves:
    """By time: `at_s` is where each interval begins. The replicas are those that the proxies know."""

    at_s: Sequence[float]
    requests_per_s: Sequence[float]
    good_share: Sequence[float | None]
    wanted: Sequence[float]
    serving: Sequence[float]


@dataclass(frozen=True)
class Answer:
    """`replicas_needed`: with so many from the beginning none would be above the autoscaler's target at the peak;
    None where there is no such number. `compute_s`: CPU seconds that the simulation took."""

    rush: Rush
    requests: int
    peak_per_s: float
    replicas_max: int
    replicas_mean: float
    replicas_needed: int | None
    p50_s: float | None
    p99_s: float | None
    shares: tuple[Share, ...]
    curves: Curves
    compute_s: float

    @property
    def holds(self) -> bool:
        return all(share.holds for share in self.shares)


def answer(rush_: Rush, system: System, demands: Demands, objectives: Objectives, seed: int) -> Answer:
    """The same seed gives the same answer. Raises BadInputError."""
    _check(rush_)
    begun_s = time.process_time()
    arrival_s = arrivals(rush_, np.random.default_rng(seed))
    endpoints = demands.endpoints()
    played = simulate(
        Scenario(
            arrival_s, endpoints, system.parts, system.replicas, system.hpa, system.cpu_request_m, system.delays,
            system.options, system.container,
        ),
        seed,
    )  # fmt: skip
    most_per_s = busiest_per_s(arrival_s, min(system.options.sync_period_s, rush_.within_s))
    p50_s, p99_s = (None if math.isnan(found) else found for found in played.response_quantiles_s(0.5, 0.99))
    return Answer(
        rush=rush_,
        requests=len(arrival_s),
        peak_per_s=float(np.bincount(arrival_s.astype(np.int64)).max()),
        replicas_max=max(look.routed for look in played.looks),
        replicas_mean=float(np.mean([look.routed for look in played.looks])),
        replicas_needed=needed(most_per_s, demands, system),
        p50_s=p50_s,
        p99_s=p99_s,
        shares=tuple(shares(played, [one.name for one in endpoints], objectives)),
        curves=curves(played),
        compute_s=time.process_time() - begun_s,
    )


def arrivals(rush_: Rush, rng: np.random.Generator) -> Floats:
    """When each request comes, in order."""
    patients_s = rush(rush_.patients, rush_.within_s, rng)
    least, rest = divmod(rush_.requests_each, 1)
    counts = int(least) + (rng.random(rush_.patients) < rest)
    first = np.cumsum(counts) - counts
    thought_s = rng.exponential(rush_.think_s, int(counts.sum())) if rush_.think_s else np.zeros(int(counts.sum()))
    since_s = np.cumsum(thought_s)
    return np.sort(np.repeat(patients_s - since_s[first], counts) + since_s)


def busiest_per_s(arrival_s: Floats, window_s: float) -> float:
    """The highest rate of all windows of this length; arrivals in order."""
    until = np.searchsorted(arrival_s, arrival_s + window_s)
    return float((until - np.arange(len(arrival_s))).max()) / window_s


def needed(requests_per_s: float, demands: Demands, system: System) -> int | None:
    """How many replicas are at the autoscaler's targets under this load: as many as the strictest asks for.

    None when there is no such target; and when no number is enough, as each further one costs more than it bears.
    """
    targets_m = [
        _cpu_target_m(metric, system.cpu_request_m)
        for metric in system.hpa.metrics
        if isinstance(metric, ResourceMetric)
    ]
    counted = [metric.average_m / 1000 for metric in system.hpa.metrics if isinstance(metric, PodsMetric)]
    found = [math.ceil(requests_per_s / one) for one in counted]
    if targets_m:
        each = min(targets_m) / 1000 - demands.idle_cores - requests_per_s * demands.echo_s
        if each <= 0:
            return None
        found.append(math.ceil(requests_per_s * demands.own_cpu_s / each))
    return max(1, *found) if found else None


def _cpu_target_m(metric: ResourceMetric, cpu_request_m: int) -> float:
    if metric.utilisation_percent is not None:
        return metric.utilisation_percent * cpu_request_m / 100
    assert metric.average_m is not None
    return metric.average_m


def shares(played: Result, names: Sequence[str], objectives: Objectives) -> list[Share]:
    """The objectives of availability and latency that say something about the classes that were played."""
    found = []
    for one in objectives.every:
        if not isinstance(one, Availability | Latency) or one.skip:
            continue
        within_s = one.threshold_ms / 1000 if isinstance(one, Latency) else None
        all_of_them = one.endpoints == ALL_ENDPOINTS or names == [ALL_ENDPOINTS]
        if all_of_them or one.endpoints in names:
            place = None if all_of_them else names.index(one.endpoints)
            found.append(Share(one.name, played.attained(within_s or math.inf, place), one.target, within_s))
    return found


def curves(played: Result) -> Curves:
    """In intervals of whole seconds, as few as are needed to have no more than can be shown."""
    looks_s = np.array([look.at_s for look in played.looks])
    every_s = float(max(1, math.ceil(looks_s[-1] / CURVE_POINTS)))
    at_s, asked, good = played.attained_by_time(every_s)
    chosen = [played.looks[int(place)] for place in np.searchsorted(looks_s, np.arange(0, looks_s[-1] + 0.5, every_s))]
    quiet = len(chosen) - len(at_s)
    return Curves(
        at_s=[look.at_s for look in chosen],
        requests_per_s=[*(asked / every_s).tolist(), *[0.0] * quiet][: len(chosen)],
        good_share=[*(None if math.isnan(one) else one for one in good.tolist()), *[None] * quiet][: len(chosen)],
        wanted=[look.desired for look in chosen],
        serving=[look.routed for look in chosen],
    )


def as_json(answers: Sequence[Answer], system: System, demands: Demands, seed: int) -> str:
    content: dict[str, Any] = {
        "format": FORMAT,
        "seed": seed,
        "demands": asdict(demands) | {"own_cpu_s": demands.own_cpu_s},
        "system": asdict(system),
        "answers": [
            asdict(one)
            | {"holds": one.holds, "shares": [asdict(share) | {"holds": share.holds} for share in one.shares]}
            for one in answers
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def _check(rush_: Rush) -> None:
    requests = rush_.patients * rush_.requests_each
    if rush_.patients < 1 or requests > REQUESTS_MAX:
        problem = f"that makes {requests:,.0f} requests, and it must be 1 to {REQUESTS_MAX:,}"
        raise BadInputError(f"--patients {rush_.patients}", problem, "Give another number, or fewer requests each")
    if not 1 <= rush_.requests_each <= 1000:
        raise BadInputError(f"--requests {rush_.requests_each:g}", "it must be from 1 to 1000", "Give another number")
    for thing, seconds, least in (("--within-s", rush_.within_s, 0.001), ("--think-time-s", rush_.think_s, 0.0)):
        if not least <= seconds <= 86_400:
            raise BadInputError(f"{thing} {seconds:g}", f"it must be from {least:g} s to a day", "Give another number")
