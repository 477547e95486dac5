"""What a live scaler leaves in the run record: events that say how many replicas there were, and what they used."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

LOOK_EVENT: Final = "replicas"
"""How many there are, with a `TrailLook` as its detail: with each sample of metrics, and after each change."""
SCALED_EVENT: Final = "scaled"
"""Each decision to have more or fewer: {"from": …, "to": …, "reason": …}."""


@dataclass(frozen=True)
class TrailLook:
    """`serving_cpu_us`: CPU time of all replicas that ever served, from when each of them began to; starts are not in
    it. `left`: so many had been told to leave so far; `leaving` of them are not gone yet."""

    at_us: int
    wanted: int
    serving: int
    starting: int
    leaving: int
    left: int
    serving_cpu_us: int

    def detail(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if name != "at_us"})


def read(connection: sqlite3.Connection) -> list[TrailLook]:
    """In order of time; empty for a run whose replicas nobody scaled."""
    rows = connection.execute("SELECT at_us, detail FROM events WHERE name = ? ORDER BY at_us", (LOOK_EVENT,))
    return [TrailLook(at_us, **json.loads(detail)) for at_us, detail in rows]


def by_second(looks: Sequence[TrailLook], name: str, first_s: int, seconds: int) -> npt.NDArray[np.float64]:
    """The mean of a count in each second."""
    edges_us = [second * 1_000_000 for second in range(first_s, first_s + seconds + 1)]
    return np.asarray([mean(looks, name, start, end) for start, end in pairwise(edges_us)])


def mean(looks: Sequence[TrailLook], name: str, from_us: float, until_us: float) -> float:
    """Of a count that keeps its value until the next look, between two moments."""
    at_us = np.array([look.at_us for look in looks], np.float64)
    values = np.array([getattr(look, name) for look in looks], np.float64)
    inside = (at_us > from_us) & (at_us < until_us)
    edges = np.concatenate([[from_us], at_us[inside], [until_us]])
    before = values[np.clip(np.searchsorted(at_us, edges[:-1], "right") - 1, 0, None)]
    return float(before @ np.diff(edges) / (until_us - from_us))
