"""Measured response times against the share of the capacity in use, and what they predict for another share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.capacity.intervals import Floats, Interval, around

BIN: Final = 0.1
"""Measurements at shares of the capacity that are so near to each other are taken together."""
BINS_MIN: Final = 2
_SEED: Final = 102


@dataclass(frozen=True)
class ResponseCurve:
    """Response times in ms at rising shares of the capacity, and the scatter of one measurement around them.

    Below the first share the time is that of the first, which is too much if anything; beyond the last it is infinite,
    as nothing was measured there. `scatter` is the standard deviation of the time's logarithm.
    """

    shares: tuple[float, ...]
    times_ms: tuple[float, ...]
    scatter: float

    def at(self, shares: Floats) -> Floats:
        """Between the points by straight lines."""
        found = np.interp(shares, self.shares, self.times_ms)
        return np.where(shares > self.shares[-1], np.inf, found)

    def predict(self, share: float, draws: Floats) -> Interval:
        """What a measurement at an uncertain share would show, in ms."""
        z = np.random.default_rng(_SEED).standard_normal(len(draws))
        return around(float(self.at(np.array([share]))[0]), self.at(draws) * np.exp(self.scatter * z))


def curve(shares: Sequence[float], times_ms: Sequence[float]) -> ResponseCurve | None:
    """The medians of near measurements, which never fall while the share rises; None from too few different shares."""
    at, measured = np.asarray(shares, np.float64), np.asarray(times_ms, np.float64)
    places = np.floor(at / BIN)
    middles = [
        (float(np.median(at[places == place])), float(np.median(measured[places == place])))
        for place in np.unique(places)
    ]
    if len(middles) < BINS_MIN:
        return None
    found_shares, found_times = (tuple(column) for column in zip(*middles, strict=True))
    smooth = ResponseCurve(found_shares, tuple(np.maximum.accumulate(found_times).tolist()), 0.0)
    inside = at <= smooth.shares[-1]
    errors = np.log(measured[inside] / smooth.at(at[inside]))
    degrees = max(len(errors) - len(middles), 1)
    return ResponseCurve(smooth.shares, smooth.times_ms, math.sqrt(float(errors @ errors) / degrees))
