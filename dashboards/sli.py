"""What of an objective the booking system's own metrics can tell: errors and all requests, per second, as PromQL.

Errors of a latency objective are the requests that were not fast and good. A series of the histogram does not say which
of its requests failed, so each failure is taken off the fast ones, as `slotrush gate` does it.
"""

from typing import Final

from dashboards.classes import REPLICAS, InexpressibleError, series
from slotrush.slo import Availability, Latency, Objective, Objectives

REQUESTS: Final = "http_requests_total"
DURATION: Final = "http_request_duration_seconds"
FAILED: Final = 'status=~"5..|429"'
"""Errors of the server, and what was shed. Broken connections have no status: only the proxy or a client knows them."""
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)
"""The bounds of the booking system's histogram: between them nobody knows how many were faster."""
Measured = Availability | Latency


def measured(objectives: Objectives) -> list[Measured]:
    """The objectives on shares of requests; the others are about runs."""
    return [one for one in objectives.every if isinstance(one, Availability | Latency) and not one.skip]


def unmeasurable(objectives: Objectives) -> list[tuple[Objective, str]]:
    """The objectives for which there can be no rules, each with the reason."""
    found: list[tuple[Objective, str]] = []
    for one in measured(objectives):
        if isinstance(one, Latency) and one.threshold_ms / 1000 not in BOUNDS_S:
            bounds = ", ".join(f"{bound_s * 1000:g}" for bound_s in BOUNDS_S)
            found.append((one, f"fasterThanMs {one.threshold_ms:g} is no bound of the histogram ({bounds})"))
            continue
        try:
            total(objectives, one, "5m")
        except InexpressibleError as error:
            found.append((one, str(error)))
    return found


def requests(*matchers: str) -> str:
    """The series that count the replicas' requests."""
    return f"{REQUESTS}{{{','.join((REPLICAS, *matchers))}}}"


def errors(objectives: Objectives, objective: Measured, window: str) -> str:
    """Requests per second that the objective counts as bad, by namespace."""
    failed = _sum(series(objectives, objective.endpoints, REQUESTS, FAILED, window=window))
    every = total(objectives, objective, window)
    if isinstance(objective, Availability):
        return f"({failed}\nor\n{every} * 0)"
    fast = _sum(
        series(objectives, objective.endpoints, f"{DURATION}_bucket", le(objective.threshold_ms / 1000), window=window)
    )
    return f"({every}\n- clamp_min({fast}\n- ({failed}\nor\n{every} * 0), 0))"


def total(objectives: Objectives, objective: Measured, window: str) -> str:
    """All requests per second that the objective is about, by namespace."""
    metric = f"{DURATION}_count" if isinstance(objective, Latency) else REQUESTS
    return _sum(series(objectives, objective.endpoints, metric, window=window))


def le(bound_s: float) -> str:
    """The matcher of a bucket: whole numbers are written with and without a decimal point."""
    return f'le=~"{bound_s:g}([.]0)?"' if bound_s == int(bound_s) else f'le="{bound_s:g}"'


def _sum(rates: str) -> str:
    return f"sum by (namespace) ({rates})"
