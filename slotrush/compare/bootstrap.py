"""Intervals of mean logarithms of ratios, by resampling pairs. Pure, and the same pairs always give the same ones.

The bootstrap-t: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 12.5. It studentises each
resample, so that its intervals keep their level with the few and skewed values that a busy machine gives, where plain
percentiles are too narrow.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
RESAMPLES: Final = 10_000
"""The smallest tail that is asked for (sequential.tails) still has some of them beyond it."""
SEED: Final = 20_251_101
PAIRS_MIN: Final = 8
"""Fewer have too few different resamples for a tail."""
FENCE: Final = 2.5
"""Values further from the median than so many standard deviations count as if they were that far: a pair in which the
machine did something else for a while says little. The deviation is that of a normal sample with the same median
absolute one (Leys et al., Journal of Experimental Social Psychology 49 (2013) 764-766, for both numbers)."""
MAD_TO_DEVIATION: Final = 1.4826


def fenced(logs: Numbers) -> Numbers:
    """Winsorised, by column. Where more than half the values are equal there is no measure of what is far."""
    middle = np.median(logs, axis=0)
    reach = FENCE * MAD_TO_DEVIATION * np.median(np.abs(logs - middle), axis=0)
    clipped: Numbers = np.clip(logs, middle - reach, middle + reach)
    return np.where(reach > 0, clipped, logs)


def intervals(logs: Numbers, tail: float) -> tuple[Numbers, Numbers, Numbers]:
    """`logs` are [pairs, figures]. For each figure the lower end, the mean and the upper end; each end is passed by the
    truth with the probability `tail`. Pairs are resampled whole, so all figures see the same ones."""
    pairs, _ = logs.shape
    raw, logs = logs, fenced(logs)
    kept = (raw == logs).sum(axis=0)
    middle = logs.mean(axis=0)
    centred = logs - middle
    # what was fenced in still varies: Dixon and Tukey's widening for winsorised means, Technometrics 10 (1968) 83-98
    error = centred.std(axis=0, ddof=1) / pairs**0.5 * (pairs - 1) / np.maximum(kept - 1, 1)
    drawn = np.random.default_rng(SEED).multinomial(pairs, np.full(pairs, 1 / pairs), size=RESAMPLES) / pairs
    shift = drawn @ centred
    variance = np.maximum(drawn @ centred**2 - shift**2, 0) / (pairs - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.where(shift == 0, 0.0, shift / np.sqrt(variance))
    low, high = np.quantile(studentised, [tail, 1 - tail], axis=0, method="inverted_cdf")
    with np.errstate(invalid="ignore"):
        below, above = (np.where(error == 0, 0.0, bound * error) for bound in (high, low))
    return middle - below, middle, middle - above
