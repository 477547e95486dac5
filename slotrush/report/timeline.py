"""The run second by second, read from its record for the charts. Times are seconds since the drop (`x_s`).

A run without a drop counts from its first event.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from slotrush.runs import hdr, record
from slotrush.summary.usage import usage_samples

OUTCOMES: Final = ("booked", "taken", "refused", "unknown")
BINS_MAX: Final = 240
CPU_POINTS_MAX: Final = 400
MARGIN_S: Final = 1.0
_BIN_WIDTHS_S: Final = (1, 2, 5, 10, 30, 60, 300, 900, 3600)


@dataclass(frozen=True)
class Moment:
    """Response times of everything that was answered within one second, in ms."""

    x_s: float
    p50: float
    p99: float
    max: float


@dataclass(frozen=True)
class Cpu:
    """Cores in use between one sample and the next: `cores[component][i]` belongs to `x_s[i]`, the middle."""

    x_s: Sequence[float]
    cores: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Timeline:
    """`attempts_per_s[outcome]` has one rate per bin of `bin_s`, the first beginning at `bins_from_s`.

    `sold` is (x_s, slots acknowledged so far); `span_s` is what the race's charts show.
    """

    from_drop: bool
    drained_s: float | None
    span_s: tuple[float, float]
    bin_s: int
    bins_from_s: float
    attempts_per_s: Mapping[str, Sequence[float]]
    sold: Sequence[tuple[float, int]]
    responses: Sequence[Moment]
    cpu: Cpu


def read(connection: sqlite3.Connection) -> Timeline | None:
    """None when nothing that has a time was recorded."""
    events = record.event_times(connection)
    if not events:
        return None
    origin_us = events.get("drop", min(events.values()))
    drained_s = (events["drained"] - origin_us) / 1e6 if "drained" in events else None
    outcomes = _outcomes(connection, origin_us)
    responses = _responses(connection, origin_us)
    last_s = max(
        drained_s or 0.0,
        *(x_s for x_s, _ in outcomes),
        *(moment.x_s for moment in responses if drained_s is None),
        0.0,
    )
    span_s = (-MARGIN_S if "drop" in events else 0.0, last_s + MARGIN_S)
    width_s = bin_width_s(last_s)
    return Timeline(
        from_drop="drop" in events,
        drained_s=drained_s,
        span_s=span_s,
        bin_s=width_s,
        bins_from_s=0.0,
        attempts_per_s=rates(outcomes, width_s),
        sold=cumulative([x_s for x_s, outcome in outcomes if outcome == "booked"]),
        responses=[moment for moment in responses if span_s[0] <= moment.x_s <= span_s[1]],
        cpu=cores_in_use(usage_samples(connection), origin_us),
    )


def bin_width_s(span_s: float) -> int:
    """The narrowest width that needs no more than `BINS_MAX` bins."""
    return next((width for width in _BIN_WIDTHS_S if span_s / width <= BINS_MAX), _BIN_WIDTHS_S[-1])


def rates(outcomes: Sequence[tuple[float, str]], width_s: int) -> dict[str, list[float]]:
    """Attempts per second by outcome, in bins from 0; what ended before 0 counts in the first."""
    bins = int(max((x_s for x_s, _ in outcomes), default=0.0) // width_s) + 1
    counted = {name: [0.0] * bins for name in OUTCOMES}
    for x_s, outcome in outcomes:
        counted[outcome][max(int(x_s // width_s), 0)] += 1 / width_s
    return {name: values for name, values in counted.items() if any(values)}


def cumulative(times_s: Sequence[float]) -> list[tuple[float, int]]:
    """How many so far, at the end of each tenth of a second in which there was one."""
    last_of_tenth = {}
    for count, time_s in enumerate(sorted(times_s), start=1):
        last_of_tenth[int(time_s * 10)] = (time_s, count)
    return list(last_of_tenth.values())


def cores_in_use(samples: Mapping[str, Sequence[tuple[int, int]]], origin_us: int) -> Cpu:
    """From cumulative CPU µs; a component that has no sample at a time keeps its last value."""
    times = sorted({at_us for rows in samples.values() for at_us, _ in rows})
    times = times[:: max(1, -(-len(times) // CPU_POINTS_MAX))]
    cores = {}
    for component, rows in samples.items():
        known, held = dict(rows), rows[0][1]
        values = [held := known.get(at_us, held) for at_us in times]
        cores[component] = [
            max(0, after - before) / (times[i + 1] - times[i]) for i, (before, after) in enumerate(pairwise(values))
        ]
    middles = [(a + b - 2 * origin_us) / 2e6 for a, b in pairwise(times)]
    return Cpu(middles, cores)


def _outcomes(connection: sqlite3.Connection, origin_us: int) -> list[tuple[float, str]]:
    """Every booking attempt: when it ended (or was sent, while unknown) and how."""
    return [
        ((at_us - origin_us) / 1e6, outcome)
        for at_us, outcome in connection.execute(
            "SELECT coalesce(answered_us, sent_us), CASE WHEN outcome = 'acknowledged' THEN 'booked'"
            " WHEN reason = 'slot-taken' THEN 'taken' ELSE outcome END FROM ledger WHERE action = 'request'"
        )
    ]


def _responses(connection: sqlite3.Connection, origin_us: int) -> list[Moment]:
    by_second: dict[int, list[bytes]] = {}
    for second, blob in connection.execute("SELECT second, response_hdr FROM latency ORDER BY second"):
        by_second.setdefault(second, []).append(blob)
    moments = []
    for second, blobs in by_second.items():
        found = hdr.percentiles_ms(hdr.merge(blobs))
        moments.append(Moment(second + 0.5 - origin_us / 1e6, found.p50, found.p99, found.max))
    return moments
