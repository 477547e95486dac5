"""The figures of one run: from its record to a typed `Summary` and to `summary.json`.

Everything that shows or judges a run starts from here, so that no figure is computed twice. A partial
record (interrupted, no snapshot, no audit) gives None for what cannot be known, and `valid` is False.
"""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Final

from slotrush.files import write_whole
from slotrush.runs import record
from slotrush.summary.figures import summarise
from slotrush.summary.model import INCOMPLETE, SCHEMA_VERSION, Summary

__all__ = ["INCOMPLETE", "SCHEMA_VERSION", "SUMMARY_NAME", "Summary", "summarise", "to_json", "write"]

SUMMARY_NAME: Final = "summary.json"


def write(run_dir: Path) -> Summary:
    """Write `summary.json` beside the record of the run; the summary, for whoever needs it next."""
    with closing(record.open_finished(run_dir)) as connection:
        summary = summarise(connection)
    write_whole(run_dir / SUMMARY_NAME, to_json(summary))
    return summary


def to_json(summary: Summary) -> str:
    return json.dumps(asdict(summary), indent=2, ensure_ascii=False) + "\n"
