"""The limits of a sweep by how late answers were near them, which says more than whether they were too late. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from slotrush.capacity.bisect import Verdict
from slotrush.capacity.crossing import crossings
from slotrush.capacity.intervals import Interval
from slotrush.slo import Latency, Objectives
from slotrush.sweep.model import SCENARIO, Point, Probe, Sweep

P99: Final = 0.99
"""Probes have this percentile of each class, so that objectives of any other say nothing here."""
NEAR: Final = 2.0
"""From half to twice an objective, the percentile rises with the rate as a power of it; farther off it does not."""
PROBES_MIN: Final = 3
_USUAL: Final = 0.05
"""A misfit of a rate that is not yet an outlier, as a share."""


def found(sweep: Sweep, objectives: Objectives) -> Sweep:
    """The sweep, whose rates are those at one pace, with the limit of every point that enough of its probes tell.

    A verdict is one bit of a swarm. Its 99th percentile, over the objective, is a number: near the limit a rate that
    is a tenth higher makes it a third longer or more. All points of a sweep share that power, as their replicas are
    alike; each has its own rate at which the percentile is the objective (`capacity.crossing`), which is also where
    half of the verdicts would be a pass. Points with fewer than three probes near the limit keep what their verdicts
    say, and so does a sweep whose objectives are of other percentiles.
    """
    strict = objectives.latencies(SCENARIO)
    if not strict or any(one.target != P99 for one in strict):
        return sweep
    near = {point.replicas: list(_near(point, strict)) for point in sweep.points}
    told = [point for point in sweep.points if len(near[point.replicas]) >= PROBES_MIN]
    groups = [group for group, point in enumerate(told) for _ in near[point.replicas]]
    seen = [each for point in told for each in near[point.replicas]]
    logarithms = crossings(groups, [rate for rate, _ in seen], [late for _, late in seen], _USUAL)
    for point, each in zip(told, logarithms, strict=bool(logarithms)):
        sweep = sweep.having(replace(point, limit=Interval(*map(math.exp, (each.low, each.mid, each.high)))))
    return sweep


def _near(point: Point, strict: Sequence[Latency]) -> Iterable[tuple[float, float]]:
    """The logarithms of the rate, and of the 99th percentile over its objective, of each probe near the limit.

    A probe that failed in time, or passed though late, was judged by something else.
    """
    for probe in point.probes:
        late = lateness(probe, strict)
        if late is None or abs(late) > math.log(NEAR):
            continue
        if probe.verdict is (Verdict.FAIL if late > 0 else Verdict.PASS):
            yield math.log(probe.rate_per_s), late


def lateness(probe: Probe, strict: Iterable[Latency]) -> float | None:
    """The logarithm of the 99th percentile over its objective, of the class for which that is highest."""
    shares = [p99_ms / one.threshold_ms for one in strict if (p99_ms := probe.p99_ms.get(one.endpoints, 0.0)) > 0]
    return math.log(max(shares)) if shares else None
