"""A verdict as GitHub annotations: workflow commands, one a line.

Source: GitHub, "Workflow commands for GitHub Actions"; the escapes are those of actions/toolkit, command.ts.
"""

from collections.abc import Iterator
from typing import Final

from slotrush.gate import words
from slotrush.gate.verdict import Outcome, Result, Verdict

LEVELS: Final = {Outcome.FAIL: "error", Outcome.UNDECIDED: "warning"}
ESCAPES: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
ESCAPES_IN_PROPERTIES: Final = {**ESCAPES, ":": "%3A", ",": "%2C"}


def render(verdict: Verdict) -> Iterator[str]:
    """One for each objective that is missed or undecided, at the line where it is written; and one for the whole."""
    yield from (_annotation(one) for one in verdict.results if one.outcome in LEVELS)
    level = "notice" if verdict.outcome is Outcome.PASS else LEVELS.get(verdict.outcome, "error")
    text = f"{words.headline(verdict)}. {words.subject(verdict)}"
    yield f"::{level} title=slotrush gate::{escaped(text, ESCAPES)}"


def _annotation(result: Result) -> str:
    properties = {"title": result.objective.title}
    if (position := result.objective.position) is not None:
        properties |= {"file": words.shown_path(position), "line": str(position.line)}
    told = ",".join(f"{name}={escaped(value, ESCAPES_IN_PROPERTIES)}" for name, value in properties.items())
    return f"::{LEVELS[result.outcome]} {told}::{escaped(words.sentence(result), ESCAPES)}"


def escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
