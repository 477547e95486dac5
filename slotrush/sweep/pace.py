"""How fast the machine was in each swarm, and a sweep as it would be on one that always is as fast as on average. Pure.

Who else uses a shared machine, and its clock, make every program slower or faster for minutes, by a fifth or by half. A
replica whose CPU time is limited then does as much less or more in it, with nothing changed in the replica. But so do
the parts that have no quota, and what they have to do for a request is known to be the same each time: by how much more
CPU time they took for it, the machine was slower.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from slotrush.capacity.bisect import Search, Trial, Verdict
from slotrush.capacity.intervals import Floats
from slotrush.sweep import searching
from slotrush.sweep.model import Point, Probe, Sweep

PARTS: Final = ("generator", "postgres")
"""They have no quota, and do for a request what they do for it with any number of replicas."""
PROBES_MIN: Final = 6
"""With fewer there are hardly more measurements than unknowns."""
_IDLE_GUESS_CORES: Final = 0.005
_USUAL: Final = 0.1
"""A misfit that is not yet an outlier, as a share."""


def paces(probes: Sequence[Probe]) -> dict[str, float]:
    """By run: how many times as fast as on average (geometric mean) the machine was. 1 for a probe without figures.

    By the utilisation law each part keeps i + d x cores busy at x requests per second, i and d by robust least squares
    of the logarithms over all probes. What is common to the parts of the rest is the pace. So a pace that goes with the
    throughput is none: on a machine that only got slower, while ever more replicas were measured, nothing is levelled.
    """
    told = [probe for probe in probes if _tells(probe)]
    found = {probe.run: 1.0 for probe in probes}
    if len(told) >= PROBES_MIN:
        throughputs = np.array([probe.throughput_per_s for probe in told], float)
        cores = np.array([[probe.cores[part] for part in PARTS] for probe in told])
        found |= zip((probe.run for probe in told), _fitted(throughputs, cores).tolist(), strict=True)
    return found


def paced(sweep: Sweep) -> Sweep:
    """The sweep with the pace of every probe said, and all else as it was measured."""
    found = paces([probe for point in sweep.points for probe in point.probes])
    points = (
        replace(point, probes=tuple(replace(probe, pace=found[probe.run]) for probe in point.probes))
        for point in sweep.points
    )
    return replace(sweep, points=tuple(points))


def levelled(sweep: Sweep) -> Sweep:
    """The sweep with the rates and throughputs of every probe, and so its limits, at the machine's average pace.

    What a swarm asked for at a pace of 0.8 was as much as 1.25 times of it would have been.
    """
    return at_average(paced(sweep))


def at_average(sweep: Sweep) -> Sweep:
    """The same of a sweep whose paces are said."""
    return replace(sweep, points=tuple(map(_levelled, sweep.points)))


def range_of(sweep: Sweep) -> tuple[float, float]:
    """The slowest and the fastest pace of a sweep that was levelled; (1, 1) without probes."""
    found = [probe.pace for point in sweep.points for probe in point.probes] or [1.0]
    return min(found), max(found)


def crossed(sweep: Sweep, *, measured: bool) -> int:
    """Pairs of a swarm that passed and one that failed at a lower rate, with as many replicas; of a levelled sweep, at
    the average pace or at the rates as they were measured. On a machine of one pace only chance makes any."""

    def rates(point: Point, verdict: Verdict) -> list[float]:
        told = [probe for probe in point.probes if probe.verdict is verdict]
        return [probe.rate_per_s * (probe.pace if measured else 1.0) for probe in told]

    return sum(
        passed > failed
        for point in sweep.points
        for passed in rates(point, Verdict.PASS)
        for failed in rates(point, Verdict.FAIL)
    )


def _tells(probe: Probe) -> bool:
    return bool(probe.throughput_per_s) and all(probe.cores.get(part) for part in PARTS)


def _fitted(throughputs_per_s: Floats, cores: Floats) -> Floats:
    """The paces, with a geometric mean of 1, from shapes (probes,) and (probes, parts)."""
    slowness = np.mean([_excess(throughputs_per_s, part) for part in cores.T], axis=0)
    return np.asarray(np.exp(np.mean(slowness) - slowness))


def _excess(throughputs_per_s: Floats, cores: Floats) -> Floats:
    """The logarithm of what a part used over what it mostly uses at such a throughput."""

    def misfit(unknown: Floats) -> Floats:
        idle_cores, demand_s = np.exp(unknown)
        return np.asarray(np.log(cores / (idle_cores + demand_s * throughputs_per_s)))

    guess = np.log([_IDLE_GUESS_CORES, np.median(cores / throughputs_per_s)])
    return misfit(least_squares(misfit, guess, loss="soft_l1", f_scale=_USUAL).x)


def _levelled(point: Point) -> Point:
    probes = tuple(
        replace(
            probe,
            rate_per_s=probe.rate_per_s / probe.pace,
            throughput_per_s=None if probe.throughput_per_s is None else probe.throughput_per_s / probe.pace,
        )
        for probe in point.probes
    )
    search = point.search
    trials = tuple(Trial(probe.rate_per_s, probe.verdict) for probe in probes)
    rates = [trial.rate for trial in trials]
    span = min([search.lowest, *rates]), max([search.highest, *rates])
    wide = searching.widened(Search(*span, search.tolerance, search.tests_max, trials))
    return replace(point, probes=probes, search=wide)
