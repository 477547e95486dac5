"""A plan's figures against demand."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.capacity import mva
from slotrush.capacity.demand import from_patients
from slotrush.capacity.plan_document import Pod
from slotrush.capacity.planning import Policy, Refusal, as_component, plan
from slotrush.capacity.prices import read_prices
from slotrush.capacity.scaling import Form
from slotrush.capacity.scaling_law import Law
from slotrush.plan.measured import Database, Known, known
from slotrush.plan.series import POOLER_CPU_M, POOLER_MEMORY_MIB, Priced, priced, response_series, scaled
from tests.slotrush.plan.planned import ASKED, document, for_patients, made, sweep
from tests.slotrush.sweep.swept import OBJECTIVES

PRICES = read_prices()
ROOT = Path(__file__).parents[3]


@cache
def told(form: Form) -> Known:
    """By a sweep whose law has this form."""
    return known(replace(sweep(), settings=replace(sweep().settings, law=form)), OBJECTIVES, Database(), standbys=1)


def plan_for(form: Form, patients: int, think_time_s: float, policy: Policy) -> Priced | None:
    of, demand = told(form), from_patients(patients, think_time_s)
    found = priced(of.measured, demand, policy, PRICES, of.pod, peak_hours=60.0)
    return found if isinstance(found, Priced) else None


@pytest.mark.parametrize("examples", [15, pytest.param(60, marks=pytest.mark.long)])
def test_more_patients_never_need_fewer_replicas_nor_cost_less(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(
        st.sampled_from(Form),
        st.integers(1, 40_000),
        st.integers(0, 20_000),
        st.floats(5, 120),
        st.floats(0, 1),
        st.integers(0, 3),
        st.floats(0.01, 1),
    )
    def holds(
        form: Form, patients: int, more: int, think_time_s: float, headroom: float, failures: int, quiet_share: float
    ) -> None:
        policy = Policy(headroom, failures, quiet_share)
        few, many = (plan_for(form, count, think_time_s, policy) for count in (patients, patients + more))

        if few is None:
            assert many is None, "what cannot be promised to some cannot be promised to more"
            return
        if many is None:
            return
        assert few.replicas <= many.replicas
        assert few.replicas_quiet <= many.replicas_quiet
        for cheaper, dearer in zip(few.costs, many.costs, strict=True):
            assert cheaper.always.usd <= dearer.always.usd
            assert cheaper.scaled.usd <= dearer.scaled.usd + 1e-9
            assert cheaper.scaled.usd <= cheaper.always.usd + 1e-9

    holds()


def test_the_series_has_the_plan_itself_in_it() -> None:
    found = document()
    (point,) = [point for point in found.cost_series if point.patients == 20_000]

    assert point.replicas == found.answer.replicas
    assert [cost.always for cost in point.costs] == [offer.always for offer in found.costs.offers]
    assert [cost.scaled for cost in point.costs] == [offer.scaled for offer in found.costs.offers]


def test_an_autoscaler_saves_what_its_replicas_cost_outside_the_peak_hours() -> None:
    """Of 730 hours it runs all replicas in 60; pods are billed by their number."""
    found = document()
    pods = next(offer for offer in found.costs.offers if offer.offer == "fargate-sa-east-1")
    spared = found.answer.replicas - found.needs.autoscaling.replicas_min
    pod_hour_usd = 0.25 * 0.0696 + 0.5 * 0.0076

    assert pods.always.usd - pods.scaled.usd == pytest.approx(spared * pod_hour_usd * (730 - 60))


def test_from_the_first_demand_that_cannot_be_promised_on_there_is_only_the_reason() -> None:
    found = made(sweep(law=Law(34.0, 0.05, 0.0)), for_patients(5_000)).cost_series
    planned = [point.replicas is not None for point in found]

    assert planned == sorted(planned, reverse=True)
    assert 10 <= sum(planned) < len(planned), "the demand itself can be promised, and twice as much cannot"
    assert all(point.refusal and not point.costs for point in found if point.replicas is None)
    assert {point.refused_by for point in found if point.replicas is None} == {"replicas"}
    assert all(point.refusal is None and point.costs for point in found if point.replicas is not None)


def test_twice_the_patients_ask_twice_as_often() -> None:
    twice = scaled(from_patients(100, 20.0), 2.0)

    assert twice.arrivals_per_s.mid == 10
    assert twice.patients(10) == pytest.approx(200)


def test_a_demand_that_a_part_beside_the_replicas_does_not_carry_has_no_price() -> None:
    """A database of so little CPU carries 20,000 patients, and not twice as many."""
    found = made(sweep(), replace(ASKED, database=Database(cpu_m_max=350)))
    refused = [point for point in found.cost_series if point.replicas is None]

    assert found.answer.holds
    assert 0 < len(refused) < 10
    assert {point.refused_by for point in refused} == {"postgres"}
    assert all((point.refusal or "").startswith("postgres carries") for point in refused)
    assert all(point.arrivals_per_s > found.question.arrivals_per_s for point in refused)


def test_a_demand_that_needs_more_connections_than_there_are_has_no_price() -> None:
    found = made(sweep(), replace(ASKED, database=Database(connections_max=33))).cost_series

    assert "connections" in {point.refused_by for point in found}


def test_a_pod_that_an_offer_has_no_size_for_is_refused_by_the_prices() -> None:
    of = told(Form.AMDAHL)
    huge = priced(of.measured, from_patients(500, 20.0), Policy(), PRICES, Pod(1_000_000, 512), peak_hours=60.0)

    assert isinstance(huge, Refusal)
    assert huge.by == "prices"


def test_the_poolers_are_paid_for_as_the_manifest_asks() -> None:
    """Two poolers more, which are billed by their number as all pods of this offer."""
    of = told(Form.AMDAHL)
    demand = from_patients(500, 20.0)
    without = replace(of.measured, database=None)
    dear, cheap = (
        priced(measured, demand, Policy(), PRICES, of.pod, peak_hours=60.0) for measured in (of.measured, without)
    )
    manifests = yaml.safe_load_all((ROOT / "k8s/data/postgres.yaml").read_text("utf-8"))
    (pooler,) = [one for one in manifests if one["kind"] == "Pooler"]
    (container,) = pooler["spec"]["template"]["spec"]["containers"]

    assert container["resources"]["requests"] == {"cpu": f"{POOLER_CPU_M}m", "memory": f"{POOLER_MEMORY_MIB}Mi"}
    assert isinstance(dear, Priced)
    assert isinstance(cheap, Priced)
    offer = "fargate-sa-east-1"
    usd = [next(cost.always.usd for cost in one.costs if cost.offer == offer) for one in (dear, cheap)]
    assert usd[0] - usd[1] == pytest.approx(2 * (0.25 * 0.0696 + 0.5 * 0.0076) * 730)


def test_patients_who_wait_are_answered_a_fifth_slower_than_by_exact_analysis_at_most() -> None:
    """The series takes the replicas as one fast station and a delay; exact are as many servers with one queue."""
    measured = told(Form.AMDAHL).measured
    found = plan(measured, from_patients(500, 20.0), Policy())
    saturation_per_s = found.predicted.capacity_per_s.mid / measured.utilisation_at_limit
    tiers = [as_component(use, need) for use, need in zip(measured.tiers, found.tiers, strict=True)]
    beside = [mva.Station(tier.name, tier.cpu.s_per_request.mid / tier.for_requests_cores) for tier in tiers]
    replicas = mva.multi_server("replicas", found.replicas / saturation_per_s, found.replicas)
    exact = mva.solve([replicas, *beside], 1_500, 20.0).responses_s

    for point in response_series(measured, found):
        assert point.patients is not None
        assert point.closed_mean_s is not None
        assert 1 <= point.closed_mean_s / exact[point.patients - 1] + 1e-6 <= 1.2


def test_open_arrivals_are_slow_near_saturation_and_patients_who_wait_slow_themselves_down() -> None:
    series = made(sweep(), for_patients(2_000)).response_series
    usual, triple = series[9], series[-1]

    assert usual.mean_s is not None
    assert usual.closed_mean_s == pytest.approx(usual.mean_s, rel=0.5)
    assert triple.mean_s is None, "three times the demand is more than the replicas can do"
    assert triple.closed_mean_s is not None
    assert triple.closed_mean_s > 5 * usual.mean_s
