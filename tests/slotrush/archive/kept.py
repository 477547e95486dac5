"""Kept runs, as real ones are left behind."""

import os
from pathlib import Path
from typing import Final

from slotrush import report, summary
from tests.slotrush.report import synthetic

DAY_S: Final = 86_400
NOW_S: Final = 1_700_000_000.0
"""Long past, so that whatever a test writes itself is newer than what it found."""


def keep(results: Path, name: str, day: int, **meta: object) -> Path:
    """A concluded run of the given day of November 2026."""
    started_at = f"2026-11-{day:02}T14:26:40+00:00"
    run_dir = synthetic.write_run(results / name, **({"run_id": name, "started_at": started_at} | meta))
    summary.write(run_dir)
    for file in report.FILE_NAMES.values():
        (run_dir / file).write_text("drawing charts takes its time, and nobody reads them here")
    return age(run_dir, DAY_S)


def age(folder: Path, by_s: float, now_s: float = NOW_S) -> Path:
    """Let everything in the folder have been written so long before `now_s`, the summary and reports last."""
    written_last = {summary.SUMMARY_NAME, *report.FILE_NAMES.values()}
    for path in [*folder.rglob("*"), folder]:
        at_s = now_s - by_s + (0.001 if path.name in written_last else 0)
        os.utime(path, (at_s, at_s))
    return folder
