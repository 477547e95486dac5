"""HDR histograms of times in µs: 1 µs to 10 min, 3 significant digits, so any percentile is within 0.1 %."""

import ctypes
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from hdrh.codec import add_array, decode, payload_header_size
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
    """One histogram of everything in the encoded ones, without loss. Raises ValueError for what is none of ours.

    By the library's own decoder, but over one array for all of them: its `decode_and_add` makes a whole histogram of
    each, which takes four times as long, and a run has tens of thousands.
    """
    total = new_histogram()
    one = (ctypes.c_ulonglong * total.counts_len)()
    all_at, one_at = ctypes.addressof(total.encoder.get_counts()), ctypes.addressof(one)
    least, most, count = total.counts_len, -1, 0
    for blob in encoded:
        content = zlib.decompress(blob)
        if _form(content) != _our_form():
            raise ValueError("a histogram of another form than 1 µs to 10 min with 3 significant digits")
        found = decode(content, payload_header_size, one_at, total.counts_len, total.word_size)
        if found["total"]:
            places = found["max_nonzero_index"] + 1
            add_array(all_at, one_at, places, total.word_size)
            ctypes.memset(one_at, 0, places * total.word_size)
            least, most = min(least, found["min_nonzero_index"]), max(most, places - 1)
            count += found["total"]
    if count:
        total.set_internal_tacking_values(least, most, count)
    return total


def _form(content: bytes) -> tuple[bytes, bytes]:
    """What a decompressed histogram says of itself, but for the length of its counts."""
    return content[:4], content[8:payload_header_size]


@cache
def _our_form() -> tuple[bytes, bytes]:
    return _form(zlib.decompress(encode([])))


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
