"""Rushes that are played through in advance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slotrush import slo
from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.plant import Parts
from slotrush.autoscale.spec import PodsMetric, ResourceMetric
from slotrush.errors import BadInputError
from slotrush.scaling import demands, simulating, tables
from slotrush.scaling.charts import of_answers
from slotrush.scaling.demands import ClassDemand, Demands
from slotrush.scaling.simulating import Rush, System, answer, arrivals, busiest_per_s, needed

HPA = read_hpa(Path(__file__).parents[3] / "k8s" / "base" / "hpa.yaml")
SYSTEM = System(HPA, Parts(cpu_quota=1.0, connections_per_replica=32, timeout_s=60.0), 250, 2)
COSTS = demands.given(0.001)
CALM, STORM = Rush(2_000, 60.0), Rush(300_000, 60.0)


def test_every_patient_makes_so_many_requests_and_thinks_before_each_but_the_first() -> None:
    asked_s = arrivals(Rush(10_000, 60.0, requests_each=2.5, think_s=20.0), np.random.default_rng(1))
    at_once_s = arrivals(Rush(10_000, 60.0, requests_each=2.0, think_s=0.0), np.random.default_rng(1))

    assert len(asked_s) == pytest.approx(25_000, rel=0.02)
    assert np.all(np.diff(asked_s) >= 0)
    assert asked_s[0] >= 0
    # The first requests are uniform over a minute, the second and third later by thoughts of 20 s.
    assert asked_s.mean() == pytest.approx((30 * 1 + 50 * 1 + 70 * 0.5) / 2.5, rel=0.03)
    assert at_once_s.max() < 60
    assert np.array_equal(at_once_s[::2], at_once_s[1::2])


def test_a_calm_minute_holds_and_a_storm_does_not() -> None:
    calm, storm = (answer(rush, SYSTEM, COSTS, slo.load(), seed=1) for rush in (CALM, STORM))

    assert calm.holds
    assert calm.replicas_max == HPA.min_replicas
    assert not storm.holds
    assert storm.replicas_max > HPA.min_replicas
    assert storm.replicas_needed is not None
    assert storm.replicas_needed > HPA.max_replicas


def test_more_replicas_from_the_beginning_hold_what_two_do_not() -> None:
    rush = Rush(150_000, 60.0)

    few, many = (answer(rush, replace(SYSTEM, replicas=count), COSTS, slo.load(), seed=1) for count in (2, 18))

    assert not few.holds
    assert many.holds


def test_the_same_seed_is_the_same_answer() -> None:
    one, same, other = (answer(CALM, SYSTEM, COSTS, slo.load(), seed) for seed in (1, 1, 2))

    assert replace(one, compute_s=0.0) == replace(same, compute_s=0.0)
    assert one.p99_s != other.p99_s


def test_what_the_peak_needs_is_at_the_autoscalers_target() -> None:
    """60 % of 250 m are 150 m each, of which 30 m go for nothing, and 20 m for what others change."""
    idling, hearing = replace(COSTS, idle_cores=0.03), replace(COSTS, idle_cores=0.03, echo_s=0.02 / 1200)

    assert needed(1200, COSTS, SYSTEM) == 8
    assert needed(1200, idling, SYSTEM) == 10
    assert needed(1200, hearing, SYSTEM) == 12


def test_the_peak_needs_as_many_as_the_strictest_target() -> None:
    counted = replace(SYSTEM.hpa, metrics=(*SYSTEM.hpa.metrics, PodsMetric("http_requests_per_second", 100_000)))

    assert needed(1200, COSTS, replace(SYSTEM, hpa=counted)) == 12


def test_an_average_of_cpu_is_a_target_too() -> None:
    average = replace(SYSTEM.hpa, metrics=(*SYSTEM.hpa.metrics, ResourceMetric("cpu", average_m=100)))

    assert needed(1200, COSTS, replace(SYSTEM, hpa=average)) == 12
    assert needed(1200, COSTS, replace(SYSTEM, hpa=replace(average, metrics=average.metrics[-1:]))) == 12


def test_the_busiest_window_is_wherever_it_begins() -> None:
    assert busiest_per_s(np.array([0.0, 4.0, 14.0, 16.0, 18.0, 40.0]), 15.0) == pytest.approx(4 / 15)


def test_the_peak_of_a_short_rush_is_as_long_as_the_rush() -> None:
    """4,000 a second of 1 ms, on replicas that are at their target with 150 m."""
    found = answer(Rush(20_000, 5.0), SYSTEM, COSTS, slo.load(), seed=1)

    assert found.replicas_needed == 27


def test_no_number_is_enough_where_each_further_replica_costs_more_than_it_bears() -> None:
    assert needed(1200, replace(COSTS, echo_s=0.001), SYSTEM) is None


def test_objectives_are_held_against_the_classes_that_were_played() -> None:
    classes = (ClassDemand("reads", 0.9, 0.0005), ClassDemand("bookings", 0.1, 0.002))
    found = answer(CALM, SYSTEM, Demands("a test", classes, 0.0, 0.0002, 0.0, 1.0), slo.load(), seed=1)

    assert [share.objective for share in found.shares] == ["availability", "bookings-latency", "reads-latency"]
    assert found.holds


def test_curves_end_with_the_simulation_and_are_short_enough_to_show() -> None:
    curves = answer(Rush(2_000, 900.0), SYSTEM, COSTS, slo.load(), seed=1).curves

    lengths = {len(getattr(curves, name)) for name in ("at_s", "requests_per_s", "good_share", "wanted", "serving")}
    assert len(lengths) == 1
    assert lengths.pop() <= simulating.CURVE_POINTS + 1
    step_s = curves.at_s[1]
    assert sum(rate * step_s for rate in curves.requests_per_s) == pytest.approx(2_000, rel=0.01)


def test_the_json_has_the_question_and_the_answer() -> None:
    found = answer(CALM, SYSTEM, COSTS, slo.load(), seed=1)

    content = json.loads(simulating.as_json([found], SYSTEM, COSTS, seed=1))

    [one] = content["answers"]
    assert one["rush"]["patients"] == 2_000
    assert one["holds"] is True
    assert one["shares"][0]["objective"] == "availability"
    assert content["system"]["hpa"]["max_replicas"] == HPA.max_replicas
    assert content["demands"]["own_cpu_s"] == pytest.approx(0.001)


@pytest.mark.parametrize("count", [1, 3])
def test_a_chart_shows_each_simulation(count: int) -> None:
    found = [answer(CALM, SYSTEM, COSTS, slo.load(), seed) for seed in range(count)]

    chart = of_answers(found)

    assert chart.startswith("<svg")
    assert chart.count("2,000 patients: up to 2 replicas, holds") == count


def test_shares_are_never_rounded_up() -> None:
    assert (tables.floored(0.9999999), tables.floored(1.0)) == ("99.999 %", "100 %")


@pytest.mark.parametrize(
    ("rush", "problem"),
    [
        (Rush(0, 60.0), "must be 1 to"),
        (Rush(30_000_000, 60.0), "must be 1 to"),
        (Rush(10, 60.0, requests_each=0.5), "must be from 1 to 1000"),
        (Rush(10, 0.0), "must be from 0.001 s"),
        (Rush(10, 60.0, think_s=-1.0), "must be from 0 s"),
    ],
    ids=["nobody", "too many", "no request", "no time", "negative thought"],
)
def test_a_rush_that_cannot_be_is_named(rush: Rush, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        answer(rush, SYSTEM, COSTS, slo.load(), seed=1)
