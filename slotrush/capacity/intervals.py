"""A number with its uncertainty, how to draw from it, and how to read one out of draws."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slotrush.errors import BadInputError

LEVEL: Final = 0.95
"""The share of cases in which an interval shall hold the true value."""
TAIL: Final = (1 - LEVEL) / 2
_TAIL_Z: Final = 1.959963984540054
"""The standard normal's quantile at 1 - TAIL."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The best estimate `mid` and the 95 % interval around it, all in the unit of what is estimated."""

    low: float
    mid: float
    high: float

    @property
    def relative_width(self) -> float:
        """Half of the interval as a share of the estimate; infinite without an upper end or an estimate."""
        return (self.high - self.low) / 2 / self.mid if self.mid else math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def as_json(self) -> dict[str, float | None]:
        """With null for an end that is infinite, which JSON cannot write."""
        return {
            name: value if math.isfinite(value) else None
            for name, value in (("low", self.low), ("mid", self.mid), ("high", self.high))
        }


def exactly(value: float) -> Interval:
    """A number that is known without error."""
    return Interval(value, value, value)


def around(mid: float, draws: ArrayLike) -> Interval:
    """The percentile interval of the draws, widened where needed so that it holds the estimate."""
    low, high = np.quantile(np.asarray(draws, np.float64), (TAIL, 1 - TAIL), method="inverted_cdf")
    return Interval(min(float(low), mid), mid, max(float(high), mid))


def draw(interval: Interval, size: int, rng: np.random.Generator) -> Floats:
    """Draws of a positive quantity: a log-normal of two halves with `mid` as its median and the ends as its quantiles.

    The split normal distribution (Fechner 1897; Wallis 2014, doi:10.1214/13-STS417) on the logarithm, with equal
    weight on both sides. An interval with equal ends gives that number. Raises BadInputError for what is not a
    positive, finite and ordered interval.
    """
    _check(interval)
    z = rng.standard_normal(size)
    side = np.where(z < 0, math.log(interval.mid / interval.low), math.log(interval.high / interval.mid))
    return np.asarray(interval.mid * np.exp(z / _TAIL_Z * side), np.float64)


def _check(interval: Interval) -> None:
    low, mid, high = interval.low, interval.mid, interval.high
    if not (0 < low <= mid <= high < math.inf):
        raise BadInputError(
            "interval",
            f"({low:g}, {mid:g}, {high:g}) is not 0 < low <= mid <= high",
            "Give the lower end, the best estimate and the upper end, all positive",
        )


def positive(thing: str, value: float) -> float:
    """The value. Raises BadInputError unless it is a positive, finite number."""
    if not (0 < value < math.inf):
        raise BadInputError(thing, f"{value:g} is not a positive number", "Give a number above 0")
    return value


def column(values: Iterable[Any]) -> Floats:
    """Numbers as a vector of floats."""
    return np.fromiter((float(value) for value in values), np.float64)
