"""The figures of a swarm that goes on for a time: as a whole, by class of endpoints, and step by step."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from slotrush import slo
from slotrush.runs.distribution import Distribution
from slotrush.slo import ALL_ENDPOINTS, Availability, Latency, Objectives
from slotrush.summary.model import ClassFigures, Load, Step
from slotrush.summary.times import as_times, times_of

US_PER_S: Final = 1_000_000
SETTLE_S: Final = 1
"""The first second of a step still has answers to what was asked in the one before."""


@dataclass(frozen=True)
class _Cell:
    """The requests of one endpoint that were answered in one Unix second."""

    endpoint: str
    second: int
    good: int
    count: int
    response: bytes


def read_load(connection: sqlite3.Connection, meta: Mapping[str, Any], events: Mapping[str, int]) -> Load | None:
    """None for a run that has a drop, or in which the load never began."""
    if "start" not in events:
        return None
    options = meta.get("options") or {}
    begun_us = events["start"]
    last_s: int = connection.execute("SELECT coalesce(max(second), 0) FROM latency").fetchone()[0]
    ended_us = max(events.get("ended", (last_s + 1) * US_PER_S), begun_us + 1)
    objectives = slo.load()
    cells = _cells(connection, begun_us // US_PER_S, ended_us // US_PER_S)
    steps = _steps(connection, cells, begun_us, ended_us, objectives, str(meta.get("scenario")))
    kept = list(takewhile(lambda step: not step.missed, steps))
    arrivals, dropped = _arrivals(connection, begun_us // US_PER_S, 2**62)
    duration_s = (ended_us - begun_us) / US_PER_S
    count = sum(cell.count for cell in cells)
    return Load(
        model=options.get("model"),
        duration_s=duration_s,
        requests=count,
        requests_per_s=count / duration_s,
        arrivals=arrivals,
        dropped=dropped,
        availability=_availability(cells),
        response_ms=times_of(cell.response for cell in cells) if cells else None,
        classes=_by_class(cells, objectives, str(meta.get("scenario"))),
        steps=steps,
        knee_per_s=max((step.rate_per_s for step in kept), default=None) if len(kept) < len(steps) else None,
        broken_per_s=steps[len(kept)].rate_per_s if len(kept) < len(steps) else None,
    )


def _steps(
    connection: sqlite3.Connection,
    cells: Sequence[_Cell],
    begun_us: int,
    ended_us: int,
    objectives: Objectives,
    scenario: str,
) -> tuple[Step, ...]:
    """What came of each step that was begun; nothing of a load that has but one."""
    begins = connection.execute("SELECT at_us, detail FROM events WHERE name = 'step' ORDER BY at_us").fetchall()
    if len(begins) < 2:
        return ()
    ends = [at_us for at_us, _ in begins[1:]] + [ended_us]
    steps = []
    for (from_us, detail), until_us in zip(begins, ends, strict=True):
        first_s, last_s = from_us // US_PER_S + SETTLE_S, until_us // US_PER_S
        own = [cell for cell in cells if first_s <= cell.second < last_s]
        arrivals, dropped = _arrivals(connection, first_s, last_s)
        classes = _by_class(own, objectives, scenario)
        steps.append(
            Step(
                from_s=(from_us - begun_us) / US_PER_S,
                until_s=(until_us - begun_us) / US_PER_S,
                rate_per_s=json.loads(detail)["rate_per_s"],
                arrivals=arrivals,
                dropped=dropped,
                requests_per_s=sum(cell.count for cell in own) / max(last_s - first_s, 1),
                availability=_availability(own),
                classes=classes,
                missed=_missed(own, arrivals, dropped, objectives, scenario),
            )
        )
    return tuple(steps)


def _missed(
    cells: Sequence[_Cell], arrivals: int, dropped: int, objectives: Objectives, scenario: str
) -> tuple[str, ...]:
    """The objectives that a step did not keep."""

    def kept(objective: Availability | Latency) -> tuple[int, int]:
        own = [cell for cell in cells if objectives.covers(objective.endpoints, cell.endpoint)]
        good, count = sum(cell.good for cell in own), sum(cell.count for cell in own)
        if isinstance(objective, Latency) and own:
            within = Distribution(cell.response for cell in own).counts_up_to([objective.threshold_ms / 1000])[0]
            good = max(within - (count - good), 0)
        return good, count

    return slo.missed(objectives.of(scenario), kept, arrivals, dropped)


def _by_class(cells: Sequence[_Cell], objectives: Objectives, scenario: str) -> dict[str, ClassFigures]:
    limits_ms = {
        objective.endpoints: objective.threshold_ms
        for objective in objectives.latencies(scenario)
        if objective.endpoints != ALL_ENDPOINTS
    }
    class_of = {endpoint: objectives.class_of(endpoint) for endpoint in {cell.endpoint for cell in cells}}
    figures = {}
    for one in objectives.classes:
        own = [cell for cell in cells if class_of[cell.endpoint] == one.name]
        if own:
            times = Distribution(cell.response for cell in own)
            good, count = sum(cell.good for cell in own), sum(cell.count for cell in own)
            within = times.counts_up_to([limits_ms[one.name] / 1000])[0] if one.name in limits_ms else None
            in_time = None if within is None else max(within - (count - good), 0)
            figures[one.name] = ClassFigures(count, good, in_time, as_times(times))
    return figures


def _cells(connection: sqlite3.Connection, first_s: int, last_s: int) -> list[_Cell]:
    rows = connection.execute(
        "SELECT endpoint, second, good, good + bad + refused, response_hdr FROM latency WHERE second BETWEEN ? AND ?",
        (first_s, last_s),
    )
    return [_Cell(*row) for row in rows]


def _arrivals(connection: sqlite3.Connection, first_s: int, until_s: int) -> tuple[int, int]:
    """Those that were due, and those of them that never started."""
    due, dropped = connection.execute(
        "SELECT coalesce(sum(arrivals), 0), coalesce(sum(dropped), 0) FROM generator_health"
        " WHERE second >= ? AND second < ?",
        (first_s, until_s),
    ).fetchone()
    return due, dropped


def _availability(cells: Sequence[_Cell]) -> float | None:
    count = sum(cell.count for cell in cells)
    return sum(cell.good for cell in cells) / count if count else None
