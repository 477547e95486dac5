"""The disk that a run is recorded on: when it gets full, that is said while what there is can still be kept."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError, StackError
from slotrush.runs.record import PARTS_FOLDER

SPARE_BYTES: Final = 32 * 2**20
"""For the last answers, the snapshot and the reports of a small run; a large one has parts, which count too."""
COPIES: Final = 2
"""Merging the parts writes each into the record and, before that, into the record's log."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
SCRAPS_BYTES: Final = 2**20
"""With less than that left, a file that could not be written could not be for lack of room."""


def require_room(results: Path) -> None:
    """Raises BadInputError when a run would begin on a disk that is all but full."""
    there = next(folder for folder in (results.resolve(), *results.resolve().parents) if folder.exists())
    if (left := shutil.disk_usage(there).free) < COPIES * SPARE_BYTES:
        problem = f"its disk has {_mib(left)} left, and a run needs {_mib(COPIES * SPARE_BYTES)} at least"
        raise BadInputError(
            f"--results {results}", problem, "Remove old runs (slotrush runs prune), or name another disk"
        )


def check(run_dir: Path) -> None:
    """Raises StackError when what is left on the disk is just enough to end the run and keep what it has."""
    parts = sum(map(_size, (run_dir / PARTS_FOLDER).glob("*")))
    left, needed = shutil.disk_usage(run_dir).free, COPIES * parts + SPARE_BYTES
    if left < needed:
        raise StackError(
            f"the disk of {run_dir} is full: {_mib(left)} are left, and to keep what was recorded takes {_mib(needed)}."
            " The run ends here; make room before the next one"
        )


@contextmanager
def said_when_full(run_dir: Path) -> Iterator[None]:
    """Turns what a full disk breaks into a StackError that says so. What was written before that stays readable."""
    try:
        yield
    except (OSError, sqlite3.Error, BadInputError) as error:
        broke = error.__cause__ if isinstance(error, BadInputError) else error
        if broke is None or not is_full(broke, run_dir):
            raise
        raise StackError(
            f"the disk of {run_dir} is full ({broke}). What was recorded until then is kept; make room, then:"
            f" slotrush report {run_dir}"
        ) from error


def is_full(error: BaseException, run_dir: Path) -> bool:
    """Whether the error says that something could not be written for lack of room. SQLite calls that an I/O error where
    the system does not tell it the reason, as when the memory that it shares with others cannot grow."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    name = getattr(error, "sqlite_errorname", "")
    return name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and shutil.disk_usage(run_dir).free < SCRAPS_BYTES)


def _size(file: Path) -> int:
    """In bytes; 0 when it is gone, as a worker's log is once the worker has closed its part."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
