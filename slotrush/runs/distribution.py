"""HDR histograms read off fast, with NumPy: their times, percentiles, counts up to given bounds and sums."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from slotrush.runs import hdr

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histograms that go to Prometheus: its customary ones, with both objectives (0.3 for reads, 0.5
for bookings) among them, so that nobody has to guess the share within an objective, and up to clients' time-outs."""
_PERCENTILES: Final = (50, 90, 99, 99.9)


def recorded(histogram: HdrHistogram) -> list[tuple[int, int]]:
    """What it holds as (time in µs, count), ascending; a time is the least of those that it is not told from."""
    counts = _counts(histogram)
    places = np.flatnonzero(counts)
    return list(zip(starts_us()[places].tolist(), counts[places].tolist(), strict=True))


@cache
def starts_us() -> NDArray[np.int64]:
    """The least time that each place of a histogram stands for, ascending."""
    empty = hdr.new_histogram()
    return np.array([empty.get_value_from_index(place) for place in range(empty.counts_len)], np.int64)


class Distribution:
    """All the times of some encoded histograms together. Reading is like `hdr.percentiles_ms`, only faster."""

    def __init__(self, encoded: Iterable[bytes], more: Mapping[int, int] | None = None) -> None:
        """`more`: other times in µs, within the range of the histograms, and how many there were of each."""
        self._histogram = hdr.merge(encoded)
        counts = _counts(self._histogram)
        if more:
            places = np.searchsorted(starts_us(), np.fromiter(more.keys(), np.int64), "right") - 1
            np.add.at(counts, places, np.fromiter(more.values(), np.int64))
            held = np.flatnonzero(counts)
            self._histogram.set_internal_tacking_values(int(held[0]), int(held[-1]), int(counts.sum()))
        self._cumulative = np.cumsum(counts)

    @property
    def count(self) -> int:
        return int(self._histogram.total_count)

    def percentiles_ms(self) -> hdr.Percentiles:
        if not self.count:
            return hdr.Percentiles(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        ranks = [self._histogram.get_target_count_at_percentile(percentile) for percentile in _PERCENTILES]
        p50, p90, p99, p999 = (float(found) / 1000 for found in _values_us()[np.searchsorted(self._cumulative, ranks)])
        return hdr.Percentiles(self.count, p50, p90, p99, p999, self._histogram.max_value / 1000)

    def quantiles_s(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The times that are not exceeded by these shares of all, each above 0 and at most 1, in seconds."""
        return np.asarray(_values_us()[np.searchsorted(self._cumulative, shares * self.count)] / 1e6, float)

    def counts_up_to(self, bounds_s: Sequence[float]) -> list[int]:
        """How many times are at most each bound, or so near to it that the histogram cannot tell (0.1 %)."""
        bounds_us = [self._histogram.get_highest_equivalent_value(int(bound_s * 1e6)) for bound_s in bounds_s]
        places = np.searchsorted(_values_us(), bounds_us, "right")
        return [int(self._cumulative[place - 1]) for place in places]

    @property
    def sum_s(self) -> float:
        """To the histogram's 0.1 %."""
        counts = np.diff(self._cumulative, prepend=0)
        return float(np.sum(counts * _values_us())) / 1e6  # a dot product wakes all threads of the algebra library


@cache
def _values_us() -> NDArray[np.float64]:
    """The highest time that each place of a histogram stands for, ascending."""
    empty = hdr.new_histogram()
    places = range(empty.counts_len)
    return np.array([empty.get_highest_equivalent_value(empty.get_value_from_index(place)) for place in places], float)


def _counts(histogram: HdrHistogram) -> NDArray[Any]:
    return np.ctypeslib.as_array(histogram.counts).astype(np.int64)
