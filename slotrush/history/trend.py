"""Where a history changed, as Apache Otava finds it, and which commits a change lies between.

Otava's algorithm: Fleming et al., "Hunter: Using Change Point Detection to Hunt for Performance Regressions",
ICPE 2023, after the E-divisive of Matteson and James (2014).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.compare.figure import Figure
from slotrush.compare.reading import Reading
from slotrush.errors import BadInputError

P_MAX: Final = 0.001
WINDOW: Final = 50
"""Otava's own defaults: a change must be that significant, within so many runs."""
RUNS_MIN: Final = 6
"""Fewer cannot show a change: three before and three after."""


@dataclass(frozen=True)
class Change:
    """From the run before to the first of the new level; `growth` is a share, and of the means."""

    figure: Figure
    at: int
    commit: str
    after_commit: str
    started_at: str
    before: float
    after: float

    @property
    def growth(self) -> float:
        return self.after / self.before - 1

    @property
    def is_worse(self) -> bool:
        return self.growth > 0


@dataclass(frozen=True)
class Line:
    """A figure of every run of a story; `amounts` is None where a run did not have it."""

    figure: Figure
    amounts: tuple[float | None, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Story:
    """The accepted runs of one scenario, one load and one class of machines, in order of their start."""

    scenario: str
    machine: str
    runs: tuple[Reading, ...]
    lines: tuple[Line, ...]

    @property
    def changes(self) -> list[Change]:
        """In order of time."""
        return sorted((change for line in self.lines for change in line.changes), key=lambda one: one.at)


def stories(readings: Sequence[Reading]) -> list[Story]:
    """What may be held against each other, each with its changes. Raises BadInputError when Otava is not there."""
    alike: dict[tuple[str, str, str], list[Reading]] = {}
    for one in readings:
        alike.setdefault((one.scenario, one.machine, json.dumps(one.load, sort_keys=True)), []).append(one)
    return [_story(runs) for runs in alike.values()]


def level(blocks: Sequence[float]) -> float:
    """What a run's blocks amount to: their geometric mean."""
    return math.exp(sum(map(math.log, blocks)) / len(blocks))


def change_points(amounts: Sequence[float], minimum_effect: float) -> list[int]:
    """The places of the first amounts of new levels. Raises BadInputError when Otava is not there."""
    if len(amounts) < RUNS_MIN:
        return []
    try:
        from otava.analysis import compute_change_points  # noqa: PLC0415  not everybody has it
    except ImportError as error:
        mend = "scripts/setup does; elsewhere: pip install --no-deps apache-otava"
        raise BadInputError("slotrush trend", "Apache Otava is not installed", mend) from error
    found, _ = compute_change_points(list(amounts), window_len=WINDOW, max_pvalue=P_MAX, min_magnitude=minimum_effect)
    return [int(point.index) for point in found]


def _story(runs: Sequence[Reading]) -> Story:
    figures = list(dict.fromkeys(figure for run in runs for figure in run.figures))
    return Story(runs[0].scenario, runs[0].machine, tuple(runs), tuple(_line(figure, runs) for figure in figures))


def _line(figure: Figure, runs: Sequence[Reading]) -> Line:
    amounts = [level(run.figures[figure]) if figure in run.figures else None for run in runs]
    known = [(at, amount) for at, amount in enumerate(amounts) if amount is not None]
    values = [amount for _, amount in known]
    points = change_points(values, figure.minimum_effect)
    changes = []
    for begin, point, end in zip([0, *points], points, [*points[1:], len(values)], strict=False):
        first, last = runs[known[point][0]], runs[known[point - 1][0]]
        before, after = (sum(part) / len(part) for part in (values[begin:point], values[point:end]))
        changes.append(Change(figure, known[point][0], first.commit, last.commit, first.started_at, before, after))
    return Line(figure, tuple(amounts), tuple(changes))
