"""Load, replicas and autoscaler together: does the objective hold?"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.autoscale.cluster import Cluster, Delays
from slotrush.autoscale.counting import REQUESTS
from slotrush.autoscale.plant import ANSWERED, LOST, REFUSED, TIMED_OUT, Parts, Plant
from slotrush.autoscale.simulate import Result, Scenario, simulate
from slotrush.autoscale.spec import (
    Behaviour,
    Hpa,
    Options,
    PodsMetric,
    Policy,
    ResourceMetric,
    ScalingRules,
    SingleMetric,
)
from slotrush.autoscale.workload import Endpoint, Floats, Times, requests, rush
from slotrush.errors import BadInputError

BOOKING = Endpoint("booking", 1.0, Times.of_samples([0.010]), Times.of_samples([0.002]))
AT_ONCE = ScalingRules((Policy("Percent", 1000, 15.0),), stabilisation_s=0.0)
HPA = Hpa(12, 2, (ResourceMetric("cpu", utilisation_percent=60),), Behaviour(AT_ONCE, AT_ONCE))
PARTS = Parts(cpu_quota=0.5, connections_per_replica=32, timeout_s=30.0)
QUICK = Delays(schedule_s=1.0, start_s=4.0, start_cpu_s=0.0, endpoint_lag_s=1.0, pre_stop_s=5.0, grace_s=40.0)


def poisson(
    rate_per_s: Callable[[Floats], Floats], highest_per_s: float, duration_s: float, rng: np.random.Generator
) -> Floats:
    """Arrivals in order, at rates that are never above the highest: thinning, Lewis and Shedler 1979."""
    candidates_s = rush(int(rng.poisson(highest_per_s * duration_s)), duration_s, rng)
    return candidates_s[rng.random(len(candidates_s)) * highest_per_s < rate_per_s(candidates_s)]


def steady(rate_per_s: float, duration_s: float, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return poisson(lambda at_s: np.full_like(at_s, rate_per_s), rate_per_s, duration_s, rng)


def wave(low_per_s: float, high_per_s: float, seed: int = 1) -> Floats:
    """Low, for two minutes high, and low again."""
    rng = np.random.default_rng(seed)
    return poisson(lambda at_s: np.where((at_s > 60) & (at_s < 180), high_per_s, low_per_s), high_per_s, 420.0, rng)


RUSH = Scenario(wave(20.0, 200.0), [BOOKING], PARTS, 2, HPA, delays=QUICK)


@pytest.fixture(scope="module")
def rushed() -> Result:
    return simulate(RUSH, seed=1)


def test_the_same_seed_is_the_same_run_and_another_is_not(rushed: Result) -> None:
    again, other = simulate(RUSH, seed=1), simulate(RUSH, seed=2)

    assert np.array_equal(again.response_s, rushed.response_s, equal_nan=True)
    assert again.looks == rushed.looks
    assert not np.array_equal(other.response_s, rushed.response_s, equal_nan=True)


def test_replicas_follow_the_requests_out_and_in() -> None:
    """200/s at 40 each. The answers come as fast as the requests, but for those who wait while replicas start."""
    played = simulate(replace(RUSH, hpa=replace(HPA, metrics=(PodsMetric(REQUESTS, 40_000),))), seed=1)
    desired = {round(look.at_s): look.desired for look in played.looks}

    assert (desired[55], desired[179], desired[415]) == (2, 5, 2)


def test_replicas_follow_the_load_out_and_in(rushed: Result) -> None:
    """200/s of 10 ms are 2 cores: at 60 % of half a core each, 6.7 replicas and some for what had piled up."""
    desired = {round(look.at_s): look.desired for look in rushed.looks}

    assert desired[55] == 2
    assert 7 <= desired[179] <= HPA.max_replicas
    assert desired[415] == 2


def test_a_replica_is_of_use_only_after_it_was_scheduled_and_started_and_is_known_to_the_proxy(
    rushed: Result,
) -> None:
    at_s, decision = next((at_s, made) for at_s, made in rushed.decisions if made.desired > 2)
    routed = [look.at_s for look in rushed.looks if look.routed >= decision.desired]

    assert min(routed) == pytest.approx(at_s + 1.0 + 4.0 + 1.0, abs=1.0)


def test_nothing_is_lost_when_replicas_leave_as_they_should(rushed: Result) -> None:
    """Some wait for too long at first; but none is sent away or cut off."""
    assert set(rushed.status.tolist()).isdisjoint({REFUSED, LOST})
    assert any(look.desired < look.routed for look in rushed.looks)


def test_requests_are_refused_where_the_hook_ends_before_the_proxy_knows() -> None:
    hasty = replace(RUSH, delays=replace(QUICK, pre_stop_s=0.0, endpoint_lag_s=3.0))

    result = simulate(hasty, seed=1)

    assert np.bincount(result.status, minlength=LOST + 1)[REFUSED] > 0


def test_requests_are_lost_where_replicas_are_killed_before_they_are_done() -> None:
    slow = Endpoint("records", 1.0, Times.of_samples([0.010]), Times.of_samples([3.0]))
    hasty = replace(RUSH, endpoints=[slow], delays=replace(QUICK, pre_stop_s=1.0, grace_s=2.0))
    hasty = replace(hasty, parts=replace(PARTS, connections_per_replica=None))

    result = simulate(hasty, seed=1)

    assert np.bincount(result.status, minlength=LOST + 1)[LOST] > 0


def test_a_slower_start_means_a_lower_share_of_good_answers(rushed: Result) -> None:
    slow = simulate(replace(RUSH, delays=replace(QUICK, start_s=40.0)), seed=1)

    assert slow.attained(within_s=0.5) < rushed.attained(within_s=0.5)


def test_who_is_not_ready_leaves_first() -> None:
    rng = np.random.default_rng(1)
    plant = Plant(requests(steady(10.0, 100.0), [BOOKING], rng), PARTS, rng)
    cluster = Cluster(plant, 2, None, 500, replace(QUICK, start_s=40.0), Options(), rng)
    old = list(plant.routed)

    cluster.run(10.0)
    cluster.scale(3, 10.0)
    cluster.run(20.0)
    cluster.scale(2, 20.0)
    cluster.run(90.0)

    assert plant.routed == old


def test_leaving_replicas_no_longer_count() -> None:
    """Of six idle ones two stay, which then bear all: 0.3 cores on two halves."""
    scenario = replace(RUSH, arrival_s=steady(30.0, 100.0), replicas=6)

    result = simulate(scenario, seed=1)

    left_s = next(at_s for at_s, made in result.decisions if made.desired == 2)
    seen = [made.proposals[0].usage for at_s, made in result.decisions if left_s + 25 < at_s < left_s + QUICK.grace_s]
    assert min(seen) >= 25


def test_without_an_autoscaler_the_replicas_stay_as_they_are() -> None:
    result = simulate(replace(RUSH, hpa=None), seed=1)

    assert {look.existing for look in result.looks} == {2}
    assert result.attained() < 0.9


def test_the_autoscaler_sees_the_utilisation_that_the_load_makes() -> None:
    """30/s of 10 ms are 0.3 cores, on two replicas that request half a core each: 30 %."""
    result = simulate(replace(RUSH, arrival_s=steady(30.0, 300.0)), seed=1)

    seen = [made.proposals[0].usage for at_s, made in result.decisions if at_s > 60]
    assert np.mean(seen) == pytest.approx(30.0, abs=2.0)


def test_metrics_come_late() -> None:
    """A load from the first moment on is seen in full when a whole window of it has been looked at, and delivered."""
    late = replace(QUICK, metrics_resolution_s=60.0, metrics_delay_s=10.0)
    scenario = replace(RUSH, arrival_s=steady(90.0, 200.0), delays=late)

    first = [
        min(at_s for at_s, made in simulate(scenario, seed).decisions if made.proposals[0].usage > 80)
        for seed in range(5)
    ]

    assert all(60.0 + 10.0 <= at_s <= 60.0 + 60.0 + 10.0 + 15.0 for at_s in first)


def test_the_start_of_a_replica_costs_cpu_that_is_not_taken_for_load() -> None:
    """For five minutes a sample from before it was ready does not count: no further replica comes of it."""
    starting = replace(QUICK, start_s=25.0, start_cpu_s=12.0)
    scenario = replace(RUSH, arrival_s=steady(85.0, 120.0), delays=starting)

    result = simulate(scenario, seed=1)

    assert max(look.desired for look in result.looks) <= 4


def test_what_is_left_after_the_last_arrival_is_played_to_its_end() -> None:
    scenario = replace(RUSH, arrival_s=rush(4_000, 1.0, np.random.default_rng(1)), hpa=None)

    result = simulate(scenario, seed=1)

    assert set(result.status.tolist()) == {ANSWERED, TIMED_OUT}
    assert np.nanmax(result.arrival_s + result.response_s) > 25.0


def test_attainment_over_time_weighs_to_the_attainment_of_all(rushed: Result) -> None:
    start_s, asked, good = rushed.attained_by_time(10.0, within_s=0.1)

    assert start_s[:3].tolist() == [0.0, 10.0, 20.0]
    assert np.nansum(asked * good) / asked.sum() == pytest.approx(rushed.attained(within_s=0.1))


def test_each_endpoint_has_its_own_share_and_work() -> None:
    reading = Endpoint("reading", 3.0, Times.of_samples([0.002]), Times.of_samples([0.0]))
    rng = np.random.default_rng(1)

    work = requests(rush(20_000, 1.0, rng), [BOOKING, reading], rng)

    assert (work.endpoint == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert set(work.cpu_s[work.endpoint == 1]) == {0.002}
    assert set(work.database_s[work.endpoint == 0]) == {0.002}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([0.2, 0.5, None]), st.sampled_from([0.2, 5.0, None]))
def test_every_request_ends_and_no_answer_is_faster_than_its_work(
    seed: int, replicas: int, quota: float | None, timeout_s: float | None
) -> None:
    arrival_s = steady(60.0, 40.0, seed)
    parts = Parts(cpu_quota=quota, timeout_s=timeout_s, proxy_s=0.001)
    if not len(arrival_s):
        return
    result = simulate(Scenario(arrival_s, [BOOKING], parts, replicas, replace(HPA, min_replicas=1), delays=QUICK), seed)

    assert (result.status >= ANSWERED).all()
    answered = result.response_s[result.status == ANSWERED]
    assert (answered >= 0.012 + 0.001 - 1e-9).all()
    assert timeout_s is None or (answered <= timeout_s + 0.001 + 1e-9).all()


@pytest.mark.parametrize(
    ("scenario", "problem"),
    [
        pytest.param(replace(RUSH, arrival_s=np.array([])), "nobody arrives", id="nobody"),
        pytest.param(replace(RUSH, arrival_s=np.array([2.0, 1.0])), "not in order", id="out of order"),
        pytest.param(replace(RUSH, endpoints=[]), "no endpoint", id="no endpoint"),
        pytest.param(replace(RUSH, replicas=0), "starts with 0 replicas", id="no replica"),
        pytest.param(
            replace(RUSH, parts=Parts(cpu_quota=0.01, idle_cores=0.012)), "10m: an idle replica uses 12m",
            id="a quota that idling uses up",
        ),
        pytest.param(
            replace(RUSH, hpa=replace(HPA, metrics=(SingleMetric("queue", value_m=1),))), "external metric queue",
            id="a metric that is not simulated",
        ),
        pytest.param(
            replace(RUSH, hpa=replace(HPA, metrics=(PodsMetric("queue", 1),))), "pods metric queue",
            id="a pods metric that is not simulated",
        ),
        pytest.param(
            replace(RUSH, hpa=replace(HPA, metrics=(ResourceMetric("cpu", 60, container="web"),))), "container web",
            id="a container that no pod has",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_named(scenario: Scenario, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        simulate(scenario, seed=1)
