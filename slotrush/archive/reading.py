"""A kept run's summary: the one that it wrote, if that is still true, else summed up from its record."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slotrush.runs import record
from slotrush.summary import SCHEMA_VERSION, SUMMARY_NAME, Summary, summarise

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def read_summary(folder: Path) -> Summary:
    """The figures of the run, without touching it. Parts that are not merged yet are not in them.

    Raises BadInputError when its record is missing, damaged, or of another version.
    """
    written = _written(folder)
    if written is not None:
        return written
    with closing(record.open_record(folder)) as connection:
        return summarise(connection)


def open_run(folder: Path) -> sqlite3.Connection:
    """The record of a run, with its parts merged unless somebody is still writing them. Raises BadInputError."""
    return record.open_record(folder) if record.goes_on(folder) else record.open_finished(folder)


def _written(folder: Path) -> Summary | None:
    """What summary.json says, or None when it is older than the record, or not what this slotrush writes."""
    path, file = folder / SUMMARY_NAME, folder / record.RECORD_NAME
    try:
        if path.stat().st_mtime_ns < _changed_ns(file):
            return None
        found = _summaries().validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if found.schema_version == SCHEMA_VERSION else None


@cache
def _summaries() -> "TypeAdapter[Summary]":
    from pydantic import TypeAdapter  # noqa: PLC0415  keeps `--help` quick

    return TypeAdapter(Summary)


def _changed_ns(file: Path) -> int:
    """When the record changed, which its write-ahead log may know better than it. Raises OSError without a record."""
    log = file.with_name(file.name + "-wal")
    changed = [file.stat()] + ([log.stat()] if log.exists() and log.stat().st_size else [])
    return max(status.st_mtime_ns for status in changed)
