"""What a report holds the system to: the objectives of the sweep, for its scenario."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slotrush import capacity_report, slo
from slotrush.capacity_report import evidence as found
from slotrush.capacity_report import figures, page, promises, saying
from slotrush.capacity_report.answer import judge
from slotrush.capacity_report.charts import latency as chart
from slotrush.capacity_report.charts import replicas
from slotrush.capacity_report.material import Checked, Material, Planned, Swept
from slotrush.errors import BadInputError
from slotrush.report.files import Format
from slotrush.report.words import Words
from slotrush.slo import Availability, Latency, Objectives, TimedFrom
from slotrush.sweep.model import SCENARIO
from tests.slotrush.capacity_report import evidence
from tests.slotrush.report.reading import read_page, text

FILE = Path("plan.json")


def latency(name: str, target: float, threshold_ms: float, endpoints: str = "bookings") -> Latency:
    return Latency(
        name=name,
        title=name,
        position=None,
        endpoints=endpoints,
        target=target,
        window_s=60,
        threshold_ms=threshold_ms,
        timed_from=TimedFrom.INTENDED_START,
    )


def availability(name: str, target: float, endpoints: str = "all") -> Availability:
    return Availability(name=name, title=name, position=None, endpoints=endpoints, target=target, window_s=60)


def objectives(*every: slo.Objective, **changes: Any) -> Objectives:
    """Of slotrush's own classes; `changes` are those of the sweep's scenario."""
    return replace(slo.load(), every=every, scenarios={SCENARIO: changes})


def planned(own: Objectives) -> Material:
    return Material(planned=Planned(FILE, replace(evidence.plan(), objectives=slo.to_json(own))))


def test_a_plan_alone_is_held_to_the_objectives_that_it_carries(words: Words, tmp_path: Path) -> None:
    own = objectives(availability("most", 0.97), latency("slow", 0.99, 1234))
    path = tmp_path / "capacity.html"
    capacity_report.write(planned(own), {words.language: path}, Format.HTML, evidence.TODAY)
    question = text(read_page(path).find(".//p[@class='question']"))

    assert " ".join(saying.promise(own, words).split()) in question
    assert " ".join(words.percent(0.97).split()) in question
    assert " ".join(words.percent(0.999).split()) not in question


def test_the_objectives_of_a_plan_outlive_the_file_that_its_sweep_names() -> None:
    swept = evidence.sweep()
    gone = replace(swept, settings=replace(swept.settings, slo="/nowhere/slo.yaml"))
    own = objectives(availability("most", 0.97))

    kept = promises.objectives(replace(planned(own), swept=Swept(FILE, gone)))
    assert slo.to_json(kept) == slo.to_json(own)
    with pytest.raises(BadInputError, match=r"/nowhere/slo\.yaml"):
        promises.objectives(Material(swept=Swept(FILE, gone)))


def test_a_plan_whose_objectives_are_none_is_bad_input() -> None:
    broken = Material(planned=Planned(FILE, replace(evidence.plan(), objectives={"every": []})))

    with pytest.raises(BadInputError, match=r"plan plan\.json.*objectives"):
        promises.objectives(broken)


def test_promises_are_those_of_the_sweeps_scenario(words: Words) -> None:
    every = (latency("late", 0.99, 300), latency("other", 0.99, 400, "reads"))
    own = objectives(*every, late={"threshold_ms": 750}, other={"skip": "it reads nothing"})

    assert promises.made(own) == (latency("late", 0.99, 750),)
    assert words.milliseconds(750) in saying.promise(own, words)
    assert words("class.reads") not in saying.promise(own, words)


def test_the_availability_of_all_requests_is_not_held_to_the_objective_of_a_class() -> None:
    own = objectives(availability("all", 0.99), availability("bookings", 0.9999999, "bookings"))
    lowest = evidence.plan().answer.usual.availability.low

    assert lowest is not None
    assert 0.99 < lowest < 0.9999999
    assert "availability" not in [caution.key for caution in judge(planned(own), own).cautions]
    assert promises.availability_target(own) == 0.99
    assert promises.availability_target(objectives(own.every[1])) is None
    assert promises.availability_target(objectives(*own.every, all={"skip": "none"})) is None


def test_a_scale_check_is_held_to_the_objective_of_its_own_scenario(
    words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(objectives(availability("all", 0.99)), scenarios={"clinic_day": {"all": {"target": 0.95}}})

    targets: list[float | None] = []

    def draw(_: object, target: float | None, *_rest: object) -> str:
        targets.append(target)
        return "<svg/>"

    monkeypatch.setattr(replicas, "draw", draw)
    figures.of(Material(checked=Checked(FILE, evidence.check())), None, own, words)

    assert targets == [0.95]
    assert promises.availability_target(own) == 0.99


def test_99_of_100_are_held_to_what_is_promised_for_99_of_100(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    own = objectives(
        latency("first", 0.99, 700),
        latency("strict", 0.999, 900),
        latency("half", 0.5, 90),
        latency("skipped", 0.99, 80),
        latency("reads", 0.99, 333, "reads"),
        skipped={"skip": "none"},
        reads={"threshold_ms": 444},
    )
    limits: list[Mapping[str, float]] = []

    def draw(_: object, objectives_ms: Mapping[str, float], *_rest: object) -> str:
        limits.append(objectives_ms)
        return "<svg/>"

    monkeypatch.setattr(chart, "draw", draw)
    material = planned(own)
    figures.of(material, found.of(material, own), own, words)

    assert limits == [{"bookings": 700, "reads": 444}]


def test_where_nothing_is_promised_nothing_is_said_of_promises(words: Words, tmp_path: Path) -> None:
    own = objectives()
    answer = evidence.plan().answer
    classes = tuple(replace(one, objective_ms=None) for one in answer.classes)
    plan = replace(evidence.plan(), answer=replace(answer, classes=classes))
    path = tmp_path / "page.html"
    path.write_text(page.render(Material(planned=Planned(FILE, plan)), own, "2026-11-21", words, {}), encoding="utf-8")
    tree = read_page(path)

    assert text(tree.find(".//p[@class='question']")).endswith(words("brief.copy"))
    for name in ("waiting", "available"):
        assert "\u2013" not in text(tree.find(f".//*[@data-figure='{name}']"))
    assert words("chart.latency.caption_promised") not in text(tree.find(".//figure[@id='figure-latency']"))
    assert "availability" not in [caution.key for caution in judge(Material(planned=Planned(FILE, plan)), own).cautions]
