"""A run as OpenMetrics text with timestamps, for `promtool tsdb create-blocks-from openmetrics`.

Names and labels are those of the swarm's live metrics (`slotrush.swarm.metrics`), so one dashboard shows a run that was
scraped and one that was back-filled. As in a scrape, a value stands at the end of the second that it is of.

Response times are classic histograms: they add up over endpoints and time in PromQL, which quantiles never do. The
exact percentiles of every second, which no histogram of fifteen buckets holds, are gauges beside them.

Counters have no TYPE line. The name of a counter's sample ends in `_total`: OpenMetrics wants the TYPE line without
that ending, and `promtool check metrics`, which reads the older format, with it. Without the line both accept the file,
and a block of the TSDB holds no types anyway. Times are whole seconds, since the older format knows no fractions.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import Any, Final, Literal

import numpy as np

from slotrush.export import course
from slotrush.runs import record
from slotrush.runs.distribution import BUCKETS_S, Distribution

Labels = Mapping[str, object]
Kind = Literal["counter", "gauge", "histogram"]
_PERCENTILES: Final = (("50", "p50"), ("90", "p90"), ("99", "p99"), ("99.9", "p999"), ("100", "max"))
"""By the label's value; not `quantile`, which is a summary's own label."""
_PHASES: Final = {
    "connect": "connecting",
    "connected": "waiting",
    "drop": "racing",
    "start": "running",
    "drained": "drained",
    "ended": "ended",
}
"""By the event that begins it, the phase as the live metrics name it."""


def lines(connection: sqlite3.Connection) -> Iterator[str]:
    """The exposition, metric family by metric family, each series in the order of time."""
    yield from _of_run(connection)
    yield from _of_answers(connection)
    yield from _of_generator(connection)
    yield from _of_system(connection)
    yield "# EOF\n"


def _of_run(connection: sqlite3.Connection) -> Iterator[str]:
    meta = record.get_meta(connection)
    happened = list(course.events(connection))
    seconds = _seconds_of_run(connection)
    yield from _head("slotrush_run_info", "gauge", "The run that was recorded.")
    labels = {"run_id": meta.get("run_id", ""), "scenario": meta.get("scenario", "")}
    yield from (_sample("slotrush_run_info", labels, 1, second) for second in seconds)
    yield from _head("slotrush_phase", "gauge", "1 for the phase that the swarm was in.")
    begun = [(event.at_us // 1_000_000, _PHASES[event.name]) for event in happened if event.name in _PHASES]
    for phase in dict.fromkeys(phase for _, phase in begun):
        for second in seconds:
            current = next((name for at_s, name in reversed(begun) if at_s <= second), None)
            yield _sample("slotrush_phase", {"phase": phase}, int(phase == current), second)
    yield from _head("slotrush_event", "gauge", "1 when it happened.")
    for name, second in sorted({(event.name, event.at_us // 1_000_000) for event in happened}):
        yield _sample("slotrush_event", {"event": name}, 1, second)


def _of_answers(connection: sqlite3.Connection) -> Iterator[str]:
    yield from _head("slotrush_requests_total", "counter", "Requests by how they were answered.")
    for endpoint, group in groupby(course.endpoint_seconds(connection), attrgetter("endpoint")):
        found = list(group)
        for verdict in ("good", "refused", "bad"):
            counts = [(each.second, getattr(each, verdict)) for each in found]
            yield from _counter("slotrush_requests_total", {"endpoint": endpoint, "verdict": verdict}, counts)
    for name, times, meaning in (
        ("response", attrgetter("response"), "Response time from the intended start of a request"),
        ("service", attrgetter("service"), "Service time from the sending of a request"),
    ):
        yield from _head(f"slotrush_{name}_seconds", "histogram", f"{meaning}.", "seconds")
        for endpoint, group in groupby(course.endpoint_seconds(connection), attrgetter("endpoint")):
            yield from _histogram(f"slotrush_{name}_seconds", {"endpoint": endpoint}, group, times)
        metric = f"slotrush_{name}_percentile_seconds"
        yield from _head(metric, "gauge", f"{meaning}: exact percentiles of each second.", "seconds")
        for endpoint, group in groupby(course.endpoint_seconds(connection), attrgetter("endpoint")):
            yield from _percentiles(metric, {"endpoint": endpoint}, group, times)
    yield from _head("slotrush_writes_total", "counter", "Sendings of writes by what became of them.")
    for (action, outcome), writes in groupby(course.writes(connection), attrgetter("action", "outcome")):
        counts = [(each.second, each.count) for each in writes]
        yield from _counter("slotrush_writes_total", {"action": action, "outcome": outcome}, counts)


def _of_generator(connection: sqlite3.Connection) -> Iterator[str]:
    for metric, field, meaning in (
        ("slotrush_arrivals_due_total", "arrivals", "Arrivals that were due, of an open load."),
        ("slotrush_arrivals_dropped_total", "dropped", "Arrivals that were due and never started."),
    ):
        yield from _head(metric, "counter", meaning)
        counts: defaultdict[int, int] = defaultdict(int)
        for found in course.worker_seconds(connection):
            counts[found.second] += getattr(found, field)
        yield from _counter(metric, {}, sorted(counts.items()))
    yield from _head("slotrush_users", "gauge", "Users who played at the moment.")
    for second, users in _users(connection):
        yield _sample("slotrush_users", {}, users, second + 1)
    for metric, value, meaning, unit in (
        ("slotrush_generator_loop_lag_seconds", _longest_lag_s, "Longest lag of the event loop.", "seconds"),
        ("slotrush_generator_cpu_share", attrgetter("cpu_share"), "CPU of a worker as a share of one core.", ""),
    ):
        yield from _head(metric, "gauge", meaning, unit)
        for found in course.worker_seconds(connection):
            yield _sample(metric, {"worker": found.worker}, value(found), found.second + 1)


def _of_system(connection: sqlite3.Connection) -> Iterator[str]:
    """Samples come at any moment; their values at the whole seconds are interpolated."""
    series: tuple[tuple[str, Kind, str, str, str], ...] = (
        ("slotrush_component_cpu_seconds_total", "counter", "cpu_s", "CPU of a component, children included.", ""),
        ("slotrush_component_memory_bytes", "gauge", "memory_bytes", "Proportional set size of a component.", "bytes"),
    )
    for metric, kind, field, meaning, unit in series:
        yield from _head(metric, kind, meaning, unit)
        for component, group in groupby(course.usage_samples(connection), attrgetter("component")):
            samples = list(group)
            at_s = [sample.at_us / 1e6 for sample in samples]
            seconds = range(ceil(at_s[0]), int(at_s[-1]) + 1)
            values = np.interp(seconds, at_s, [getattr(sample, field) for sample in samples])
            for second, value in zip(seconds, values, strict=True):
                yield _sample(metric, {"component": component}, round(float(value), 6), second)


def _counter(metric: str, labels: Labels, counts: Sequence[tuple[int, int]]) -> Iterator[str]:
    """From (second, count) to the running total, which is 0 before the first, so that a rate has it too."""
    total = 0
    for place, (second, count) in enumerate(counts):
        if not place:
            yield _sample(metric, labels, 0, second)
        total += count
        yield _sample(metric, labels, total, second + 1)


def _histogram(
    metric: str,
    labels: Labels,
    seconds: Iterable[course.EndpointSecond],
    times: Callable[[course.EndpointSecond], Distribution],
) -> Iterator[str]:
    counts, sum_s = [0] * (len(BUCKETS_S) + 1), 0.0
    for place, each in enumerate(seconds):
        if not place:
            yield from _point(metric, labels, counts, sum_s, each.second)
        found = times(each)
        counts = [
            so_far + more for so_far, more in zip(counts, [*found.counts_up_to(BUCKETS_S), found.count], strict=True)
        ]
        sum_s += found.sum_s
        yield from _point(metric, labels, counts, sum_s, each.second + 1)


def _point(metric: str, labels: Labels, counts: Sequence[int], sum_s: float, second: int) -> Iterator[str]:
    for bound, count in zip([*BUCKETS_S, "+Inf"], counts, strict=True):
        yield _sample(f"{metric}_bucket", {**labels, "le": bound}, count, second)
    yield _sample(f"{metric}_count", labels, counts[-1], second)
    yield _sample(f"{metric}_sum", labels, round(sum_s, 6), second)


def _percentiles(
    metric: str,
    labels: Labels,
    seconds: Iterable[course.EndpointSecond],
    times: Callable[[course.EndpointSecond], Distribution],
) -> Iterator[str]:
    """Series after series."""
    found = [(each.second, times(each).percentiles_ms()) for each in seconds]
    for percentile, field in _PERCENTILES:
        for second, percentiles in found:
            value_s = round(getattr(percentiles, field) / 1000, 6)
            yield _sample(metric, {**labels, "percentile": percentile}, value_s, second + 1)


def _users(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """By second, those of all workers. One that was too busy to tell has as many as before, until its last word."""
    by_worker: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for found in course.worker_seconds(connection):
        by_worker[found.worker][found.second] = found.users
    spans = [range(min(users), max(users) + 1) for users in by_worker.values()]
    last: defaultdict[str, int] = defaultdict(int)
    for second in range(min((span[0] for span in spans), default=0), max((span[-1] + 1 for span in spans), default=0)):
        for (worker, users), span in zip(by_worker.items(), spans, strict=True):
            last[worker] = users.get(second, last[worker]) if second in span else 0
        yield second, sum(last.values())


def _seconds_of_run(connection: sqlite3.Connection) -> range:
    """From the first event to the last thing that is known."""
    first, last = connection.execute(
        "SELECT min(at_us) / 1000000, max(max(at_us) / 1000000, coalesce((SELECT max(second) + 1 FROM latency), 0))"
        " FROM events"
    ).fetchone()
    return range(first, last + 1) if first is not None else range(0)


def _longest_lag_s(found: course.WorkerSecond) -> float:
    return round(found.loop_lag.percentiles_ms().max / 1000, 6)


def _head(name: str, kind: Kind, meaning: str, unit: str = "") -> Iterator[str]:
    if kind != "counter":
        yield f"# TYPE {name} {kind}\n"
    if unit:
        yield f"# UNIT {name} {unit}\n"
    yield f"# HELP {name} {meaning}\n"


def _sample(name: str, labels: Labels, value: float, second: int) -> str:
    pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value} {second}\n" if pairs else f"{name} {value} {second}\n"


def _escaped(text: Any) -> str:
    return str(text).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
