"""A comparison as GitHub annotations: one for each figure that is worse or undecided, and one for the whole."""

from collections.abc import Iterator

from slotrush.compare import words
from slotrush.compare.verdict import Comparison
from slotrush.gate.annotations import ESCAPES, ESCAPES_IN_PROPERTIES, LEVELS, escaped
from slotrush.gate.verdict import Outcome


def render(compared: Comparison) -> Iterator[str]:
    for one in compared.results:
        if one.outcome in LEVELS:
            title = escaped(one.figure.title, ESCAPES_IN_PROPERTIES)
            yield f"::{LEVELS[one.outcome]} title={title}::{escaped(words.sentence(one), ESCAPES)}"
    level = "notice" if compared.outcome is Outcome.PASS else LEVELS.get(compared.outcome, "error")
    text = f"{words.headline(compared)}. {words.subject(compared)}"
    yield f"::{level} title=slotrush compare::{escaped(text, ESCAPES)}"
