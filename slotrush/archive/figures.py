"""The few figures by which kept runs are told apart and compared, taken from their summaries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from slotrush import slo
from slotrush.summary import Summary
from slotrush.summary.model import Endpoint

Unit = Literal["count", "ms", "s", "us", "share", "bytes", "ratio"]


@dataclass(frozen=True)
class Figure:
    """One line of a comparison; `of_machine`: another machine gives another value, whatever the software."""

    name: str
    unit: Unit
    value: float | None
    of_machine: bool


def p99_of_reads_ms(summary: Summary) -> float | None:
    return _worst_p99_ms(summary.requests, "reads")


def p99_of_bookings_ms(summary: Summary) -> float | None:
    return _worst_p99_ms(summary.requests, "bookings")


def request_count(summary: Summary) -> int:
    return sum(endpoint.count for endpoint in summary.requests.values())


def figures(summary: Summary) -> dict[str, Figure]:
    """By name, in the order in which they are shown; what the run does not know is None."""
    return {figure.name: figure for figure in _figures(summary)}


def _worst_p99_ms(requests: Mapping[str, Endpoint], class_name: str) -> float | None:
    """The 99th percentile of the slowest endpoint of a class of the objectives: all of it together has no more."""
    own = (found for name, found in requests.items() if _objectives().class_of(name) == class_name)
    return max((found.response_ms.p99 for found in own), default=None)


@cache
def _objectives() -> slo.Objectives:
    return slo.load()


def _figures(summary: Summary) -> Iterator[Figure]:
    yield Figure("duration", "s", summary.duration_s, of_machine=True)
    yield Figure("requests", "count", request_count(summary), of_machine=True)
    yield Figure("bad answers", "count", sum(found.bad for found in summary.requests.values()), of_machine=True)
    yield Figure("refused", "count", sum(found.refused for found in summary.requests.values()), of_machine=True)
    yield Figure("availability", "share", summary.availability, of_machine=True)
    yield Figure("dropped arrivals", "count", summary.dropped_arrivals, of_machine=True)
    yield Figure("p99 of reads", "ms", p99_of_reads_ms(summary), of_machine=True)
    yield Figure("p99 of bookings", "ms", p99_of_bookings_ms(summary), of_machine=True)
    yield from _race_figures(summary)
    yield from _endpoint_figures(summary)
    generator, lag = summary.generator, summary.generator.loop_lag_ms
    yield Figure("generator CPU", "share", generator.cpu_share, of_machine=True)
    yield Figure("generator loop lag p99", "ms", lag.p99 if lag else None, of_machine=True)
    yield Figure("bytes per patient", "bytes", generator.bytes_per_patient, of_machine=False)
    for component, cost in summary.cost.items():
        yield Figure(f"{component} CPU per request", "us", cost.cpu_us_per_request, of_machine=True)
    yield Figure("peak memory", "bytes", summary.peak_memory_bytes, of_machine=False)


def _race_figures(summary: Summary) -> Iterator[Figure]:
    race = summary.race
    if race is None:
        return
    yield Figure("slots sold", "count", race.sold, of_machine=False)
    yield Figure("attempts", "count", race.attempts, of_machine=True)
    yield Figure("drain", "s", race.drain_s, of_machine=True)
    yield Figure("drain against the floor", "ratio", race.drain_ratio, of_machine=False)


def _endpoint_figures(summary: Summary) -> Iterator[Figure]:
    for name, found in summary.requests.items():
        yield Figure(f"{name} requests", "count", found.count, of_machine=True)
        yield Figure(f"{name} p50", "ms", found.response_ms.p50, of_machine=True)
        yield Figure(f"{name} p99", "ms", found.response_ms.p99, of_machine=True)
        yield Figure(f"{name} service p99", "ms", found.service_ms.p99, of_machine=True)
