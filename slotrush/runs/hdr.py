"""HDR histograms of times in µs: 1 µs to 10 min, 3 significant digits, so any percentile is within 0.1 %."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hdrh.histogram import HdrHistogram

LOWEST_US: Final = 1
HIGHEST_US: Final = 600_000_000
SIGNIFICANT_DIGITS: Final = 3


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of a set of times, in milliseconds; `count` is how many times there were."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


def new_histogram() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS, b64_wrap=False)


def encode(times_us: Iterable[float]) -> bytes:
    """The times as one encoded histogram. Times outside the range are recorded at its ends, never dropped."""
    histogram = new_histogram()
    for time_us in times_us:
        histogram.record_value(min(max(int(time_us), LOWEST_US), HIGHEST_US))
    return bytes(histogram.encode())


def merge(encoded: Iterable[bytes]) -> HdrHistogram:
    """One histogram of everything in the encoded ones, without loss."""
    total = new_histogram()
    for blob in encoded:
        total.decode_and_add(blob)
    return total


def percentiles_ms(histogram: HdrHistogram) -> Percentiles:
    def at(percentile: float) -> float:
        return float(histogram.get_value_at_percentile(percentile)) / 1000 if histogram.total_count else 0.0

    return Percentiles(
        count=histogram.total_count,
        p50=at(50),
        p90=at(90),
        p99=at(99),
        p999=at(99.9),
        max=histogram.max_value / 1000 if histogram.total_count else 0.0,
    )
