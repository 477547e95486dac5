"""A comparison as JUnit XML, a test case for each figure: worse is a failure, undecided an error."""

from typing import Final

from slotrush.compare import words
from slotrush.compare.verdict import Comparison
from slotrush.gate.junit import TAGS, Case, document

SUITE: Final = "slotrush compare"


def render(compared: Comparison) -> bytes:
    cases = [
        Case(
            classname=SUITE.replace(" ", "."),
            name=one.figure.name,
            title=one.figure.title,
            told=words.sentence(one),
            tag=TAGS.get(one.outcome, ""),
            outcome=one.outcome,
        )
        for one in compared.results
    ]
    told = [("verdict", words.headline(compared)), ("compared", words.subject(compared))]
    properties = told + [("note", note) for note in compared.notes]
    return document(SUITE, compared.duration_s, compared.started_at, properties, cases)
