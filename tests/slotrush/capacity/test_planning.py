"""Plans: enough replicas, what goes with them, what is predicted, and what breaks first."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.autoscale.hpa import Controller
from slotrush.autoscale.observed import Metrics, Pod, Sample
from slotrush.autoscale.spec import TOLERANCE, Behaviour, Hpa, PodsMetric, ResourceMetric, ScalingRules
from slotrush.autoscale.spec import Policy as ScalingPolicy
from slotrush.capacity import needs
from slotrush.capacity.bottleneck import Component
from slotrush.capacity.demand import FittedCapacity, from_arrivals, from_patients
from slotrush.capacity.intervals import Floats, Interval, draw, exactly
from slotrush.capacity.laws import CpuUse
from slotrush.capacity.needs import DatabaseUse, TierUse
from slotrush.capacity.planning import Measured, Plan, Policy, plan, predict
from slotrush.capacity.scaling_law import Law
from slotrush.capacity.usl import fit
from slotrush.errors import BadInputError

LAW = Law(60, 0.005, 0.0001)
ERRORS = (1.005, 0.995, 1.01, 0.995, 1.0, 0.99, 1.005, 1.0)
LOADS = (1, 2, 3, 4, 6, 8, 12, 16)
SWEPT = FittedCapacity(fit(LOADS, [LAW.throughput(n) * e for n, e in zip(LOADS, ERRORS, strict=True)], resamples=500))


@dataclass(frozen=True)
class Linear:
    """A capacity in which n replicas take n times as much as one."""

    replica_per_s: Interval
    replicas_useful_max: float = math.inf

    def per_s(self, replicas: int) -> Interval:
        one = self.replica_per_s
        return Interval(replicas * one.low, replicas * one.mid, replicas * one.high)

    def draws_per_s(self, replicas: int, size: int, seed: int) -> Floats:
        return np.asarray(replicas * draw(self.replica_per_s, size, np.random.default_rng(seed)))


DATABASE = Component("database", CpuUse(Interval(0.10 / 224, 0.11 / 224, 0.12 / 224)), usable=0.9)
PROXY = Component("proxy", CpuUse(Interval(0.05 / 224, 0.06 / 224, 0.07 / 224)), usable=0.9)
USUAL = Policy()
MEASURED = Measured(
    capacity=Linear(Interval(57, 60, 63)),
    utilisation_at_limit=0.85,
    timeout_s=10,
    components=(PROXY, DATABASE),
    database=DatabaseUse(lent_s=0.040, transaction_s=0.004, other_connections=10, connections_max=200),
    tiers=(
        TierUse(
            "proxy",
            CpuUse(Interval(70e-6, 73e-6, 80e-6)),
            40,
            20_000,
            instance_cpu_m=500,
            instance_connections_max=15_000,
        ),
        TierUse("valkey", CpuUse(Interval(10e-6, 12e-6, 20e-6)), 30, 200),
    ),
    bad_share=Interval(1e-5, 5e-5, 1e-4),
)


def planned(patients: int = 20_000, policy: Policy = USUAL, measured: Measured = MEASURED) -> Plan:
    return plan(measured, from_patients(patients, think_time_s=20), policy)


def test_twenty_thousand_patients_get_enough_replicas_and_one_more() -> None:
    """1,000 per s with 30 % head-room on replicas of 57 to 63 per s: between 1300 / 63 and 1300 / 57, and one."""
    found = planned()

    assert 1300 / 60 + 1 <= found.replicas <= math.ceil(1300 / 57) + 1
    assert found.confident >= 0.975
    assert planned(policy=Policy(failures=3)).replicas == found.replicas + 2


def test_a_sweep_plans_with_its_law_and_asks_for_more_than_straight_lines_do() -> None:
    curved = planned(measured=replace(MEASURED, capacity=SWEPT))

    assert curved.replicas > planned().replicas
    assert LAW.throughput(curved.replicas) in curved.predicted.capacity_per_s


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 50_000), st.floats(0, 0.8), st.integers(0, 3))
def test_the_fewest_replicas_that_hold_the_demand_are_planned(patients: int, headroom: float, failures: int) -> None:
    policy = Policy(headroom=headroom, failures=failures)
    demand = from_patients(patients, 20)
    found = plan(MEASURED, demand, policy)
    alive = found.replicas - failures
    needed = demand.arrivals_per_s.mid * (1 + headroom)

    draws = MEASURED.capacity.draws_per_s(1, 2_000, 2)
    assert np.mean(alive * draws >= needed) >= 0.975
    assert alive == 1 or np.mean((alive - 1) * draws >= needed) < 0.975
    assert demand.arrivals_per_s.mid <= found.replicas_promise_per_s <= alive * 60
    assert found.holds == (found.promised_per_s is not None)
    assert demand.arrivals_per_s.mid <= (found.promised_per_s or math.inf)
    assert found.autoscaling.replicas_min <= found.replicas <= found.autoscaling.replicas_max
    assert found.autoscaling.replicas_min >= 1 + failures
    assert found.predicted.p99_s.low <= found.predicted.p99_s.mid <= found.predicted.p99_s.high
    assert 0 <= found.predicted.availability.low <= found.predicted.availability.high <= 1


def test_uncertain_capacity_and_demand_ask_for_more_replicas() -> None:
    sure = replace(MEASURED, capacity=Linear(exactly(60)))
    unsure = replace(MEASURED, capacity=Linear(Interval(40, 60, 90)))

    assert planned(measured=sure).replicas < planned(measured=unsure).replicas
    by_forecast = plan(sure, from_arrivals(Interval(700, 1000, 1400)))
    assert by_forecast.replicas > planned(measured=sure).replicas


def test_the_part_with_the_least_capacity_breaks_first_and_at_so_many_patients() -> None:
    """The database reaches 90 % at 0.9 x 224 / 0.11 = 1,833 per s: 36,655 patients who think for 20 s."""
    small, big = planned(10_000), planned(40_000)

    assert small.breaks_first.name == "replicas"
    assert big.breaks_first.name == "database"
    assert big.breaks_first.patients is not None
    assert big.breaks_first.patients.mid == pytest.approx(36_655, abs=1)
    assert big.breaks_first.patients.low == pytest.approx(224 * 0.9 / 0.12 * 20, rel=0.02)
    assert big.breaks_first.first > 0.95
    assert small.holds
    assert not big.holds


def test_how_likely_each_part_is_first_adds_up() -> None:
    close = replace(MEASURED, components=(DATABASE, replace(DATABASE, name="its twin")))
    found = planned(60_000, measured=close)

    assert sum(limit.first for limit in found.limits) == pytest.approx(1)
    assert {limit.name: limit.first for limit in found.limits}["its twin"] == pytest.approx(0.5, abs=0.05)


def test_plain_arrivals_have_limits_in_requests_and_none_in_patients() -> None:
    found = plan(MEASURED, from_arrivals(exactly(500)))

    assert found.breaks_first.patients is None
    assert found.breaks_first.rate_per_s.mid > 500


def test_pools_hold_the_connections_in_use_after_a_failure() -> None:
    """By Little's law 1,300 per s keep 52 connections of the replicas for 40 ms, and 5.2 of the server for 4 ms."""
    found = planned()
    pooling = found.pooling

    assert pooling is not None
    assert pooling.per_replica * (found.replicas - 1) >= 1.3 * 40
    assert pooling.clients_max == pooling.per_replica * found.autoscaling.replicas_max
    assert 1.3 * 4 < pooling.pool_size <= 12
    assert pooling.server_total == 2 * pooling.pool_size + 10, "two poolers, each of which may be alone"
    assert pooling.fits
    crowded = replace(MEASURED, database=DatabaseUse(0.04, 0.004, 10, connections_max=20))
    assert not planned(measured=crowded).holds


