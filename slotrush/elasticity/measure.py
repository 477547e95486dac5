"""How closely replicas followed what the autoscaler asked for. Pure.

Source of the measures: Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics",
SPEC-RG-2016-01: accuracy is the mean amount by which supply missed demand, timeshare the part of the time in which it
did. Demand here is what the autoscaler wanted, supply the replicas that were ready.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Elasticity:
    """Replicas, shares of the time, and seconds. `slowest_rise_s` is None when nothing had to rise, or never did."""

    replicas_min: int
    replicas_max: int
    replicas_mean: float
    limit: int
    at_limit_share: float
    under_share: float
    under_mean: float
    over_share: float
    over_mean: float
    rises: int
    unfinished_rises: int
    slowest_rise_s: float | None


def measure(wanted: Numbers, ready: Numbers, limit: Numbers, step_s: float) -> Elasticity:
    """All three are counts of replicas at the same moments, `step_s` apart, without gaps."""
    missing = np.clip(wanted - ready, 0, None)
    spare = np.clip(ready - wanted, 0, None)
    taken = rises(wanted, ready)
    done = [steps for steps in taken if steps is not None]
    return Elasticity(
        replicas_min=int(ready.min()),
        replicas_max=int(ready.max()),
        replicas_mean=float(ready.mean()),
        limit=int(limit.max()),
        at_limit_share=float(np.mean(wanted >= limit)),
        under_share=float(np.mean(missing > 0)),
        under_mean=float(missing.mean()),
        over_share=float(np.mean(spare > 0)),
        over_mean=float(spare.mean()),
        rises=len(taken),
        unfinished_rises=len(taken) - len(done),
        slowest_rise_s=max(done) * step_s if done else None,
    )


def rises(wanted: Numbers, ready: Numbers) -> list[int | None]:
    """For each time that more was wanted, the steps until so many were ready; None if that did not come before less was
    wanted, or the end."""
    found: list[int | None] = []
    for start in np.flatnonzero(np.diff(wanted) > 0) + 1:
        steps: int | None = None
        for place in range(start, len(wanted)):
            if wanted[place] < wanted[start]:
                break
            if ready[place] >= wanted[start]:
                steps = place - int(start)
                break
        found.append(steps)
    return found


def without_gaps(values: Numbers) -> Numbers:
    """A gauge that was not scraped keeps its last value; before the first it has the first."""
    known = np.flatnonzero(~np.isnan(values))
    places = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    filled: Numbers = values[known[np.clip(places, 0, None)]]
    return filled
