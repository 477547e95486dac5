"""A verdict as JUnit XML: a test case for each objective.

An objective that is missed is a failure; one that is undecided is an error, since the test could not be carried out:
both stop a pipeline, as the exit code does. Not judged is skipped.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from slotrush.gate import words
from slotrush.gate.verdict import Outcome, Result, Verdict
from slotrush.slo import Fact

SUITE: Final = "slotrush gate"
TAGS: Final = {Outcome.FAIL: "failure", Outcome.UNDECIDED: "error", Outcome.SKIPPED: "skipped"}
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (its section 2.2)."""


@dataclass(frozen=True)
class Case:
    """One test case: what it `told`, in a sentence. `tag` is the element that says why it did not pass, or empty."""

    classname: str
    name: str
    title: str
    told: str
    tag: str
    outcome: Outcome


def render(verdict: Verdict) -> bytes:
    cases = [
        Case(
            classname=f"slotrush.{verdict.scenario}",
            name=one.objective.name,
            title=one.objective.title,
            told=words.sentence(one),
            tag=_tag(one),
            outcome=one.outcome,
        )
        for one in verdict.results
    ]
    properties = (("verdict", words.headline(verdict)), ("run", words.subject(verdict)))
    return document(SUITE, verdict.duration_s or 0, verdict.started_at or "", properties, cases)


def document(
    name: str, duration_s: float, started_at: str, properties: Iterable[tuple[str, str]], cases: Sequence[Case]
) -> bytes:
    """One test suite of that name, as a file."""
    tags = [case.tag for case in cases]
    counts = {
        "tests": str(len(tags)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": f"{duration_s:.3f}",
    }
    suites = Element("testsuites", {"name": name, **counts})
    suite = SubElement(suites, "testsuite", {"name": name, **counts, "timestamp": xml_text(started_at)})
    described = SubElement(suite, "properties")
    for key, value in properties:
        SubElement(described, "property", {"name": key, "value": xml_text(value)})
    for case in cases:
        names = {"classname": xml_text(case.classname), "name": case.name, "time": "0"}
        element, told = SubElement(suite, "testcase", names), xml_text(case.told)
        if case.tag:
            SubElement(element, case.tag, {"message": told, "type": case.outcome}).text = told
        SubElement(element, "system-out").text = xml_text(f"{case.title}: {told}")
    indent(suites)
    return bytes(tostring(suites, encoding="utf-8", xml_declaration=True))


def _tag(result: Result) -> str:
    if result.outcome is Outcome.FAIL and getattr(result.objective, "fact", None) is Fact.GENERATOR_VALID:
        return "error"  # nothing was found out about the target
    return TAGS.get(result.outcome, "")


def xml_text(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)
