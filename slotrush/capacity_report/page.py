"""From the material of a capacity report to its page in one language."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from slotrush.capacity_report import answer, evidence, figures, methods, saying, sources, summary, tables
from slotrush.capacity_report.material import Material
from slotrush.report.words import Words
from slotrush.slo import Objectives

PACKAGE: Final = "slotrush.capacity_report"
STYLES: Final = {"yes": "passed", "reserved": "remarks", "no": "failed", "broken": "failed", "open": "partial"}
"""How the answer looks, by its kind: as the verdict of a run does."""


def render(material: Material, objectives: Objectives, made_on: str, words: Words, others: Mapping[str, str]) -> str:
    """The whole page. `made_on` is an ISO 8601 day; `others` are the files of the page in other languages."""
    material = material.at_limits(objectives)
    found = evidence.of(material, objectives)
    judged = answer.judge(material, objectives)
    plan = material.planned.plan if material.planned else None
    return _template().render(
        words=words,
        heading=words("brief.title_none") if plan is None else saying.asked(plan.question, words),
        explained="" if plan is None else saying.explained(plan.question, words),
        promise=saying.promise(objectives, words),
        day=words.day(made_on),
        summary=summary.of(material, judged, objectives, words),
        style_name=STYLES[judged.kind],
        figures=figures.of(material, found, objectives, words),
        tables=tuple(tables.of_plan(plan, words)) if plan else (),
        runs=tables.of_runs(material.runs, words) if material.runs else None,
        methods=methods.of(material, found, words),
        limits=methods.limits(material, found, words),
        left_out=methods.left_out(material, words),
        sources=sources.by_file(material, words),
        others=others,
        style=Markup(_style()),
    )


def _style() -> str:
    """That of a run's report, and what is the capacity report's own."""
    return "".join(
        files(package).joinpath("templates", name).read_text("utf-8")
        for package, name in (("slotrush.report", "style.css"), (PACKAGE, "capacity.css"))
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("capacity.html.j2")
