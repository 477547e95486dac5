"""A run as one JSON document: its summary, and its course by the second with the units in the names."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final

from slotrush.export import course
from slotrush.runs.distribution import Distribution
from slotrush.summary import summarise

FORMAT_VERSION: Final = 1


def lines(connection: sqlite3.Connection) -> Iterator[str]:
    """The document, one item of each series on a line of its own."""
    summary = summarise(connection)
    head = {"format": "slotrush-run", "format_version": FORMAT_VERSION, "run_id": summary.run_id}
    yield "{\n"
    for name, value in (head | {"summary": asdict(summary)}).items():
        yield f"{_text(name)}: {_text(value)},\n"
    yield from _list("events", map(asdict, course.events(connection)))
    yield ",\n"
    yield from _by("endpoints", "endpoint", map(_endpoint, course.endpoint_seconds(connection)))
    yield ",\n"
    yield from _by("generator", "worker", map(_worker, course.worker_seconds(connection)))
    yield ",\n"
    yield from _by("usage", "component", map(asdict, course.usage_samples(connection)))
    yield ",\n"
    yield from _list("writes", map(asdict, course.writes(connection)))
    yield "\n}\n"


def _endpoint(found: course.EndpointSecond) -> dict[str, Any]:
    return {
        "endpoint": found.endpoint,
        "second": found.second,
        "count": found.good + found.bad + found.refused,
        "good": found.good,
        "bad": found.bad,
        "refused": found.refused,
        "response_ms": _times(found.response),
        "service_ms": _times(found.service),
    }


def _worker(found: course.WorkerSecond) -> dict[str, Any]:
    plain = asdict(found)
    del plain["loop_lag_hdr"]
    return plain | {"loop_lag_ms": _times(found.loop_lag)}


def _times(found: Distribution) -> dict[str, float]:
    times = asdict(found.percentiles_ms())
    del times["count"]
    return times


def _by(name: str, key: str, items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """An object with a list for each value of the key, by which the items are ordered."""
    yield f"{_text(name)}: {{"
    for place, (value, group) in enumerate(groupby(items, key=lambda item: item[key])):
        yield ",\n" if place else "\n"
        yield from _list(value, ({field: item[field] for field in item if field != key} for item in group))
    yield "\n}"


def _list(name: str, items: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield f"{_text(name)}: ["
    for place, item in enumerate(items):
        yield f"{',' if place else ''}\n{_text(item)}"
    yield "\n]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
