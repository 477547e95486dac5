"""What a capacity report is made of: recognises sweeps, plans, scale checks and runs by what is in them, and reads."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from slotrush.archive import folders
from slotrush.capacity.plan_document import PlanDocument
from slotrush.capacity_report import runs
from slotrush.capacity_report.runs import RunFigures
from slotrush.elasticity import check as checks
from slotrush.elasticity.check import ScaleCheck
from slotrush.errors import BadInputError
from slotrush.runs.record import RECORD_NAME
from slotrush.slo import Objectives
from slotrush.sweep import limits, pace
from slotrush.sweep import model as sweeps
from slotrush.sweep.model import Sweep

RESULTS: Final = Path("results")
_CAPACITY_FILES: Final = (sweeps.FILE_NAME, checks.FILE_NAME)
_MEND: Final = "Name a sweep's folder, the JSON of a plan, a scale check's folder, or a run"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Swept:
    """A sweep and the file that it is in."""

    file: Path
    sweep: Sweep


@dataclass(frozen=True)
class Planned:
    """A plan and the file that it is in."""

    file: Path
    plan: PlanDocument


@dataclass(frozen=True)
class Checked:
    """A scale check and the file that it is in."""

    file: Path
    check: ScaleCheck


@dataclass(frozen=True)
class Measured:
    """One run's figures, and the file that they come from: its summary, or its record."""

    file: Path
    figures: RunFigures

    @property
    def name(self) -> str:
        return self.figures.run_id or self.file.parent.name


@dataclass(frozen=True)
class Material:
    """All of it; what was not given is None, or empty."""

    swept: Swept | None = None
    planned: Planned | None = None
    checked: Checked | None = None
    runs: tuple[Measured, ...] = ()

    def at_limits(self, objectives: Objectives) -> "Material":
        """With the limits of the sweep that follow from its objectives."""
        if self.swept is None:
            return self
        return replace(self, swept=replace(self.swept, sweep=limits.found(self.swept.sweep, objectives)))

    @property
    def home(self) -> Path:
        """The folder of the first thing in it."""
        first = next(one for one in (self.planned, self.swept, self.checked, *self.runs) if one)
        return first.file.parent


def read(
    things: Iterable[Path],
    *,
    sweep: Path | None = None,
    plan: Path | None = None,
    scale_check: Path | None = None,
) -> Material:
    """The material in `things`, whatever each of them is, and in what is named by its kind.

    Raises BadInputError for nothing at all, for something that is none of the four, for two of a kind other than runs,
    and for a plan that was made from another sweep than the one beside it.
    """
    found = [*map(recognised, things)]
    found += [] if sweep is None else [_swept(sweep)]
    found += [] if plan is None else [_planned(plan)]
    found += [] if scale_check is None else [_checked(scale_check)]
    if not found:
        raise BadInputError("slotrush report", "there is nothing to report on", _MEND)
    material = Material(
        _only(found, Swept, "sweep"),
        _only(found, Planned, "plan"),
        _only(found, Checked, "scale check"),
        tuple(one for one in found if isinstance(one, Measured)),
    )
    _agree(material)
    return material


def is_for_capacity(thing: Path) -> bool:
    """Whether the thing alone calls for a capacity report. A run alone has a report of its own, a scale check's too."""
    if thing.is_dir():
        return not (thing / RECORD_NAME).is_file() and any((thing / name).is_file() for name in _CAPACITY_FILES)
    return thing.suffix == ".json"


def recognised(thing: Path) -> Swept | Planned | Checked | Measured:
    """By its files, or by what is in it. Raises BadInputError for what is nothing of ours."""
    if not thing.exists():
        thing = folders.find(str(thing), RESULTS)
    if thing.is_dir():
        return _folder(thing)
    if thing.name == RECORD_NAME:
        return Measured(*runs.read(thing.parent))
    try:
        content = json.loads(thing.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(str(thing), "it is neither a run nor JSON", _MEND) from error
    for key, read_as in _KINDS.items():
        if isinstance(content, dict) and key in content:
            return read_as(thing)
    raise BadInputError(str(thing), "it is JSON, but neither a sweep nor a plan nor a scale check", _MEND)


def _swept(path: Path) -> Swept:
    return Swept(path / sweeps.FILE_NAME if path.is_dir() else path, pace.levelled(sweeps.load(path)))


def _checked(path: Path) -> Checked:
    file = path / checks.FILE_NAME if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{file} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})"
        raise BadInputError(f"scale check {path}", problem, "Name the folder of a scale check") from error
    return Checked(file, ScaleCheck.from_json(text, f"scale check {file}"))


def _planned(path: Path) -> Planned:
    return Planned(path, PlanDocument.read(path))


def _folder(folder: Path) -> Swept | Checked | Measured:
    if (folder / sweeps.FILE_NAME).is_file():
        return _swept(folder)
    if (folder / checks.FILE_NAME).is_file():
        return _checked(folder)
    return Measured(*runs.read(folder))


_KINDS: Final[Mapping[str, Callable[[Path], Swept | Planned | Checked | Measured]]] = {
    "sweep_id": _swept,
    "question": _planned,
    "autoscaler": _checked,
    "run_id": lambda path: Measured(*runs.read(path.parent)),
}
"""How to read a JSON file that has this key."""


def _only(found: Iterable[object], kind: type[_T], name: str) -> _T | None:
    every = [one for one in found if isinstance(one, kind)]
    if len(every) > 1:
        raise BadInputError(f"{name}s", f"{len(every)} were given", "Name one: a report has one of them")
    return every[0] if every else None


def _agree(material: Material) -> None:
    if material.swept is None or material.planned is None:
        return
    own, planned = material.swept.sweep.sweep_id, material.planned.plan.source.sweep_id
    if own != planned:
        raise BadInputError(
            f"plan {material.planned.file}",
            f"it was made from {planned}, and the sweep beside it is {own}",
            "Name the sweep that it was made from, or plan again",
        )
