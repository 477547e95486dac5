"""The course of a run by the second, read from its record: what every export format is made of.

Histograms stay encoded until they are asked for, since a decoded one is a thousand times as large.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from slotrush.runs.distribution import Distribution


@dataclass(frozen=True)
class EndpointSecond:
    """The requests of one endpoint that were answered in one second, of all workers together."""

    endpoint: str
    second: int
    good: int
    bad: int
    refused: int
    response_hdr: tuple[bytes, ...]
    service_hdr: tuple[bytes, ...]

    @property
    def response(self) -> Distribution:
        return Distribution(self.response_hdr)

    @property
    def service(self) -> Distribution:
        return Distribution(self.service_hdr)


@dataclass(frozen=True)
class WorkerSecond:
    """One worker of the generator in one second; CPU is a share of one core."""

    worker: str
    second: int
    loop_lag_hdr: bytes
    cpu_share: float
    memory_bytes: int
    users: int
    sockets: int
    gc_pause_s: float
    arrivals: int
    dropped: int

    @property
    def loop_lag(self) -> Distribution:
        return Distribution([self.loop_lag_hdr])


@dataclass(frozen=True)
class UsageSample:
    """One component of the whole system; CPU is cumulative."""

    component: str
    at_us: int
    cpu_s: float
    memory_bytes: int
    processes: int


@dataclass(frozen=True)
class Event:
    at_us: int
    name: str
    detail: str


@dataclass(frozen=True)
class Writes:
    """How many sendings of a write came to their outcome in one second; unknown ones count when they were sent."""

    action: str
    outcome: str
    second: int
    count: int


def endpoint_seconds(connection: sqlite3.Connection) -> Iterator[EndpointSecond]:
    """By endpoint, then by second."""
    rows = connection.execute(
        "SELECT endpoint, second, good, bad, refused, response_hdr, service_hdr FROM latency ORDER BY endpoint, second"
    )
    for (endpoint, second), group in groupby(rows, key=itemgetter(0, 1)):
        _, _, good, bad, refused, responses, services = zip(*group, strict=True)
        yield EndpointSecond(endpoint, second, sum(good), sum(bad), sum(refused), responses, services)


def worker_seconds(connection: sqlite3.Connection) -> Iterator[WorkerSecond]:
    """By worker, then by second."""
    for worker, second, lag, cpu_us, memory_bytes, users, sockets, gc_pause_us, arrivals, dropped in connection.execute(
        "SELECT worker, second, loop_lag_hdr, cpu_us, memory_bytes, users, sockets, gc_pause_us, arrivals, dropped"
        " FROM generator_health ORDER BY worker, second"
    ):
        yield WorkerSecond(
            worker,
            second,
            lag,
            cpu_us / 1e6,
            memory_bytes,
            users,
            sockets,
            gc_pause_us / 1e6,
            arrivals,
            dropped,
        )


def usage_samples(connection: sqlite3.Connection) -> Iterator[UsageSample]:
    """By component, then by time."""
    for component, at_us, cpu_us, memory_bytes, processes in connection.execute(
        "SELECT component, at_us, cpu_us, memory_bytes, processes FROM usage ORDER BY component, at_us"
    ):
        yield UsageSample(component, at_us, cpu_us / 1e6, memory_bytes, processes)


def events(connection: sqlite3.Connection) -> Iterator[Event]:
    """In the order of time."""
    for at_us, name, detail in connection.execute("SELECT at_us, name, detail FROM events ORDER BY at_us, name"):
        yield Event(at_us, name, detail)


def writes(connection: sqlite3.Connection) -> Iterator[Writes]:
    """By action and outcome, then by second."""
    for row in connection.execute(
        "SELECT action, outcome, coalesce(answered_us, sent_us) / 1000000 AS second, count(*) FROM ledger"
        " GROUP BY action, outcome, second ORDER BY action, outcome, second"
    ):
        yield Writes(*row)
