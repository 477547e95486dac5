"""A verdict as Markdown, for the summary of a job or a comment on a merge request."""

from collections.abc import Iterator
from typing import Final

from slotrush.gate import words
from slotrush.gate.verdict import Outcome, Verdict

MARKS: Final = {
    Outcome.PASS: "✅",
    Outcome.FAIL: "❌",
    Outcome.UNDECIDED: "❔",
    Outcome.SKIPPED: "⚪",
    Outcome.INVALID: "🚫",
}
HEADER: Final = ("| | objective | measured | 95 % interval | wanted | requests |", "|---|---|---|---|---|---:|")


def render(verdict: Verdict) -> str:
    return "\n".join(_lines(verdict)) + "\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"## {MARKS[verdict.outcome]} {words.headline(verdict)}"
    yield ""
    yield plain(words.subject(verdict))
    yield ""
    yield from HEADER
    for one in verdict.results:
        figures = (words.measured(one), words.between(one), words.wanted(one), words.amount(one))
        cells = (f"{MARKS[one.outcome]} {words.OUTCOMES[one.outcome]}", one.objective.title, *figures)
        yield f"| {' | '.join(map(plain, cells))} |"
    reasons = [f"- **{plain(one.objective.title)}**: {plain(one.reason)}" for one in verdict.results if one.reason]
    if reasons:
        yield from ("", *reasons)


def plain(text: str) -> str:
    """A text that Markdown takes as it is, in one line."""
    for special in "\\`*_|<[":
        text = text.replace(special, "\\" + special)
    return " ".join(text.split())
