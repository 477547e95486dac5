"""A comparison for who sits at the terminal."""

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from slotrush.compare import words
from slotrush.compare.verdict import Comparison
from slotrush.gate.table import STYLES

LEFT: Final = ("", "figure")
"""The columns that hold words."""


def render(compared: Comparison) -> Iterator[RenderableType]:
    """The headline, the table, a line for each figure that needs one, and the notes."""
    yield Text(words.headline(compared), style=STYLES[compared.outcome])
    yield Text(words.subject(compared))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in words.COLUMNS:
        table.add_column(column, justify="left" if column in LEFT else "right", overflow="fold")
    for one in compared.results:
        outcome = Text(words.OUTCOMES[one.outcome], style=STYLES[one.outcome])
        table.add_row(outcome, Text(one.figure.title), *map(Text, words.cells(one)))
    yield table
    for one in compared.results:
        if one.reason:
            yield Text(f"{one.figure.title}: {one.reason}", style=STYLES[one.outcome])
    for note in compared.notes:
        yield Text(f"note: {note}", style="yellow")
