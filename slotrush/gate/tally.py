"""What the run record says of each second of the window, as arrays."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram

from slotrush.gate.interval import Numbers
from slotrush.gate.window import Window
from slotrush.runs.distribution import starts_us
from slotrush.slo import TimedFrom

US_PER_MS: Final = 1000
_COLUMNS: Final = {TimedFrom.INTENDED_START: "response_hdr", TimedFrom.SENDING: "service_hdr"}


@dataclass(frozen=True)
class Tally:
    """Requests by second and worker: `good` of `total`, both of shape [seconds, workers]."""

    good: Numbers
    total: Numbers

    @property
    def requests(self) -> int:
        return int(self.total.sum())


def answered(connection: sqlite3.Connection, window: Window, covers: Callable[[str], bool]) -> Tally:
    """How many requests were answered as promised, to the endpoints that `covers` is true for."""
    return _tally(connection, window, covers, "x''", _as_promised)


def in_time(
    connection: sqlite3.Connection,
    window: Window,
    covers: Callable[[str], bool],
    threshold_ms: float,
    timed_from: TimedFrom,
) -> Tally:
    """How many requests were answered as promised, and in less than the threshold.

    A record does not say which of a second's requests failed, so each that failed is taken off the fast ones: shedding
    load quickly makes nobody fast. A time that the histogram cannot tell from the threshold (0.1 %) counts as slow.
    """
    threshold_us = threshold_ms * US_PER_MS

    def fast(good: int, failed: int, blob: bytes) -> int:
        return min(max(count_below(blob, threshold_us) - failed, 0), good)

    return _tally(connection, window, covers, _COLUMNS[timed_from], fast)


def _as_promised(good: int, _failed: int, _blob: bytes) -> int:
    return good


def requests_per_second(connection: sqlite3.Connection, window: Window) -> Numbers:
    total: Numbers = answered(connection, window, lambda _: True).total.sum(axis=1)
    return total


def count_below(blob: bytes, threshold_us: float) -> int:
    """How many of the times in an encoded histogram are surely under the threshold."""
    counts = np.frombuffer(HdrHistogram.decode(blob, b64_wrap=False).counts, dtype=np.int64)
    return int(counts[: _buckets_below(threshold_us)].sum())


@lru_cache
def _buckets_below(threshold_us: float) -> int:
    """How many of a histogram's buckets, from the lowest, hold nothing but values under the threshold."""
    starts = starts_us()
    below = int(np.searchsorted(starts, threshold_us))
    return below if below < len(starts) and starts[below] == threshold_us else below - 1


def _tally(
    connection: sqlite3.Connection,
    window: Window,
    covers: Callable[[str], bool],
    column: str,
    count_good: Callable[[int, int, bytes], int],
) -> Tally:
    """`count_good` gets how many were answered as promised, how many not, and the `column`, of one cell."""
    rows = connection.execute(
        f"SELECT worker, endpoint, second, good, bad + refused, {column} FROM latency WHERE second BETWEEN ? AND ?",
        (window.first_s, window.last_s),
    )
    workers: dict[str, int] = {}
    cells = []
    for worker, endpoint, second, good, failed, blob in rows:
        place = workers.setdefault(worker, len(workers))
        if covers(endpoint):
            cells.append((second - window.first_s, place, count_good(good, failed, blob), good + failed))
    tally = Tally(*(np.zeros((window.seconds, max(len(workers), 1))) for _ in range(2)))
    for second, place, good, total in cells:
        tally.good[second, place] += good
        tally.total[second, place] += total
    return tally
