"""Showing a verdict on the screen, and writing it to the files that were asked for."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from rich.console import Console, RenderableType

from slotrush.errors import BadInputError

STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
"""GitHub's variable for the file to which a step adds its summary."""
PIPED_COLUMNS: Final = 160
"""Where there is no terminal whose width lines must fit."""

Judged = TypeVar("Judged")


@dataclass(frozen=True)
class Outputs:
    """Files to write, and whether to print GitHub's annotations."""

    junit: Path | None = None
    json: Path | None = None
    markdown: Path | None = None
    github: bool = False


@dataclass(frozen=True)
class Forms(Generic[Judged]):
    """How one kind of verdict is shown."""

    table: Callable[[Judged], Iterable[RenderableType]]
    annotations: Callable[[Judged], Iterable[str]]
    junit: Callable[[Judged], bytes]
    json: Callable[[Judged], str]
    markdown: Callable[[Judged], str]


def deliver(verdict: Judged, forms: Forms[Judged], outputs: Outputs, console: Console) -> None:
    """Show it and write it. Raises BadInputError for a file that cannot be written."""
    screen = console if console.is_terminal else Console(file=console.file, width=PIPED_COLUMNS)
    for renderable in forms.table(verdict):
        screen.print(renderable, highlight=False)
    if outputs.github:
        for line in forms.annotations(verdict):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if outputs.junit is not None:
        _write(outputs.junit, forms.junit(verdict))
    if outputs.json is not None:
        _write(outputs.json, forms.json(verdict).encode())
    if outputs.markdown is not None:
        _write(outputs.markdown, forms.markdown(verdict).encode())


def _write(path: Path, content: bytes) -> None:
    """Anew; but the step's summary is added to, as others have written to it."""
    adds = str(path) == os.environ.get(STEP_SUMMARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if adds else "wb") as file:
            file.write(content)
    except OSError as error:
        raise BadInputError(f"file {path}", f"it cannot be written ({error.strerror})", "Name another file") from error
