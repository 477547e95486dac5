"""A comparison as Markdown, for the summary of a job or a comment on a merge request."""

from collections.abc import Iterator
from typing import Final

from slotrush.compare import words
from slotrush.compare.verdict import Comparison
from slotrush.gate.markdown import MARKS, plain

RULE: Final = "|---|---|---:|---:|---:|---:|---:|---:|"


def render(compared: Comparison) -> str:
    return "\n".join(_lines(compared)) + "\n"


def _lines(compared: Comparison) -> Iterator[str]:
    yield f"## {MARKS[compared.outcome]} {words.headline(compared)}"
    yield ""
    yield plain(words.subject(compared))
    yield ""
    yield f"| {' | '.join(words.COLUMNS)} |"
    yield RULE
    for one in compared.results:
        row = (f"{MARKS[one.outcome]} {words.OUTCOMES[one.outcome]}", one.figure.title, *words.cells(one))
        yield f"| {' | '.join(map(plain, row))} |"
    remarks = [f"- **{plain(one.figure.title)}**: {plain(one.reason)}" for one in compared.results if one.reason]
    remarks += [f"- {plain(note)}" for note in compared.notes]
    if remarks:
        yield from ("", *remarks)
