"""Every run that is kept, the newest first, each with its few figures or with what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotrush.archive import folders
from slotrush.archive.figures import p99_of_bookings_ms, p99_of_reads_ms, request_count
from slotrush.archive.reading import read_summary
from slotrush.errors import BadInputError
from slotrush.runs.opened import opened_files
from slotrush.summary import Summary


@dataclass(frozen=True)
class Entry:
    """A folder under `results/`. Without a `summary` there is a `fault`, which says why."""

    folder: Path
    size_bytes: int
    is_being_written: bool
    summary: Summary | None
    fault: str | None

    @property
    def order(self) -> tuple[str, str]:
        began = self.summary.started_at if self.summary else None
        return began or folders.began_at(self.folder), self.folder.name


def entries(results: Path, now_s: float) -> list[Entry]:
    """The newest first; what tells no start comes last. Raises BadInputError when there is no folder `results`."""
    children, opened = folders.children(results), opened_files(results)
    found = (_entry(folder, folders.is_being_written(folder, now_s, opened)) for folder in children)
    return sorted(found, key=lambda entry: entry.order, reverse=True)


def as_plain(entry: Entry) -> Mapping[str, Any]:
    """The entry for machines: what it has no figure for is None."""
    found = entry.summary
    place = {
        "folder": str(entry.folder),
        "size_bytes": entry.size_bytes,
        "being_written": entry.is_being_written,
        "fault": entry.fault,
    }
    if found is None:
        return {"run_id": entry.folder.name, **place}
    return {
        "run_id": found.run_id or entry.folder.name,
        **place,
        "scenario": found.scenario,
        "started_at": found.started_at,
        "patients": found.patients,
        "slots": found.race.slots if found.race else None,
        "sold": found.race.sold if found.race else None,
        "attempts": found.race.attempts if found.race else None,
        "requests": request_count(found),
        "response_p99_ms": {"reads": p99_of_reads_ms(found), "bookings": p99_of_bookings_ms(found)},
        "availability": found.availability,
        "audit_clean": found.audit.clean,
        "valid": found.valid,
        "invalid_reasons": found.invalid_reasons,
    }


def _entry(folder: Path, is_being_written: bool) -> Entry:
    summary, fault = None, None
    try:
        summary = read_summary(folder)
    except BadInputError as error:
        fault = error.problem
    return Entry(folder, folders.size_bytes(folder), is_being_written, summary, fault)
