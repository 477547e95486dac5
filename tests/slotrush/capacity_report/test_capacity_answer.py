"""What a report answers, by what there is and what it says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slotrush import slo
from slotrush.capacity.plan_document import Caution, PlanDocument, Span
from slotrush.capacity_report.answer import Kind, judge
from slotrush.capacity_report.material import Checked, Material, Measured, Planned, Swept
from slotrush.capacity_report.runs import Audit, RunFigures
from slotrush.gate.verdict import Outcome
from slotrush.sweep.model import Audited
from tests.slotrush.capacity_report import evidence

FILE = Path("file.json")


def sure(**changes: Any) -> PlanDocument:
    """A plan that nothing speaks against but what always does."""
    return replace(evidence.plan(), cautions=(Caution("one_machine", 2.0),), **changes)


def material(plan: PlanDocument | None = None, outcome: Outcome = Outcome.PASS, **changes: Any) -> Material:
    planned = None if plan is None else Planned(FILE, plan)
    checked = Checked(FILE, replace(evidence.check(), outcome=outcome))
    return replace(Material(planned=planned, checked=checked), **changes)


def answered(what: Material) -> Kind:
    return judge(what, slo.load()).kind


def keys(what: Material) -> list[str]:
    return [caution.key for caution in judge(what, slo.load()).cautions]


def test_a_plan_that_holds_with_nothing_against_it_is_a_yes() -> None:
    assert answered(material(sure())) is Kind.YES


def test_what_always_holds_is_told_but_is_no_reservation() -> None:
    assert keys(material(sure())) == ["one_machine", "compressed"]


def test_without_a_plan_nothing_is_answered() -> None:
    assert answered(material()) is Kind.OPEN


def test_a_plan_that_does_not_hold_is_a_no() -> None:
    plan = sure(answer=replace(evidence.plan().answer, holds=False))
    assert answered(material(plan)) is Kind.NO


@pytest.mark.parametrize(
    "key", ["held_out_missed", "no_held_out", "strangers", "unaudited", "does_not_hold", "a_later_version"]
)
def test_a_caution_of_the_plan_is_a_reservation(key: str) -> None:
    plan = replace(evidence.plan(), cautions=(Caution(key, 1.5),))
    assert answered(material(plan)) is Kind.RESERVED
    assert keys(material(plan)) == [key, "compressed"]


@pytest.mark.parametrize(("value", "kind"), [(0.8, Kind.YES), (2.4, Kind.RESERVED)])
def test_more_replicas_than_were_measured_are_a_reservation(value: float, kind: Kind) -> None:
    assert answered(material(replace(evidence.plan(), cautions=(Caution("extrapolated", value),)))) is kind


def test_answers_that_may_be_slower_than_promised_are_a_reservation() -> None:
    answer = evidence.plan().answer
    classes = tuple(
        replace(one, usual_ms=Span(200.0, 450.0, 620.0)) if one.endpoint_class == "bookings" else one
        for one in answer.classes
    )
    assert "slow" in keys(material(sure(answer=replace(answer, classes=classes))))


def test_answers_that_may_be_slower_than_promised_after_failures_are_a_reservation() -> None:
    answer = evidence.plan().answer
    classes = tuple(
        replace(one, usual_ms=Span(90.0, 100.0, 120.0), after_failures_ms=Span(200.0, 450.0, 620.0))
        if one.endpoint_class == "bookings"
        else one
        for one in answer.classes
    )
    found = keys(material(sure(answer=replace(answer, classes=classes))))

    assert "slow_after_failures" in found
    assert "slow" not in found


def test_an_availability_that_may_be_lower_than_promised_is_a_reservation() -> None:
    answer = evidence.plan().answer
    usual = replace(answer.usual, availability=Span(0.998, 0.9995, 1.0))
    assert "availability" in keys(material(sure(answer=replace(answer, usual=usual))))


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNDECIDED, Outcome.INVALID])
def test_a_scale_check_that_did_not_pass_is_a_reservation(outcome: Outcome) -> None:
    assert answered(material(sure(), outcome)) is Kind.RESERVED
    assert f"check_{outcome}" in keys(material(sure(), outcome))


def test_a_missing_scale_check_is_a_reservation() -> None:
    assert answered(material(sure(), checked=None)) is Kind.RESERVED


def test_a_promise_that_an_audit_found_broken_outweighs_the_plan() -> None:
    sweep = evidence.sweep()
    first, *others = sweep.points
    bad = replace(first, audits=(Audited(False, 100, {"double_bookings": 2}, ()),))
    swept = Swept(FILE, replace(sweep, points=(bad, *others)))
    run = RunFigures(1, "soak-1", "soak", 10, True, Audit(False, {"phantoms": 1}), 1.0)

    assert answered(material(sure(), swept=swept)) is Kind.BROKEN
    assert answered(material(sure(), runs=(Measured(FILE, run),))) is Kind.BROKEN


def test_a_plan_of_a_sweep_with_broken_promises_says_so_alone_and_once_with_its_sweep() -> None:
    plan = replace(evidence.plan(), cautions=(Caution("audit_broken", 2.0),))
    alone = judge(material(plan), slo.load())

    assert alone.kind is Kind.BROKEN
    assert [caution.name for caution in alone.cautions if caution.key == "audit_broken"] == [plan.source.sweep_id]
    assert "audit_broken" not in keys(material(plan, swept=Swept(FILE, evidence.sweep())))


def test_old_prices_are_told_but_are_no_reservation() -> None:
    plan = replace(evidence.plan(), cautions=(Caution("prices_old", 325.0),))
    assert answered(material(plan)) is Kind.YES
    assert "prices_old" in keys(material(plan))


def test_a_run_that_measured_wrongly_is_a_reservation() -> None:
    run = RunFigures(1, "soak-1", "soak", 10, False, Audit(True, {}), 1.0)
    assert keys(material(sure(), runs=(Measured(FILE, run),)))[-1] == "run_invalid"
