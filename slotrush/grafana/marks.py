"""What happened in a run, as marks on the time axis of every dashboard."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from slotrush.errors import BadInputError
from slotrush.runs import record

TAG: Final = "slotrush"
"""Every dashboard shows the annotations that carry it."""
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "drop": "the drop: slots are published",
        "start": "the load starts",
        "drained": "everyone has their last answer",
        "ended": "the load ends",
        "step": "a step of the load",
        "broken": "an objective broke",
        "fault": "fault",
        "healed": "healed",
        "scaled": "replicas",
        "worker-lost": "a worker of the load generator is lost",
        "aborted": "stopped early, as an objective was missed",
        "interrupted": "interrupted",
    }
)
"""The events that are worth a mark, in words."""
DETAIL_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True)
class Mark:
    """A point in time. Two marks with the same time and text are the same mark."""

    at_ms: int
    text: str
    tags: tuple[str, ...]


def of_run(connection: sqlite3.Connection) -> list[Mark]:
    """The marks of a run record, in the order of time. Raises BadInputError when nothing in it is worth one."""
    run_id = str(record.get_meta(connection).get("run_id", ""))
    rows = connection.execute("SELECT at_us, name, detail FROM events ORDER BY at_us, rowid")
    marks = [
        Mark(at_us // 1000, _text(run_id, name, detail), (TAG, run_id, name))
        for at_us, name, detail in rows
        if name in WORDS
    ]
    if not marks:
        raise BadInputError(f"run {run_id}", "nothing happened in it that could be marked", "Name a run that started")
    return marks


def _text(run_id: str, name: str, detail: str) -> str:
    said = _plain(detail)[:DETAIL_CHARACTERS_MAX]
    return f"{run_id}: {WORDS[name]}{f' ({said})' if said else ''}"


def _plain(detail: str) -> str:
    """A detail that is JSON, without its braces and quotes."""
    try:
        found: Any = json.loads(detail)
    except ValueError:
        return detail
    if isinstance(found, dict):
        return ", ".join(f"{key} {value}" for key, value in found.items())
    return str(found)
