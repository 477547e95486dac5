"""Runs side by side: the figures of each, and how many times the first one's they are. No verdict: just the figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from slotrush.archive.figures import Figure, Unit, figures
from slotrush.summary import Summary

_CONDITIONS: Final = ("scenario", "seed", "patients")


@dataclass(frozen=True)
class Line:
    """One figure of every run, in their order; `ratios` are those of the second and later to the first."""

    name: str
    unit: Unit
    of_machine: bool
    values: tuple[float | None, ...]

    @property
    def ratios(self) -> tuple[float | None, ...]:
        first = self.values[0]
        return tuple(value / first if value is not None and first else None for value in self.values[1:])


@dataclass(frozen=True)
class Difference:
    """Something other than the figures in which the runs differ: what they did, to what, and on which machine."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Comparison:
    summaries: tuple[Summary, ...]
    lines: tuple[Line, ...]
    conditions: tuple[Difference, ...]
    machines: tuple[Difference, ...]


def compare(summaries: Sequence[Summary]) -> Comparison:
    """A figure that only some of the runs have is None for the others; one that none has is left out."""
    found = [figures(summary) for summary in summaries]
    names = list(dict.fromkeys(name for run in found for name in run))
    lines = (_line(name, [run.get(name) for run in found]) for name in names)
    return Comparison(
        tuple(summaries),
        tuple(line for line in lines if any(value is not None for value in line.values)),
        tuple(_differing(_conditions(summary) for summary in summaries)),
        tuple(_differing(_attributes(summary.machine) for summary in summaries)),
    )


def as_plain(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [summary.run_id for summary in comparison.summaries],
        "invalid_reasons": [summary.invalid_reasons for summary in comparison.summaries],
        "differing_conditions": {found.name: found.values for found in comparison.conditions},
        "differing_machines": {found.name: found.values for found in comparison.machines},
        "figures": [
            {
                "name": line.name,
                "unit": line.unit,
                "machine_dependent": line.of_machine,
                "values": line.values,
                "ratios": line.ratios,
            }
            for line in comparison.lines
        ],
    }


def _line(name: str, of_runs: Sequence[Figure | None]) -> Line:
    one = next(figure for figure in of_runs if figure is not None)
    return Line(name, one.unit, one.of_machine, tuple(figure.value if figure else None for figure in of_runs))


def _conditions(summary: Summary) -> dict[str, Any]:
    own = {name: getattr(summary, name) for name in _CONDITIONS}
    options = {f"option {name}": value for name, value in summary.options.items() if name not in own}
    target = _attributes(summary.target)
    target["host"] = urlsplit(target.pop("base_url") or "").hostname  # a stack of our own has another port each time
    return own | {f"target {name}": value for name, value in target.items()} | options


def _attributes(of: Any) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def _differing(of_runs: Iterator[dict[str, Any]]) -> Iterator[Difference]:
    """By name, in the order of the runs; a value that a run does not have counts as None."""
    found = list(of_runs)
    for name in dict.fromkeys(name for run in found for name in run):
        values = tuple(run.get(name) for run in found)
        if any(value != values[0] for value in values):
            yield Difference(name, values)
