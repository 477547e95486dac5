"""Where a noisy height crosses zero, of several groups that rise alike. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats
from scipy.optimize import least_squares

from slotrush.capacity.intervals import TAIL, Floats, Interval, column

DEGREES_MIN: Final = 3
"""With fewer observations beyond the unknowns nothing can be said of the errors."""


def crossings(groups: Sequence[int], places: Sequence[float], heights: Sequence[float], usual: float) -> list[Interval]:
    """The place at which each group, 0 to the largest, has a height of zero, with its 95 % interval; none if unknown.

    place = crossing of the group + run * height + error, with one `run` for all groups, above zero. By robust least
    squares (soft L1), where an error of `usual` is no outlier yet; the intervals are those of ordinary least squares,
    with all errors counted, and Student's t. It is calibration's inverse regression (Krutchkoff, Technometrics 9(3),
    1967): right where places were chosen around the crossings, as a search does, and biased towards their mean
    elsewhere.
    """
    of, at, high = np.asarray(groups, int), column(places), column(heights)
    count = int(of.max(initial=-1)) + 1
    degrees = len(at) - count - 1
    if degrees < DEGREES_MIN or len(np.unique(of)) < count:
        return []
    design = np.column_stack([np.eye(count)[of], high])

    def misfit(unknown: Floats) -> Floats:
        return np.asarray(design @ unknown - at)

    guess = np.linalg.lstsq(design, at, rcond=None)[0]
    found = least_squares(misfit, guess, loss="soft_l1", f_scale=usual).x
    if found[-1] <= 0:
        return []
    errors = misfit(found)
    variances = float(errors @ errors) / degrees * np.diag(np.linalg.pinv(design.T @ design))
    reach = stats.t.ppf(1 - TAIL, degrees) * np.sqrt(variances)
    ends = zip(found[:-1].tolist(), reach[:-1].tolist(), strict=True)
    return [Interval(mid - half, mid, mid + half) for mid, half in ends]