def test_a_server_needs_no_more_connections_than_clients_may_ask_for() -> None:
    """What is done for requests later keeps connections too, but not those of the replicas."""
    after = DatabaseUse(lent_s=0.001, transaction_s=0.1, other_connections=10, connections_max=200)
    pooling = planned(measured=replace(MEASURED, database=after)).pooling

    assert pooling is not None
    assert pooling.pool_size == pooling.clients_max


def test_tiers_grow_with_requests_and_with_connections() -> None:
    proxy, valkey = planned().tiers

    assert (proxy.instances, proxy.cpu_m) == (3, 500), "two for 20,000 connections, and one that may fail"
    assert (valkey.instances, valkey.cpu_m) == (1, math.ceil(1300 * 20e-6 * 1000 / 0.7))
    assert proxy.memory_mib == math.ceil(40 + 13_000 * 20_000 / 2**20)


def test_a_tier_of_one_instance_grows_as_far_as_it_can_and_breaks_there() -> None:
    """300 us of one core carry 0.9 x 1 / 300e-6 = 3,000 per s; a replica of 500m would be gone at half of that."""
    busy = TierUse("valkey", CpuUse(exactly(300e-6)), 30, 0, standbys=1)
    one, small = (planned(measured=replace(MEASURED, tiers=(use,))) for use in (busy, replace(busy, cpu_m_max=400)))

    assert (one.tiers[0].instances, one.tiers[0].cpu_m) == (2, math.ceil(1300 * 300e-6 * 1000 / 0.7))
    assert {limit.name: limit.rate_per_s.mid for limit in one.limits}["valkey"] == pytest.approx(3_000)
    assert one.holds
    assert small.tiers[0].cpu_m == 400
    assert small.breaks_first.name == "valkey"
    assert not small.carries(small.breaks_first)
    assert not small.holds


