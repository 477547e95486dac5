"""The folders of runs under `results/`: which there are, and whether somebody still writes into them."""

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Final

from slotrush import report, summary
from slotrush.errors import BadInputError
from slotrush.runs import record

RESERVED: Final = frozenset({"examples", "baselines"})
"""Folders under `results/` that are committed, and are no runs."""
LATEST: Final = "latest"
FRESH_S: Final = 60.0
"""A run that has no report yet and changed this recently may go on: its parts are written every second."""
_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID: Final = slice(68, 72)  # https://www.sqlite.org/fileformat2.html#the_database_header
_KNOWN_SHOWN: Final = 5


def find(run: str, results: Path) -> Path:
    """The folder of a run, which is named by its path, by its record's path, by its id, or as `latest`.

    Raises BadInputError when there is no such folder.
    """
    if run == LATEST:
        return latest(results)
    for path in (Path(run), results / run):
        if path.is_dir():
            return path
        if path.is_file() and path.name == record.RECORD_NAME:
            return path.parent
    known = [folder.name for folder in newest_first(results)][:_KNOWN_SHOWN] if results.is_dir() else []
    mend = f"The newest are: {', '.join(known)}" if known else f"There is no run in {results}"
    raise BadInputError(f"run {run}", f"it is neither a folder, nor a run in {results}, nor '{LATEST}'", mend)


def latest(results: Path) -> Path:
    """The run that began last. Raises BadInputError when there is none."""
    folders = newest_first(results)
    if not folders:
        raise BadInputError(f"run {LATEST}", f"there is no run in {results}", "Run one, or name another --results")
    return folders[0]


def newest_first(results: Path) -> list[Path]:
    """The folders that hold a record of ours, the one that began last first."""
    return sorted(filter(is_run, children(results)), key=lambda folder: (began_at(folder), folder.name), reverse=True)


def children(results: Path) -> list[Path]:
    """Every folder in `results` that could be a run. A link to a folder elsewhere is none, nor is a hidden one.

    Raises BadInputError when `results` is not a folder.
    """
    if not results.is_dir():
        raise BadInputError(f"results {results}", "there is no such folder", "Name the folder that holds the runs")
    return sorted(
        path
        for path in results.iterdir()
        if path.is_dir() and not path.is_symlink() and path.name not in RESERVED and not path.name.startswith(".")
    )


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run record of whatever version: by the file's header, which damage may have spared."""
    try:
        with (folder / record.RECORD_NAME).open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    return header.startswith(_MAGIC) and int.from_bytes(header[_APPLICATION_ID], "big") == record.APPLICATION_ID


def began_at(folder: Path) -> str:
    """When the run began, as ISO 8601 in UTC; empty when its record does not tell."""
    uri = f"{(folder / record.RECORD_NAME).resolve().as_uri()}?mode=rw"  # a reader leaves the log's files behind
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT value ->> '$' FROM meta WHERE key = 'started_at'").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


def size_bytes(folder: Path) -> int:
    """What the folder takes on disk; a file that vanishes meanwhile counts as nothing."""
    return sum(status.st_blocks * 512 for status in _statuses(folder))


def is_being_written(folder: Path, now_s: float, opened: Collection[str]) -> bool:
    """Whether the run goes on: one of its files is `opened`, or it is not reported on yet and changed just now."""
    return is_open(folder, opened) or (not _is_concluded(folder) and now_s - _changed_s(folder) < FRESH_S)


def is_open(folder: Path, opened: Collection[str]) -> bool:
    inside = f"{folder.resolve()}{os.sep}"
    return any(file.startswith(inside) for file in opened)


def _is_concluded(folder: Path) -> bool:
    """The report is what a run writes last."""
    written_s = [_mtime_s(folder / name) for name in (summary.SUMMARY_NAME, *report.FILE_NAMES.values())]
    working = [folder / "live.json", *record.part_paths(folder)]
    return min(written_s) > 0 and min(written_s) >= max(map(_mtime_s, working))


def _changed_s(folder: Path) -> float:
    """Of the files alone: whoever reads a record touches its folder."""
    return max((status.st_mtime for status in _statuses(folder) if S_ISREG(status.st_mode)), default=0.0)


def _mtime_s(path: Path) -> float:
    """0 when there is no such file."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            with suppress(OSError):
                yield path.lstat()
