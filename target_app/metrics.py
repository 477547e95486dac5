"""Prometheus metrics of the system, correct for one process and, with PROMETHEUS_MULTIPROC_DIR, for several."""

import os
from functools import cache
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS: Final = Counter("http_requests", "Requests answered", ["method", "route", "status"])
DURATION: Final = Histogram(
    "http_request_duration_seconds",
    "Time from a request's arrival to the end of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10),
)
BOOKINGS: Final = Counter("bookings", "Booking attempts by what became of them", ["outcome"])
EARLY_ANSWERS: Final = Counter("bookings_answered_early", "Bookings answered 'taken' without asking the database")
AGENDA_LOADS: Final = Counter("agenda_loads", "Agendas read from the database")
READS: Final = Counter("reads", "Reads of directory and agendas by the server that answered", ["server"])
CACHE_UNANSWERED: Final = Counter(
    "cache_unanswered",
    "Looks for the other replicas' changes that the cache did not answer: several a minute while it is away",
)

_requests = cache(REQUESTS.labels)
_duration = cache(DURATION.labels)
booking = cache(BOOKINGS.labels)
reads_from = cache(READS.labels)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    _requests(method, route, status).inc()
    _duration(method, route).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """The page that Prometheus scrapes, and its content type."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