def test_what_a_tier_does_anyway_is_not_paid_for_by_each_request() -> None:
    """Of 0.9 cores, 0.3 are busy anyway; 0.6 at 300 us a request are 2,000 per s."""
    idle = TierUse("valkey", CpuUse(exactly(300e-6), idle_cores=0.3), 30, 0)
    found = planned(measured=replace(MEASURED, tiers=(idle,)))

    assert found.tiers[0].cpu_m == math.ceil((1300 * 300e-6 + 0.3) * 1000 / 0.7)
    assert {limit.name: limit.rate_per_s.mid for limit in found.limits}["valkey"] == pytest.approx(2_000)


def test_each_instance_of_a_tier_does_its_own_idle_work() -> None:
    """Of 70 % of 500m, 100m are idle work: 250m or 833 requests of 300 us; at 90 %, 350m or 1,167."""
    proxy = TierUse("proxy", CpuUse(exactly(300e-6), idle_cores=0.1), 40, 0, instance_cpu_m=500)
    found = planned(measured=replace(MEASURED, tiers=(proxy,), components=()))

    assert found.tiers[0].instances == math.ceil(1300 / (0.25 / 300e-6)) + 1
    assert {limit.name: limit.rate_per_s.mid for limit in found.limits}["proxy"] == pytest.approx(2 * 0.35 / 300e-6)


def test_instances_that_are_full_before_the_first_request_are_refused() -> None:
    proxy = TierUse("proxy", CpuUse(exactly(300e-6), idle_cores=0.4), 40, 0, instance_cpu_m=500)

    with pytest.raises(BadInputError, match="proxy: an instance of 500m is busy with 400m before the first request"):
        planned(measured=replace(MEASURED, tiers=(proxy,)))


def test_a_part_that_idle_work_fills_carries_nothing() -> None:
    full = Component("notifier", CpuUse(exactly(1e-6), idle_cores=0.95), usable=0.9)
    found = planned(measured=replace(MEASURED, components=(full,)))

    assert found.breaks_first.name == "notifier"
    assert found.breaks_first.rate_per_s.mid == 0
    assert not found.holds


