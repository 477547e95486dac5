"""What the requests of the window cost, as estimates; a text says what the record lacks instead."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

import numpy as np

from slotrush.gate import interval
from slotrush.gate.interval import Estimate, Numbers
from slotrush.gate.tally import requests_per_second
from slotrush.gate.window import Window
from slotrush.runs import record
from slotrush.slo import Figure, Limit
from slotrush.summary.usage import SAMPLING_GAP_MAX_US, usage_samples

US_PER_S: Final = 1_000_000


def measure(connection: sqlite3.Connection, window: Window, limit: Limit) -> Estimate | str:
    """The limited figure, or why it is not known."""
    if limit.figure is Figure.MEMORY:
        return _memory_per_replica(connection, window)
    requests = requests_per_second(connection, window)
    if not requests.sum():
        return "no request was answered in the window"
    if limit.figure is Figure.STATEMENTS:
        amount = growth_per_second(statements_so_far(connection), window)
        lacking = "the statements of the database were not counted in this run"
    else:
        amount, lacking = cpu_us_per_second(connection, window, limit.components)
    if amount is None:
        return lacking
    return interval.ratio(amount, requests) or f"{window.seconds} s are too few to know how the figure varies"


def unseen(connection: sqlite3.Connection, limit: Limit) -> bool:
    """Whether the limit is on CPU or memory of a component that was never sampled."""
    seen = {component for (component,) in connection.execute("SELECT DISTINCT component FROM usage")}
    return limit.figure is not Figure.STATEMENTS and not seen.issuperset(limit.components)


def cpu_us_per_second(
    connection: sqlite3.Connection, window: Window, components: Sequence[str]
) -> tuple[Numbers | None, str]:
    samples = usage_samples(connection)
    total: Numbers = np.zeros(window.seconds)
    for component in components:
        spent_us = growth_per_second(samples.get(component, []), window)
        if spent_us is None:
            return None, f"the CPU of {component} was not measured in the window"
        total += spent_us
    return total, ""


def statements_so_far(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    rows = connection.execute(
        "SELECT at_us, detail FROM events WHERE name = ? ORDER BY at_us", (record.STATEMENTS_EVENT,)
    )
    return [(at_us, json.loads(detail)["total"]) for at_us, detail in rows]


def growth_per_second(samples: Sequence[tuple[int, int]], window: Window) -> Numbers | None:
    """By how much a cumulative counter grew in each second, interpolated between its (time, value) samples."""
    from_us, until_us = window.first_s * US_PER_S, (window.last_s + 1) * US_PER_S
    if not samples or not (
        samples[0][0] - SAMPLING_GAP_MAX_US <= from_us and until_us <= samples[-1][0] + SAMPLING_GAP_MAX_US
    ):
        return None
    edges_us = np.arange(from_us, until_us + US_PER_S, US_PER_S)
    times_us, values = zip(*samples, strict=True)
    grown: Numbers = np.diff(np.interp(edges_us, times_us, values))
    return grown


def _memory_per_replica(connection: sqlite3.Connection, window: Window) -> Estimate | str:
    """The highest sample of app's memory, shared evenly by its processes. A peak was seen: it has no interval."""
    peak, samples = connection.execute(
        "SELECT max(1.0 * memory_bytes / processes), count(*) FROM usage"
        " WHERE component = 'app' AND processes > 0 AND at_us BETWEEN ? AND ?",
        (window.first_s * US_PER_S, (window.last_s + 1) * US_PER_S),
    ).fetchone()
    if peak is None:
        return "the memory of app was not measured in the window"
    return Estimate(peak, peak, peak, int(requests_per_second(connection, window).sum()), samples)
