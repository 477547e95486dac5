"""One run's own report, in other languages, formats and places than those of its folder."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from slotrush.report.content import gather
from slotrush.report.files import Format, keep, printed
from slotrush.report.page import render
from slotrush.report.words import Words
from slotrush.runs import record


def write(run_dir: Path, outputs: Mapping[str, Path], file_format: Format) -> list[Path]:
    """Write it in the languages of `outputs`, and return the files. Raises BadInputError."""
    with closing(record.open_finished(run_dir)) as connection:
        content = gather(connection)
    for language, path in outputs.items():
        linked = {other: file.name for other, file in outputs.items() if file_format is Format.HTML}
        page = render(content, Words(language), linked | {language: path.name})
        keep(printed(page, file_format), path)
    return list(outputs.values())
