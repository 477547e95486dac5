"""The report of a run: one self-contained HTML file per language, which reads offline and prints to A4."""

from contextlib import closing
from pathlib import Path
from typing import Final

from slotrush.files import write_whole
from slotrush.report.content import gather
from slotrush.report.page import render
from slotrush.report.words import LANGUAGES, Words
from slotrush.runs import record
from slotrush.summary import Summary

__all__ = ["FILE_NAMES", "write"]

FILE_NAMES: Final = {
    language: "report.html" if language == LANGUAGES[0] else f"report.{language}.html" for language in LANGUAGES
}


def write(run_dir: Path, summary: Summary | None = None) -> list[Path]:
    """Write the reports of the run, whatever it lacks, and return their paths.

    `summary`: the run's own, if somebody has summed it up already.

    Raises BadInputError when the folder has no run record that can be read.
    """
    with closing(record.open_finished(run_dir)) as connection:
        content = gather(connection, summary)
    written = []
    for language, name in FILE_NAMES.items():
        page = render(content, Words(language), FILE_NAMES)
        write_whole(run_dir / name, page)
        written.append(run_dir / name)
    return written
