"""Which kept runs may go, and their removal. What is not a run of ours, or is still being written, never goes."""

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from slotrush.archive import folders
from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.runs.opened import opened_files

_AGE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Candidate:
    """A run as pruning sees it; `began` is None when its record does not tell."""

    folder: Path
    began: datetime | None
    is_being_written: bool


@dataclass(frozen=True)
class Plan:
    """What goes, and what stays only because somebody writes into it."""

    going: tuple[Path, ...]
    being_written: tuple[Path, ...]


def parse_age(text: str) -> timedelta:
    """`30d`, `12h`, `90m`, `45s` or `2w`. Raises BadInputError."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise BadInputError(
            f"--older-than {text}", "it is not a length of time", "Write a number and s, m, h, d or w, such as 30d"
        )
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def candidates(results: Path, now_s: float) -> list[Candidate]:
    """Every run of ours, the newest first."""
    opened = opened_files(results)
    return [
        Candidate(folder, _moment(folders.began_at(folder)), folders.is_being_written(folder, now_s, opened))
        for folder in folders.newest_first(results)
    ]


def plan(found: list[Candidate], keep: int | None, older_than: timedelta | None, now: datetime) -> Plan:
    """Pure. `found` has the newest first. A run goes when it is none of the `keep` newest, and began long ago enough.

    A run whose start is unknown counts as old only where age is not asked for. Raises BadInputError without a rule.
    """
    if keep is None and older_than is None:
        raise BadInputError("runs prune", "nothing says which runs may go", "Give --keep N, --older-than 30d, or both")
    rest = found[keep or 0 :]
    old = [run for run in rest if older_than is None or (run.began is not None and now - run.began > older_than)]
    return Plan(
        tuple(run.folder for run in old if not run.is_being_written),
        tuple(run.folder for run in old if run.is_being_written),
    )


def remove(folder: Path) -> None:
    """Remove a run. Its record goes last, so that a removal that was interrupted can be repeated.

    Raises BadInputError when the folder holds no run, and OSError when it cannot be removed.
    """
    if folder.is_symlink() or not folders.is_run(folder):
        raise BadInputError(f"run {folder}", "it is not a run's folder", "Remove it yourself if you want it gone")
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != record.RECORD_NAME:
            child.unlink()
    (folder / record.RECORD_NAME).unlink()
    folder.rmdir()


def _moment(iso: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
