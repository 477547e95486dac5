"""The law of a sweep, what it predicts, and when there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from slotrush import slo
from slotrush.capacity.bisect import Search
from slotrush.capacity.scaling import Form
from slotrush.capacity.scaling_law import Law
from slotrush.slo import Objectives
from slotrush.sweep import law
from slotrush.sweep.law import Found
from slotrush.sweep.model import Point, Settings, Sweep
from slotrush.sweep.utilisation import MACHINE, at_limit, limited_by
from tests.slotrush.sweep.swept import (
    LAW,
    OBJECTIVES,
    REQUESTS_PER_ARRIVAL,
    STRANGERS,
    Laboratory,
    empty,
    measured,
    reserve_for,
)

CAREFUL = Settings(tests_max=20, tolerance=0.02)


def test_the_law_behind_the_probes_is_found() -> None:
    found = law.of(measured(CAREFUL, Laboratory(scatter=0.01)), OBJECTIVES)
    assert isinstance(found, Found)
    assert found.law.law.gamma == pytest.approx(LAW.gamma * REQUESTS_PER_ARRIVAL, rel=0.05)
    assert found.universal is not None
    assert LAW.sigma in found.universal.sigma


def test_the_form_of_the_law_is_the_one_that_was_declared() -> None:
    sweep = measured(CAREFUL, Laboratory(scatter=0.01))
    amdahl, universal = (
        law.of(sweep, OBJECTIVES),
        law.of(replace(sweep, settings=replace(CAREFUL, law=Form.UNIVERSAL)), OBJECTIVES),
    )
    assert isinstance(amdahl, Found)
    assert isinstance(universal, Found)
    assert amdahl.law.kappa.high == 0
    assert universal.law == universal.universal
    assert LAW.kappa in universal.law.kappa
    assert [one.load for one in universal.held_out] == [one.load for one in amdahl.held_out]
    assert universal.as_json()["form"] == "universal"


def test_replicas_that_stay_idle_for_response_times_are_no_lack_of_scaling() -> None:
    """One alone can be used to four fifths, of many all but a fifth of one: they seem to scale better than linear."""
    linear = Law(gamma=LAW.gamma, sigma=0.0, kappa=0.0)
    found = law.of(measured(CAREFUL, Laboratory(scatter=0.005, law=linear)), OBJECTIVES)
    assert isinstance(found, Found)
    assert found.law.reserve == pytest.approx(reserve_for(linear), rel=0.03)
    assert found.law.law.gamma == pytest.approx(linear.gamma * REQUESTS_PER_ARRIVAL, rel=0.03)
    assert all(abs(one.error) < 0.05 for one in found.held_out)


def test_the_reserve_is_that_of_the_strictest_objective_and_of_the_points_that_the_test_may_see(tmp_path: Path) -> None:
    slow = tmp_path / "slo.yaml"
    slow.write_text(OBJECTIVES.path.read_text("utf-8").replace("fasterThanMs: 300", "fasterThanMs: 3000"))
    sweep = measured(CAREFUL, Laboratory())
    few = replace(sweep, points=tuple(point for point in sweep.points if point.replicas <= law.FIT_TO))

    def reserve(of: Sweep, objectives: Objectives = OBJECTIVES) -> float:
        found = law.of(of, objectives)
        assert isinstance(found, Found)
        return found.law.reserve

    assert reserve(sweep) == reserve(few)
    assert reserve(sweep, slo.load(slow)) < 0.7 * reserve(sweep)


def test_replicas_too_slow_for_an_objective_give_no_law() -> None:
    sweep = measured(CAREFUL, Laboratory(law=Law(gamma=2.0, sigma=0.0, kappa=0.0)))
    refusal = law.of(sweep, OBJECTIVES)
    assert isinstance(refusal, str)
    assert "the service alone takes" in refusal


def test_few_replicas_predict_more_of_them() -> None:
    found = law.of(measured(CAREFUL, Laboratory(scatter=0.01)), OBJECTIVES)
    assert isinstance(found, Found)
    assert [one.load for one in found.held_out] == [6, 8]
    assert all(abs(one.error) < 0.15 for one in found.held_out)


def test_without_quotas_there_is_no_law() -> None:
    shared = replace(CAREFUL, cpu_quota_m=None)
    refusal = law.of(measured(shared, Laboratory()), OBJECTIVES)
    assert isinstance(refusal, str)
    assert "no CPU quota" in refusal


def test_too_few_points_give_no_law() -> None:
    refusal = law.of(measured(replace(CAREFUL, replicas=(1, 2)), Laboratory()), OBJECTIVES)
    assert isinstance(refusal, str)
    assert "too few" in refusal


def test_three_points_give_the_declared_law_and_no_universal_one() -> None:
    found = law.of(measured(replace(CAREFUL, replicas=(1, 2, 3)), Laboratory()), OBJECTIVES)
    assert isinstance(found, Found)
    assert found.universal is None
    assert found.as_json()["universal"] is None


def test_a_machine_that_others_use_is_named_and_its_points_do_not_count() -> None:
    sweep = measured(replace(CAREFUL, replicas=(1, 2, 3, 4)), Laboratory(strangers=1.8))
    for point in sweep.points:
        assert limited_by(at_limit(point, sweep.settings, sweep.cores)) == MACHINE
        refusal = law.refusal(point, sweep)
        assert refusal is not None
        assert "1.8 of its 2 cores by other programs" in refusal
    assert isinstance(law.of(sweep, OBJECTIVES), str)


def test_a_point_that_was_not_measured_does_not_count() -> None:
    point = Point(2, Search(10, 100))
    sweep = empty(CAREFUL).having(point)
    assert law.refusal(point, sweep) == "its limit was not found"


def test_where_no_rate_was_low_enough_there_is_no_throughput() -> None:
    point = Point(1, Search(100, 200))
    laboratory = Laboratory()
    for rate in (150.0, 110.0):
        point = point.after(laboratory.probe(1, rate, CAREFUL))
    assert point.throughput_per_s is None


def test_the_machine_has_all_components_and_the_strangers() -> None:
    sweep = measured(replace(CAREFUL, replicas=(4,)), Laboratory())
    uses = at_limit(sweep.points[0], sweep.settings, sweep.cores)
    own = sum(use.cores for name, use in uses.items() if name != MACHINE)
    assert uses[MACHINE].cores == pytest.approx(own + STRANGERS)
    assert next(iter(uses)) == "app"
    assert uses["app"].of_cores == pytest.approx(4 * 0.06)


def test_a_component_that_is_fuller_than_the_replicas_is_named() -> None:
    sweep = measured(replace(CAREFUL, replicas=(4,), proxies=1), Laboratory())
    (point,) = sweep.points
    heavy = tuple(replace(probe, cores={**probe.cores, "valkey": 0.95}) for probe in point.probes)
    assert limited_by(at_limit(replace(point, probes=heavy), sweep.settings, sweep.cores)) == "valkey"
