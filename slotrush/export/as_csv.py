"""A run as one tidy CSV table: a value a row, in the layout of k6's CSV output with the labels that we have.

One table rather than one for each kind of series, so that it can go through a pipe, and so that what reads k6's files
(pandas, DuckDB, Grafana's CSV and Infinity sources) reads these: filter by `metric_name`, pivot by the labels.
"""

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from slotrush.export import course
from slotrush.runs.distribution import Distribution

LABELS: Final = ("endpoint", "verdict", "worker", "component", "action", "outcome", "event")
COLUMNS: Final = ("metric_name", "timestamp", "metric_value", *LABELS)


class Row(NamedTuple):
    """`timestamp` is in seconds of the Unix epoch; the unit of the value ends its name."""

    metric_name: str
    timestamp: float
    metric_value: float
    labels: Mapping[str, str]


def lines(connection: sqlite3.Connection) -> Iterator[str]:
    """The header, then the rows series by series. Counts are those of each second, CPU is cumulative."""
    yield _line(COLUMNS)
    for row in rows(connection):
        labels = (row.labels.get(column, "") for column in LABELS)
        yield _line((row.metric_name, row.timestamp, row.metric_value, *labels))


def rows(connection: sqlite3.Connection) -> Iterator[Row]:
    return chain(
        (Row("event", found.at_us / 1e6, 1, {"event": found.name}) for found in course.events(connection)),
        _flat(map(_endpoint, course.endpoint_seconds(connection))),
        _flat(map(_worker, course.worker_seconds(connection))),
        _flat(map(_usage, course.usage_samples(connection))),
        map(_writes, course.writes(connection)),
    )


def _endpoint(found: course.EndpointSecond) -> Iterator[Row]:
    labels = {"endpoint": found.endpoint}
    for verdict, count in (("good", found.good), ("refused", found.refused), ("bad", found.bad)):
        yield Row("requests", found.second, count, labels | {"verdict": verdict})
    yield from _times("response", found.response, found.second, labels)
    yield from _times("service", found.service, found.second, labels)


def _worker(found: course.WorkerSecond) -> Iterator[Row]:
    labels = {"worker": found.worker}
    yield from _times("generator_loop_lag", found.loop_lag, found.second, labels)
    for name, value in (
        ("generator_cpu_share", found.cpu_share),
        ("generator_memory_bytes", found.memory_bytes),
        ("generator_gc_pause_s", found.gc_pause_s),
        ("generator_sockets", found.sockets),
        ("users", found.users),
        ("arrivals_due", found.arrivals),
        ("arrivals_dropped", found.dropped),
    ):
        yield Row(name, found.second, value, labels)


def _usage(found: course.UsageSample) -> Iterator[Row]:
    labels = {"component": found.component}
    yield Row("component_cpu_s", found.at_us / 1e6, found.cpu_s, labels)
    yield Row("component_memory_bytes", found.at_us / 1e6, found.memory_bytes, labels)
    yield Row("component_processes", found.at_us / 1e6, found.processes, labels)


def _writes(found: course.Writes) -> Row:
    return Row("writes", found.second, found.count, {"action": found.action, "outcome": found.outcome})


def _times(name: str, found: Distribution, second: int, labels: Mapping[str, str]) -> Iterator[Row]:
    times = found.percentiles_ms()
    for percentile in ("p50", "p90", "p99", "p999", "max"):
        yield Row(f"{name}_{percentile}_ms", second, getattr(times, percentile), labels)


def _flat(groups: Iterable[Iterator[Row]]) -> Iterator[Row]:
    return chain.from_iterable(groups)


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
