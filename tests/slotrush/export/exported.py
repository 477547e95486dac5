"""Exports of synthetic runs."""

from contextlib import closing
from pathlib import Path

from slotrush import export
from slotrush.archive import reading


def exported(run_dir: Path, file_format: str) -> str:
    with closing(reading.open_run(run_dir)) as connection:
        return "".join(export.FORMATS[file_format](connection))
