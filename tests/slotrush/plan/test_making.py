"""The plan as a document: what a sweep of a known law says of 20,000 patients."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush import slo
from slotrush.capacity.plan_document import Caution, PlanDocument, Span
from slotrush.capacity.planning import Policy
from slotrush.capacity.prices import EXAMPLE_PRICES, read_prices
from slotrush.capacity.scaling import Form
from slotrush.capacity.scaling_law import Law
from slotrush.errors import BadInputError
from slotrush.plan.making import make, p99_objectives_ms
from slotrush.plan.measured import Database
from slotrush.sweep.model import SCENARIO, Audited
from tests.slotrush.plan.planned import ASKED, DAY, LAW, document, for_patients, made, sweep
from tests.slotrush.sweep.swept import REQUESTS_PER_ARRIVAL


def holds(span: Span, value: float) -> bool:
    return (span.low or 0.0) <= value <= (math.inf if span.high is None else span.high)


def keys(of: PlanDocument) -> set[str]:
    return {caution.key for caution in of.cautions}


def test_the_replicas_hold_the_demand_and_its_head_room_by_the_law_behind_the_sweep() -> None:
    answer = document().answer
    true_per_s = LAW.throughput(answer.replicas - 1) * REQUESTS_PER_ARRIVAL

    assert true_per_s >= 1.3 * 1_000
    assert holds(answer.after_failures.capacity_per_s, true_per_s)
    assert answer.promised_patients is not None
    assert answer.promised_patients >= 20_000
    assert answer.after_failures.capacity_per_s.mid is not None
    assert answer.margin_after_failures.mid == pytest.approx(answer.after_failures.capacity_per_s.mid / 1_000 - 1)
    assert answer.holds


def test_the_points_up_to_four_predict_those_at_six_and_eight_within_five_per_cent() -> None:
    held_out = document().law.held_out

    assert held_out is not None
    assert [point.replicas for point in held_out.points] == [6, 8]
    assert all(point.within_target and abs(point.error) <= 0.05 for point in held_out.points)


def test_each_point_has_its_distance_from_the_law() -> None:
    found = document()
    drawn = {point.replicas: point.throughput_per_s.mid for point in found.law.curve}

    for point in found.source.points:
        by_law = drawn[point.replicas]
        assert by_law is not None
        assert point.throughput_per_s is not None
        assert point.throughput_per_s.mid is not None
        assert point.residual is not None
        assert point.throughput_per_s.mid == pytest.approx(by_law * (1 + point.residual))


def test_the_autoscaler_goes_from_a_quiet_hour_to_the_peak() -> None:
    found = document()
    scaling = found.needs.autoscaling

    assert 1 < scaling.replicas_min < 10 < found.answer.replicas < scaling.replicas_max
    assert scaling.target_utilisation_percent == pytest.approx(80 / 1.3 / 1.1, abs=5)


def test_what_breaks_first_has_the_lowest_limit_and_is_said_in_patients() -> None:
    found = document()

    assert found.breaks_first.name == "replicas"
    assert found.breaks_first.patients is not None
    limits = [limit.rate_per_s.mid or 0.0 for limit in found.limits]
    assert limits == sorted(limits)
    assert {limit.name for limit in found.limits} == {"replicas", "proxy", "valkey", "postgres", "notifier"}


def test_a_database_that_cannot_grow_does_not_hold() -> None:
    small = made(sweep(), replace(ASKED, database=Database(cpu_m_max=100)))
    crowded = made(sweep(), replace(ASKED, database=Database(connections_max=25)))

    assert small.breaks_first.name == "postgres"
    assert not small.breaks_first.carries
    assert [small.answer.holds, crowded.answer.holds] == [False, False]
    assert "does_not_hold" in keys(small) & keys(crowded)
    assert {one.answer.promised_per_s for one in (small, crowded)} == {None}
    assert {one.answer.promised_patients for one in (small, crowded)} == {None}


def test_the_response_times_are_those_that_were_measured_at_this_share() -> None:
    (reads,) = document().answer.classes

    assert reads.endpoint_class == "reads"
    assert reads.objective_ms == 300
    assert reads.usual_ms is not None
    assert reads.after_failures_ms is not None
    assert 50 < (reads.usual_ms.mid or 0) <= (reads.after_failures_ms.mid or 0) < 300


def test_plain_arrivals_have_no_patients() -> None:
    found = made(sweep(), replace(ASKED, patients=None, arrivals_per_s=300.0))

    assert found.question.patients is None
    assert found.answer.promised_patients is None
    assert found.breaks_first.patients is None
    assert found.answer.promised_per_s is not None
    assert found.answer.promised_per_s >= 300


def test_beyond_the_measured_replicas_it_is_said() -> None:
    near = made(sweep(), for_patients(2_000))

    assert "extrapolated" in keys(document())
    assert document().answer.extrapolation == document().answer.replicas / 8
    assert "extrapolated" not in keys(near)


def test_a_law_that_was_not_tested_or_missed_is_said_to_be() -> None:
    untested = made(sweep(replicas=(1, 2, 3, 4)), for_patients(2_000))
    breaking = made(sweep(law=Law(34.0, 0.004, 0.01)), for_patients(2_000))

    assert "no_held_out" in keys(untested)
    assert "held_out_missed" in keys(breaking)
    assert breaking.law.held_out is not None
    assert [point.within_target for point in breaking.law.held_out.points] == [False, False]
    assert "coherency_seen" in keys(breaking), "the declared form has none"


def test_promises_that_were_broken_while_measuring_come_first() -> None:
    point = sweep().points[-1]
    broken = replace(point, audits=(Audited(False, 100, {"double_bookings": 2}, ()),))

    assert made(sweep().having(broken)).cautions[0] == Caution("audit_broken", 2.0)
    assert "audit_broken" not in keys(document())


def test_swarms_that_no_audit_covers_are_counted() -> None:
    point = sweep().points[-1]
    assert Caution("unaudited", float(len(point.probes))) in made(sweep().having(replace(point, audits=()))).cautions
    assert "unaudited" not in keys(document())


def test_a_machine_whose_pace_changed_is_told_with_the_slowest() -> None:
    point = sweep().points[-1]
    slow = replace(point, probes=(replace(point.probes[0], pace=0.7), *point.probes[1:]))

    assert Caution("pace", 0.7) in made(sweep().having(slow)).cautions
    assert "pace" not in keys(document())


def test_prices_that_are_old_are_said_to_be(tmp_path: Path) -> None:
    """The plan is of 21 November."""
    old, fresh = (tmp_path / name for name in ("old.toml", "fresh.toml"))
    text = re.sub(r"read_on = .*", "read_on = 2026-11-01", EXAMPLE_PRICES.read_text())
    fresh.write_text(text)
    old.write_text(text.replace("2026-11-01", "2026-08-01", 1))

    assert "prices_old" not in keys(made(sweep(), prices=fresh))
    assert Caution("prices_old", 112.0) in made(sweep(), prices=old).cautions


def test_what_the_amounts_are_for_is_said() -> None:
    unpooled = tuple(
        replace(point, probes=tuple(replace(probe, transactions_s=None) for probe in point.probes))
        for point in sweep().points
    )

    assert "poolers" in document().costs.counted
    assert "poolers" not in made(replace(sweep(), points=unpooled)).costs.counted
    assert {"notifier", "images"} <= set(document().costs.not_counted)


def test_the_form_is_the_one_that_the_sweep_declared() -> None:
    universal = replace(sweep(), settings=replace(sweep().settings, law=Form.UNIVERSAL))

    assert document().law.form is Form.AMDAHL
    assert made(universal, for_patients(2_000)).law.form is Form.UNIVERSAL


def test_the_knee_is_where_contention_takes_half() -> None:
    law = document().law
    assert law.sigma.high is not None
    assert law.knee_replicas.low == pytest.approx(1 / law.sigma.high, rel=0.05)


def test_the_objectives_of_the_sweep_are_in_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(slo.load().path.read_text("utf-8").replace("fasterThanMs: 300", "fasterThanMs: 450"))
    own = slo.load(path)
    told = PlanDocument.from_json(make(sweep(), ASKED, read_prices(), own, DAY).to_json())

    assert slo.to_json(slo.from_json(told.objectives, "plan")) == slo.to_json(own)
    assert told.answer.classes[0].objective_ms == 450


def test_what_the_scenario_is_not_held_to_is_no_objective_of_a_class() -> None:
    own = replace(slo.load(), scenarios={SCENARIO: {"reads-latency": {"skip": "it is not held to it"}}})

    assert p99_objectives_ms(own) == {"bookings": 500}


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (for_patients(0), "patients: 0 is not a positive number"),
        (for_patients(-5), "patients: -5 is not a positive number"),
        (for_patients(100, think_time_s=0), "think time"),
        (replace(ASKED, patients=None), "demand: it is to be said once"),
        (replace(ASKED, arrivals_per_s=5.0), "demand: it is to be said once"),
        (replace(ASKED, patients=None, arrivals_per_s=-1.0), "arrivals"),
        (replace(ASKED, peak_hours=800.0), "peak hours"),
        (replace(ASKED, policy=Policy(headroom=9.0)), "cannot be promised|autoscaling target"),
        (for_patients(2_000_000), "demand: .* requests per s"),
    ],
    ids=[
        "nobody",
        "fewer than nobody",
        "no think time",
        "no demand",
        "two demands",
        "negative arrivals",
        "a long month",
        "too much head-room",
        "too many",
    ],
)
def test_what_cannot_be_planned_is_refused_with_the_reason(asked: object, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        made(sweep(), asked)  # type: ignore[arg-type]