@pytest.mark.parametrize("headroom", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("patients", [200, 7_000, 20_000, 33_333])
def test_a_tier_that_grows_by_instances_always_carries_the_head_room(patients: int, headroom: float) -> None:
    """With the failed ones gone too."""
    proxy = TierUse("proxy", CpuUse(Interval(250e-6, 300e-6, 360e-6), 0.01), 40, 0, instance_cpu_m=500)
    measured = replace(MEASURED, tiers=(proxy,), components=(), database=None)
    found = planned(patients, Policy(headroom=headroom, failures=2), measured)
    (limit,) = [limit for limit in found.limits if limit.name == "proxy"]

    assert found.holds
    assert found.needed_per_s <= limit.rate_per_s.low
    working = found.tiers[0].instances - 2
    assert limit.rate_per_s.mid == pytest.approx(working * (0.9 * 0.5 - 0.01) / 300e-6)


def test_no_more_is_promised_than_the_weakest_part_carries() -> None:
    """The database ends at 0.9 x 224 / 0.12 = 1,680 per s, which is 1,292 with 30 % to spare: 25,846 patients."""
    near = planned(25_700)
    assert near.promised_per_s == pytest.approx(1_680 / 1.3, rel=0.01)
    assert near.promised_per_s is not None
    assert near.replicas_promise_per_s > near.promised_per_s + 3
    assert planned(10_000).promised_per_s == planned(10_000).replicas_promise_per_s


def test_nothing_is_promised_by_a_plan_that_does_not_hold() -> None:
    crowded = replace(MEASURED, database=DatabaseUse(0.04, 0.004, 10, connections_max=20))

    assert planned(40_000).promised_per_s is None
    assert planned(measured=crowded).promised_per_s is None


def test_a_part_that_does_not_carry_the_demand_is_named_with_what_it_carries() -> None:
    crowded = replace(MEASURED, database=DatabaseUse(0.04, 0.004, 10, connections_max=20))
    by_part, by_connections = planned(40_000).refusal, planned(measured=crowded).refusal

    assert by_part is not None
    assert by_part.by == "database"
    assert re.search(r"database carries 1[67]\d\d of 2600 requests per s", by_part.problem)
    assert by_connections is not None
    assert by_connections.by == "connections"
    assert by_connections.problem.endswith("are needed, and the database allows 20")
    assert planned().refusal is None


def at_rest(found: Plan, metric: ResourceMetric | PodsMetric, begins_with: int) -> int:
    """The replicas that an autoscaler with the plan's settings comes to under the plan's demand, without an end."""
    demand_per_s, limit = found.demand.arrivals_per_s.mid, MEASURED.utilisation_at_limit
    at_once = ScalingRules((ScalingPolicy("Percent", 100, 15.0),), stabilisation_s=0.0)
    scaling = found.autoscaling
    controller = Controller(Hpa(scaling.replicas_max, scaling.replicas_min, (metric,), Behaviour(at_once, at_once)))
    replicas = begins_with
    for look in range(1, 41):
        busy_m = min(1_000, round(1_000 * limit * demand_per_s / MEASURED.capacity.per_s(replicas).low))
        sample = Sample(busy_m if isinstance(metric, ResourceMetric) else round(1_000 * demand_per_s / replicas))
        pods = [Pod(str(number), requests_m={"app": {"cpu": 1_000}}) for number in range(replicas)]
        metrics = Metrics({metric: {pod.name: sample for pod in pods}})
        replicas = controller.reconcile(1_000 + 15.0 * look, replicas, pods, metrics).desired
    return replicas


@pytest.mark.parametrize("failures", [0, 1, 2])
@pytest.mark.parametrize("patients", [3_000, 20_000])
def test_the_autoscaler_keeps_the_replicas_of_the_plan_under_its_demand(patients: int, failures: int) -> None:
    """With one fewer, the failure that is paid for would leave too little; of ten, the tolerance alone is one."""
    found = planned(patients, policy=Policy(failures=failures))
    scaling = found.autoscaling
    cpu = ResourceMetric("cpu", utilisation_percent=scaling.target_utilisation_percent)
    requests = PodsMetric("http_requests_per_second", 1_000 * scaling.target_requests_per_s)

    for metric in (cpu, requests):
        for begins_with in (scaling.replicas_min, scaling.replicas_max):
            assert found.replicas <= at_rest(found, metric, begins_with) <= found.replicas + failures


def test_the_autoscalers_target_leaves_the_head_room() -> None:
    found = planned()
    scaling = found.autoscaling
    assert scaling.target_utilisation_percent * (1 + TOLERANCE) <= 85 / 1.3
    assert scaling.target_requests_per_s * 1.1 <= found.predicted.capacity_per_s.low / found.replicas / 1.3
    assert scaling.replicas_min + 2 * scaling.scale_up_pods >= scaling.replicas_max, "two periods are enough"
    with pytest.raises(BadInputError, match="autoscaling target"):
        planned(policy=Policy(headroom=9))


def test_the_tolerance_is_that_of_the_autoscaler() -> None:
    assert needs.TOLERANCE == TOLERANCE


def test_fewer_replicas_are_predicted_to_be_busier_slower_and_less_available() -> None:
    demand = from_patients(20_000, 20)
    many, few, too_few = (predict(MEASURED, demand, replicas) for replicas in (24, 16, 10))

    assert many.utilisation.mid < few.utilisation.mid < 1 < too_few.utilisation.mid
    assert many.p99_s.mid < few.p99_s.mid < too_few.p99_s.mid == math.inf
    assert too_few.availability.mid == pytest.approx(10 * 60 / 0.85 / 1000, rel=1e-3), "the share that is served"
    assert many.availability.mid == pytest.approx(1 - 5e-5, abs=1e-9)


def test_a_demand_beyond_the_peak_of_the_law_is_refused_with_the_peak() -> None:
    with pytest.raises(BadInputError, match="more than any number of replicas can take"):
        planned(200_000, measured=replace(MEASURED, capacity=SWEPT))


def test_a_sweep_that_is_too_far_from_the_demand_is_refused_as_too_uncertain() -> None:
    far = FittedCapacity(fit((1, 2, 3, 4), [60.5, 118.0, 174.0, 223.0], measurement_error=0.02, resamples=500))

    with pytest.raises(BadInputError, match=r"cannot be promised .* sure are \d+ per s.* Measure more replicas"):
        planned(measured=replace(MEASURED, capacity=far))


@pytest.mark.parametrize(
    "policy", [{"headroom": -0.1}, {"failures": -1}, {"quiet_share": 0}, {"quiet_share": 2}], ids=str
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match=r"no share|less than 0"):
        Policy(**policy)  # type: ignore[arg-type]


@pytest.mark.parametrize(("patients", "think_time_s"), [(0, 20), (-5, 20), (100, 0)])
def test_a_demand_of_nobody_or_without_think_time_is_refused(patients: int, think_time_s: float) -> None:
    with pytest.raises(BadInputError):
        from_patients(patients, think_time_s)
