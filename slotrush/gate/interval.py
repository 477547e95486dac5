"""Confidence intervals that know that the requests of a run are not independent of one another. Pure.

A slow second makes all its requests slow, so a plain binomial interval is several times too narrow. The variance is
therefore taken from blocks, and turned into a design effect: by how much it exceeds that of independent requests. The
interval of a proportion is then Clopper and Pearson's for the *effective* number of requests, and does not break down
when nearly everything is good, as a bootstrap's percentiles do. No random numbers: a record has one verdict.

Sources: Korn and Graubard, Survey Methodology 24 (1998) 193-201, for the effective number and its degrees of freedom;
Künsch, Annals of Statistics 17 (1989) 1217-1241, for overlapping blocks: their variance is the one that a moving-block
bootstrap converges to; Hall, Horowitz and Jing, Biometrika 82 (1995) 561-574, for blocks that grow as the cube root.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

CONFIDENCE: Final = 0.95
_TAIL: Final = (1 - CONFIDENCE) / 2
DESIGN_EFFECT_MIN: Final = 2.0
"""Where nothing failed, nothing shows how failures cluster; but a retry fails with what it repeats, so by twos."""
BLOCK_FACTOR: Final = 2
BLOCKS_MIN: Final = 5
"""A block is so many times the cube root of the seconds long, but leaves at least so many blocks. Simulated runs with
bursts of failures over several seconds chose these: docs/gates.md has the table."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, from `requests` requests in `blocks` blocks."""

    figure: float
    low: float
    high: float
    requests: int
    blocks: int


@dataclass(frozen=True)
class Spread:
    """The variance of a sum, and the degrees of freedom with which it is known."""

    variance: float
    freedom: int


def proportion(good: Numbers, total: Numbers, stages: bool) -> Estimate | None:
    """The share of good requests; both arrays are [seconds, workers]. None when the variance cannot be known.

    `stages`: the seconds are stages of one story, so their differences are no noise; see `_between_workers`.
    """
    requests, share = total.sum(), good.sum() / total.sum()
    spread = _spread(good - share * total, total, stages)
    if spread is None:
        return None
    independent = requests * share * (1 - share)
    widening = (stdtrit(spread.freedom, 1 - _TAIL) / ndtri(1 - _TAIL)) ** 2
    design_effect = spread.variance / independent * widening if independent else 0.0
    effective = requests / max(design_effect, DESIGN_EFFECT_MIN)
    successes = share * effective
    failures = effective - successes
    low = betaincinv(successes, failures + 1, _TAIL) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - _TAIL) if failures else 1.0
    return Estimate(float(share), float(low), float(high), int(requests), spread.freedom + 1)


def ratio(amount: Numbers, requests: Numbers) -> Estimate | None:
    """An amount per request, by second: the ratio of the sums and a t interval. None when it has no variance."""
    total = requests.sum()
    figure = amount.sum() / total
    spread = _between_blocks(amount - figure * requests)
    if spread is None:
        return None
    half = stdtrit(spread.freedom, 1 - _TAIL) * spread.variance**0.5 / total
    return Estimate(float(figure), float(max(figure - half, 0)), float(figure + half), int(total), spread.freedom + 1)


def _spread(residuals: Numbers, total: Numbers, stages: bool) -> Spread | None:
    among_workers = _between_workers(residuals, total) if stages else None
    return among_workers or _between_blocks(residuals.sum(axis=1))


def _between_blocks(residuals: Numbers) -> Spread | None:
    """Of the sum of a series whose sum is 0, by overlapping blocks. The freedom is that of blocks side by side."""
    count = len(residuals)
    length = max(min(int(BLOCK_FACTOR * np.cbrt(count)), count // BLOCKS_MIN), 1)
    if count // length < 2:
        return None
    blocks = np.convolve(residuals, np.ones(length), mode="valid")
    variance = count**2 * float(blocks @ blocks) / (length * (count - length) * len(blocks))
    return Spread(variance, count // length - 1)


def _between_workers(residuals: Numbers, total: Numbers) -> Spread | None:
    """Of the sum, when each second is a stratum and the workers in it, who drew their patients at random, repeat it.

    Wolter, Introduction to Variance Estimation (2007), section 1.4: the stratified estimator for clusters.
    """
    variance, freedom = 0.0, 0
    for second, active in zip(residuals, total > 0, strict=True):
        workers = int(active.sum())
        if workers > 1:
            variance += workers * float(np.var(second[active], ddof=1))
            freedom += workers - 1
        elif workers:
            variance += float(second[active][0] ** 2)  # alone in its second: nothing to hold it against
    return Spread(variance, freedom) if freedom else None
