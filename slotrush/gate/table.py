"""A verdict for who sits at the terminal."""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from slotrush.gate import words
from slotrush.gate.verdict import Outcome, Result, Verdict

STYLES: Final = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.UNDECIDED: "yellow",
    Outcome.SKIPPED: "dim",
    Outcome.INVALID: "red",
}
COLUMNS: Final = ("", "objective", "measured", "95 % interval", "wanted", "requests")


def render(verdict: Verdict) -> Iterator[RenderableType]:
    """The headline, the table, and a line for each result that needs one."""
    yield Text(words.headline(verdict), style=STYLES[verdict.outcome])
    yield Text(words.subject(verdict))
    yield results_table(verdict.results)
    yield from reasons(verdict.results)


def results_table(results: Iterable[Result]) -> Table:
    """The objectives, one in a row."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == COLUMNS[-1] else "left", overflow="fold")
    for one in results:
        outcome = Text(words.OUTCOMES[one.outcome], style=STYLES[one.outcome])
        figures = (words.measured(one), words.between(one), words.wanted(one), words.amount(one))
        table.add_row(outcome, *map(Text, (one.objective.name, *figures)))
    return table


def reasons(results: Iterable[Result]) -> Iterator[Text]:
    """A line for each result that needs one."""
    for one in results:
        if one.reason:
            yield Text(f"{one.objective.name}: {one.reason}", style=STYLES[one.outcome])
