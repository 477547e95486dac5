"""The page in both languages: what it says, what it leaves out, and where each of its figures comes from."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from slotrush import slo
from slotrush.capacity.plan_document import Caution
from slotrush.capacity_report import page, saying, sources
from slotrush.capacity_report.answer import Caution as Told
from slotrush.capacity_report.material import Material
from slotrush.capacity_report.runs import Audit
from slotrush.capacity_report.summary import CAUTIONS_SHOWN, caution_text
from slotrush.report.words import Words
from tests.slotrush.capacity_report import evidence
from tests.slotrush.report.drawing import charts_not_drawn
from tests.slotrush.report.reading import figure, read_page, text

NOTHING = re.compile(r"\bNone\b|\bnan\b|\binf\b|\bNaN\b|\u2013 \(|\{\w*\}")
"""What a page must not say: a value that is not there, or a placeholder."""
CHARTS = ["scaling", "residuals", "latency", "replicas", "cost"]


@pytest.fixture
def tree(pages: dict[str, Path], words: Words) -> Element:
    return read_page(pages[words.language])


def rendered(material: Material, words: Words, tmp_path: Path) -> Element:
    """A page with titles and captions, and without the charts between them."""
    path = tmp_path / "page.html"
    with charts_not_drawn():
        path.write_text(page.render(material, slo.load(), "2026-11-21", words, {}), encoding="utf-8")
    return read_page(path)


def ids(tree: Element, tag: str) -> list[str]:
    return [element.get("id", "") for element in tree.iter(tag) if element.get("id")]


def test_the_question_is_the_title_and_the_answer_follows(tree: Element, words: Words) -> None:
    patients = words.number(evidence.PATIENTS)
    verdict = tree.find(".//section[@data-answer]")

    assert text(tree.find(".//h1")) == words("brief.title_patients", patients=patients)
    assert verdict is not None
    assert verdict.get("data-answer") == "reserved"
    assert words.number(evidence.plan().answer.replicas) in text(verdict.find("h2"))
    assert tree.get("lang") == words.language


def test_the_five_questions_of_a_director_are_answered_on_the_first_page(tree: Element, words: Words) -> None:
    plan = evidence.plan()
    cheapest = min(plan.costs.offers, key=lambda offer: offer.always.usd).always
    cost = words.money(cheapest.brl, "BRL") if words.language == "pt-BR" else words.money(cheapest.usd, "USD")
    summary = tree.find(".//div[@id='summary']")

    assert plan.answer.margin.mid is not None
    assert figure(tree, "margin") == " ".join(saying.margin(plan.answer.margin.mid, words).split())
    assert " ".join(cost.split()) in figure(tree, "cost")
    assert figure(tree, "first").casefold() == words(f"part.{plan.breaks_first.name}").casefold()
    assert len((summary or tree).findall(".//section[@id='advice']//li")) >= 4
    assert len((summary or tree).findall(".//section[@id='cautions']//li")) >= 2


def test_every_chart_has_a_title_a_description_and_a_caption_that_says_the_same(tree: Element) -> None:
    figures = tree.findall(".//figure")

    assert [one.get("id") for one in figures] == [f"figure-{name}" for name in CHARTS]
    for one in figures:
        svg = one.find(".//svg")
        assert svg is not None
        assert svg.get("role") == "img"
        named = {element.get("id"): text(element) for element in svg if element.tag in ("title", "desc")}
        labels = [named[name] for name in svg.get("aria-labelledby", "").split()]
        assert labels == [text(one.find("h3")), text(one.find("figcaption"))]


def test_nothing_reads_as_missing(tree: Element) -> None:
    assert NOTHING.findall(text(tree.find(".//main"))) == []


def test_no_id_is_used_twice(tree: Element) -> None:
    counted = Counter(element.get("id") for element in tree.iter() if element.get("id"))

    assert [name for name, count in counted.items() if count > 1] == []


def test_a_page_needs_nothing_from_elsewhere(pages: dict[str, Path], words: Words) -> None:
    html = pages[words.language].read_text(encoding="utf-8")

    assert not re.findall(r"<script|<link|<img|@import|src=", html)
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_each_page_leads_to_the_other(pages: dict[str, Path], tree: Element, words: Words) -> None:
    link = tree.find(".//a[@hreflang]")

    assert link is not None
    assert link.get("href") == pages[link.get("hreflang", "")].name
    assert link.get("hreflang") != words.language


def test_the_held_out_points_and_their_errors_are_told(tree: Element, words: Words) -> None:
    held = evidence.plan().law.held_out
    assert held is not None
    caption = text(tree.find(".//figure[@id='figure-scaling']/figcaption"))

    assert [one.replicas for one in held.points] == [6, 8]
    for one in held.points:
        assert " ".join(words.percent(abs(one.error)).split()) in caption


@pytest.mark.parametrize("confident", [0.9996, 1.0])
def test_no_certainty_is_said_to_be_whole(confident: float, whole: Material, words: Words, tmp_path: Path) -> None:
    assert whole.planned is not None
    plan = whole.planned.plan
    sure = replace(plan, answer=replace(plan.answer, confident=confident))
    tree = rendered(replace(whole, planned=replace(whole.planned, plan=sure)), words, tmp_path)
    certain = words("brief.more_than", value=words.percent(0.999))

    for place in ("section[@data-answer]/p", "section[@id='sources']"):
        assert " ".join(certain.split()) in text(tree.find(f".//{place}"))


def test_the_lower_end_of_the_availability_has_the_certainty_of_one_end_alone(tree: Element, words: Words) -> None:
    card = tree.find(".//*[@data-figure='available']")

    assert " ".join(words.percent(0.975).split()) in text(card)


def test_the_knee_tells_what_a_copy_brings_there(tree: Element, words: Words) -> None:
    sigma = evidence.plan().law.sigma.mid
    assert sigma is not None
    gain = (1 - sigma) / (2 - sigma) ** 2

    caption = text(tree.find(".//figure[@id='figure-scaling']/figcaption"))
    assert 0.24 < gain <= 0.25
    assert (
        " ".join(words("chart.scaling.caption_knee", count="@", gain=words.percent(0.25)).split("@")[1].split())
        in caption
    )


def test_a_plan_without_its_sweep_gives_no_number_of_loads(whole: Material, words: Words, tmp_path: Path) -> None:
    alone = text(rendered(replace(whole, swept=None), words, tmp_path).find(".//section[@id='methods']/p"))
    beside = text(rendered(whole, words, tmp_path).find(".//section[@id='methods']/p"))
    loads = words("methods.loads_counted", count=sum(len(point.probes) for point in evidence.sweep().points))

    assert loads in beside
    assert alone == beside.replace(loads, words("methods.loads"))


def test_no_run_is_said_to_be_audited_that_was_not(whole: Material, words: Words, tmp_path: Path) -> None:
    [run] = whole.runs
    unaudited = replace(run, figures=replace(run.figures, audit=Audit(None, {})))
    section = rendered(replace(whole, runs=(unaudited,)), words, tmp_path).find(".//section[@id='runs']")
    assert section is not None

    assert text(section.find(".//tbody")).endswith(words("measured_brief.unaudited"))
    assert not re.search(r"each run was|cada execução foi", text(section), re.IGNORECASE)


def test_every_figure_is_in_the_file_and_at_the_place_that_are_named(whole: Material, words: Words) -> None:
    by_file = sources.by_file(whole, words)

    assert {Path(file).name for file in by_file} == {"plan.json", "sweep.json", "scale-check.json", "summary.json"}
    for file, found in by_file.items():
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        for source in found:
            value = content
            for step in source.place.split("."):
                value = value[int(step)] if isinstance(value, list) else value[step]
            assert value is not None


def test_every_measured_point_names_the_records_of_its_swarms(tree: Element) -> None:
    told = text(tree.find(".//section[@id='sources']"))

    assert [probe.run for point in evidence.sweep().points for probe in point.probes if probe.run not in told] == []


@pytest.mark.parametrize(
    ("missing", "charts", "sections"),
    [
        ("checked", ["scaling", "residuals", "latency", "cost"], ["provide", "limits", "costs", "runs"]),
        ("planned", ["scaling", "residuals", "latency", "replicas"], ["runs"]),
        ("swept", CHARTS, ["provide", "limits", "costs", "runs"]),
        ("runs", CHARTS, ["provide", "limits", "costs"]),
    ],
)
def test_what_was_not_given_leaves_its_parts_out_and_is_named_in_one_line(
    missing: str, charts: list[str], sections: list[str], whole: Material, words: Words, tmp_path: Path
) -> None:
    nothing: Any = () if missing == "runs" else None
    tree = rendered(replace(whole, **{missing: nothing}), words, tmp_path)
    name = {"checked": "check", "planned": "plan", "swept": "sweep", "runs": "runs"}[missing]

    assert ids(tree, "figure") == [f"figure-{chart}" for chart in charts]
    assert [one for one in ids(tree, "section") if one in ("provide", "limits", "costs", "runs")] == sections
    assert words(f"methods.part_{name}") in text(tree.find(".//p[@id='left-out']"))
    assert NOTHING.findall(text(tree.find(".//main"))) == []


def test_where_everything_is_there_nothing_is_said_to_be_left_out(tree: Element) -> None:
    assert tree.find(".//p[@id='left-out']") is None


def test_a_sweep_without_a_law_says_why_and_shows_its_points(whole: Material, words: Words, tmp_path: Path) -> None:
    assert whole.swept is not None
    few = replace(whole.swept, sweep=replace(whole.swept.sweep, points=whole.swept.sweep.points[:2]))
    tree = rendered(Material(swept=few), words, tmp_path)

    assert ids(tree, "figure") == ["figure-scaling", "figure-latency"]
    assert words("chart.scaling.caption_none") in text(tree.find(".//figcaption"))
    assert "too few" in text(tree.find(".//section[@id='methods']"))


def test_a_plan_for_plain_arrivals_speaks_of_requests(whole: Material, words: Words, tmp_path: Path) -> None:
    assert whole.planned is not None
    plan = whole.planned.plan
    question = replace(plan.question, patients=None, think_time_s=None)
    limits = tuple(replace(limit, patients=None) for limit in plan.limits)
    answer = replace(plan.answer, promised_patients=None)
    plain = replace(plan, question=question, limits=limits, answer=answer)
    tree = rendered(replace(whole, planned=replace(whole.planned, plan=plain)), words, tmp_path)

    assert text(tree.find(".//h1")) == words("brief.title_arrivals", rate=words.number(plan.question.arrivals_per_s))
    assert text(tree.find(".//figure[@id='figure-cost']/h3")) == words("chart.cost.title_arrivals")
    assert NOTHING.findall(text(tree.find(".//main"))) == []


def test_a_plan_that_does_not_hold_promises_nothing(whole: Material, words: Words, tmp_path: Path) -> None:
    assert whole.planned is not None
    plan = whole.planned.plan
    promised = words("card.promised_patients", patients=saying.about(plan.answer.promised_patients or 0, words))
    answer = replace(plan.answer, holds=False, promised_patients=None, promised_per_s=None)
    before = rendered(whole, words, tmp_path)
    tree = rendered(replace(whole, planned=replace(whole.planned, plan=replace(plan, answer=answer))), words, tmp_path)

    assert " ".join(promised.split()) in text(before)
    assert words("card.promised_patients", patients="").split(":")[0] not in text(tree)
    assert NOTHING.findall(text(tree.find(".//main"))) == []


@pytest.mark.parametrize(
    ("refused_by", "key"),
    [("replicas", "replicas"), ("prices", "prices"), ("postgres", "part"), ("connections", "part")],
)
def test_the_caption_of_the_costs_says_why_larger_demands_have_none(
    refused_by: str, key: str, whole: Material, words: Words, tmp_path: Path
) -> None:
    assert whole.planned is not None
    plan = whole.planned.plan
    last = replace(plan.cost_series[-1], replicas=None, refusal="no", refused_by=refused_by, costs=())
    series = (*plan.cost_series[:-1], last)
    tree = rendered(
        replace(whole, planned=replace(whole.planned, plan=replace(plan, cost_series=series))), words, tmp_path
    )
    part = words.find(f"part.{refused_by}", "")

    assert words(f"chart.cost.refused_{key}", part=part) in text(tree.find(".//figure[@id='figure-cost']/figcaption"))


def test_the_costs_say_what_the_autoscaler_is_assumed_to_do(tree: Element, words: Words) -> None:
    told = text(tree.find(".//section[@id='costs']"))
    costs, least = evidence.plan().costs, evidence.plan().needs.autoscaling.replicas_min
    lead = words("costs_table.lead", counted="", not_counted="", hours="60", min=words.number(least))

    assert lead.rpartition(".")[0].rpartition(". ")[2] in told
    assert all(words(f"counted.{name}") in told for name in (*costs.counted, *costs.not_counted))


def test_more_cautions_than_the_first_page_holds_are_told_further_on(
    whole: Material, words: Words, tmp_path: Path
) -> None:
    assert whole.planned is not None
    many = tuple(Caution(f"thing_{number}", number) for number in range(CAUTIONS_SHOWN + 3))
    plan = replace(whole.planned.plan, cautions=many)
    tree = rendered(replace(whole, planned=replace(whole.planned, plan=plan)), words, tmp_path)

    first = tree.findall(".//section[@id='cautions']//li")
    assert len(first) == CAUTIONS_SHOWN + 1
    assert "thing_9" in text(tree.find(".//section[@id='methods']"))


def test_a_caution_that_this_version_does_not_know_is_named(words: Words) -> None:
    assert caution_text(Told("something_new", 1.5), words).startswith("something_new: 1")
