"""Reports as files: their formats, their names by language, and how they are kept."""

from enum import StrEnum
from pathlib import Path

from slotrush.errors import BadInputError
from slotrush.files import write_whole
from slotrush.report import pdf
from slotrush.report.words import LANGUAGES


class Format(StrEnum):
    HTML = "html"
    PDF = "pdf"


def file_names(output: Path) -> dict[str, Path]:
    """By language: the first has the name itself, each other one adds its tag to it."""
    return {
        language: output if language == LANGUAGES[0] else output.with_suffix(f".{language}{output.suffix}")
        for language in LANGUAGES
    }


def printed(page: str, file_format: Format) -> bytes:
    """The page as a file's content. Raises BadInputError for a PDF without what prints it."""
    return page.encode() if file_format is Format.HTML else pdf.printed(page)


def keep(content: bytes, path: Path) -> None:
    """Write the file, whole or not at all. Raises BadInputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise BadInputError(f"--output {path}", f"it cannot be written ({error.strerror})", "Name another") from error
