"""The run second by second, read from its record for the charts. Times are seconds since the drop (`x_s`).

A run without a drop counts from its first event.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from slotrush import slo
from slotrush.runs import record
from slotrush.runs.distribution import Distribution
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
    requests_per_s: Mapping[str, Sequence[float]]
    arrivals_per_s: Sequence[float]
    sold: Sequence[tuple[float, int]]
    responses: Sequence[Moment]
    cpu: Cpu


def read(connection: sqlite3.Connection) -> Timeline | None:
    """None when nothing that has a time was recorded."""
    events = record.event_times(connection)
    if not events:
        return None
    began_us, ended_us = record.load_began_us(events), record.load_ended_us(events)
    origin_us = min(events.values()) if began_us is None else began_us
    drained_s = None if ended_us is None else (ended_us - origin_us) / 1e6
    outcomes = _outcomes(connection, origin_us)
    responses = _responses(connection, origin_us)
    last_s = max(
        drained_s or 0.0,
        *(x_s for x_s, _ in outcomes),
        *(moment.x_s for moment in responses if drained_s is None),
        0.0,
    )
    span_s = (-MARGIN_S if began_us is not None else 0.0, last_s + MARGIN_S)
    width_s = bin_width_s(last_s)
    return Timeline(
        from_drop="drop" in events,
        drained_s=drained_s,
        span_s=span_s,
        bin_s=width_s,
        bins_from_s=0.0,
        attempts_per_s=rates(outcomes, width_s, OUTCOMES),
        requests_per_s=_requests_per_s(connection, origin_us, last_s, width_s) if "start" in events else {},
        arrivals_per_s=_arrivals_per_s(connection, origin_us, last_s, width_s),
        sold=cumulative([x_s for x_s, outcome in outcomes if outcome == "booked"]),
        responses=[moment for moment in responses if span_s[0] <= moment.x_s <= span_s[1]],
        cpu=cores_in_use(usage_samples(connection), origin_us),
    )


def bin_width_s(span_s: float) -> int:
    """The narrowest width that needs no more than `BINS_MAX` bins."""
    return next((width for width in _BIN_WIDTHS_S if span_s / width <= BINS_MAX), _BIN_WIDTHS_S[-1])


def rates(outcomes: Sequence[tuple[float, str]], width_s: int, names: Sequence[str]) -> dict[str, list[float]]:
    """How many per second of each name, in bins from 0; what ended before 0 counts in the first."""
    bins = int(max((x_s for x_s, _ in outcomes), default=0.0) // width_s) + 1
    counted = {name: [0.0] * bins for name in names}
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
        found = Distribution(blobs).percentiles_ms()
        moments.append(Moment(second + 0.5 - origin_us / 1e6, found.p50, found.p99, found.max))
    return moments


def _requests_per_s(
    connection: sqlite3.Connection, origin_us: int, last_s: float, width_s: int
) -> dict[str, list[float]]:
    """Requests per second by class of endpoints, in bins from 0; the last second, which is cut off, is left out."""
    objectives = slo.load()
    counted = {one.name: [0.0] * (int(last_s // width_s) + 1) for one in objectives.classes}
    for endpoint, second, count in connection.execute("SELECT endpoint, second, good + bad + refused FROM latency"):
        place, name = int((second - origin_us // 1_000_000) // width_s), objectives.class_of(endpoint)
        if name is not None and 0 <= place < len(counted[name]):
            counted[name][place] += count / width_s
    return {name: values for name, values in counted.items() if any(values)}


def _arrivals_per_s(connection: sqlite3.Connection, origin_us: int, last_s: float, width_s: int) -> list[float]:
    """Arrivals of an open load that were due per second, in the same bins; nothing of another load."""
    due = [0.0] * (int(last_s // width_s) + 1)
    for second, count in connection.execute("SELECT second, sum(arrivals) FROM generator_health GROUP BY second"):
        place = int((second - origin_us // 1_000_000) // width_s)
        if 0 <= place < len(due):
            due[place] += count / width_s
    return due if any(due) else []
