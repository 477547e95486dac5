"""Simulated replicas under too much load, and without any: what they turn away, and what they use by themselves."""

from dataclasses import replace

import numpy as np
import pytest

from slotrush.autoscale.cluster import Delays
from slotrush.autoscale.plant import ANSWERED, REFUSED, TIMED_OUT, Parts, Plant
from slotrush.autoscale.shedding import CALM_S, Shedder
from slotrush.autoscale.simulate import Result, Scenario, simulate
from slotrush.autoscale.spec import Hpa, ResourceMetric
from slotrush.autoscale.workload import Endpoint, Floats, Times, requests, rush

READ = Endpoint("read", 1.0, Times.of_samples([0.010]), Times.of_samples([0.0]))
PARTS = Parts(cpu_quota=1.0, connections_per_replica=32, timeout_s=60.0, shed_after_s=5.0, shed_wait_s=0.2)


def even(rate_per_s: float, duration_s: float) -> Floats:
    return np.arange(0.0, duration_s, 1 / rate_per_s)


def play(arrival_s: Floats, parts: Parts) -> Result:
    """On one replica, which takes 100 requests a second."""
    return simulate(Scenario(arrival_s, [READ], parts, 1), seed=1)


def test_a_rush_that_drains_is_served_whole() -> None:
    """Four seconds of work at once: the last have waited long, but the queue has not stood for five."""
    assert set(play(rush(400, 0.1, np.random.default_rng(1)), PARTS).status.tolist()) == {ANSWERED}


def test_under_overload_those_who_waited_too_long_are_refused_and_the_others_answered_soon() -> None:
    shed = play(even(200, 60), PARTS)
    kept = play(even(200, 60), replace(PARTS, shed_after_s=None))

    refused_s = shed.arrival_s[shed.status == REFUSED]
    assert refused_s.min() > 2
    # As many are answered as can be, and from the middle on nobody waits longer than allowed, and then for the 32 who
    # are inside.
    assert shed.attained() == pytest.approx(0.5, abs=0.06)
    late = shed.response_s[(shed.status == ANSWERED) & (shed.arrival_s > 30)]
    assert late.max() < PARTS.shed_wait_s + 33 * 0.010
    assert TIMED_OUT not in shed.status
    assert REFUSED not in kept.status
    assert np.nanmax(kept.response_s) > 30


def test_it_is_over_when_nobody_had_to_be_refused_for_a_while() -> None:
    shedder = Shedder(after_s=5.0)

    begun = [shedder.refuses(late=True, now_s=float(second)) for second in range(7)]
    on_time = shedder.refuses(late=False, now_s=7.0)
    soon, much_later = shedder.refuses(True, 8.0), shedder.refuses(True, 8.0 + CALM_S)

    assert begun == [False] * 5 + [True] * 2
    assert (on_time, soon, much_later) == (False, True, False)


def test_somebody_who_did_not_wait_ends_the_standing_of_a_queue() -> None:
    shedder = Shedder(after_s=5.0)

    assert not any(shedder.refuses(late=second != 4, now_s=float(second)) for second in range(9))


def test_with_more_connections_the_queue_is_inside_of_the_replica() -> None:
    """Where there are many, requests wait inside for their turns, and not before it, where they would be refused."""
    rushed = even(200, 60)
    few, many = (play(rushed, replace(PARTS, connections_per_replica=None, connections=count)) for count in (32, 400))

    assert np.nanmax(few.response_s[few.arrival_s > 30]) < np.nanmax(many.response_s[many.arrival_s > 30])


def test_what_a_replica_uses_by_itself_is_seen_by_the_autoscaler() -> None:
    """20/s of 10 ms are 0.2 cores on two halves, and each uses a tenth of a core for nothing: 40 %, not 20."""
    hpa = Hpa(4, 2, (ResourceMetric("cpu", utilisation_percent=90),))
    scenario = Scenario(even(20, 200), [READ], Parts(cpu_quota=0.5, idle_cores=0.1), 2, hpa)

    seen = [made.proposals[0].usage for _, made in simulate(scenario, seed=1).decisions]

    assert np.mean(seen) == pytest.approx(40, abs=2)


def test_cpu_times_may_be_known_in_whole_grains_only() -> None:
    """Half a second in 15 s is 33 m; of two replicas that request half a core each, whole multiples of 3.3 %."""
    hpa = Hpa(4, 2, (ResourceMetric("cpu", utilisation_percent=90),))
    arrival_s = rush(40 * 300, 300.0, np.random.default_rng(1))
    scenario = Scenario(arrival_s, [READ], Parts(cpu_quota=0.5), 2, hpa, delays=Delays(cpu_grain_s=0.5))

    seen = [made.proposals[0].usage for _, made in simulate(scenario, seed=1).decisions]

    assert np.diff(sorted(set(seen))).min() >= 3
    assert np.mean(seen) == pytest.approx(40, abs=4)


def test_and_it_is_no_longer_there_for_requests() -> None:
    """27 CPU seconds of them take 108 s at a quarter of a core."""
    idling = play(even(45, 60), Parts(cpu_quota=0.5, idle_cores=0.25))

    assert np.max(idling.arrival_s + idling.response_s) == pytest.approx(108, abs=1)


def test_exponential_times_have_their_mean_and_their_spread() -> None:
    times = Times.exponential(0.002)

    drawn_s = times.draw(100_000, np.random.default_rng(1))

    assert times.mean_s == pytest.approx(0.002)
    assert drawn_s.std() == pytest.approx(0.002, rel=0.03)


def test_two_replicas_share_the_connections_of_one() -> None:
    work = requests(even(400, 10), [READ], np.random.default_rng(1))
    plant = Plant(work, Parts(connections=64), np.random.default_rng(1))
    one, other = plant.add_replica(0.0), plant.add_replica(0.0)

    plant.route(one)
    plant.advance(5.0)
    alone = one.inside
    plant.route(other)
    plant.advance(9.0)

    assert alone == 64
    assert (one.inside, other.inside) == (32, 32)


def test_the_more_replicas_hear_of_a_request_the_more_it_costs() -> None:
    """10 ms, and 5 ms for each of the replicas: 20 ms with two, so that both together take 100 a second."""
    alone, both = (
        simulate(Scenario(even(50, 20), [READ], Parts(echo_s=0.005), replicas), seed=1) for replicas in (1, 2)
    )

    assert np.median(alone.response_s) == pytest.approx(0.015)
    assert np.median(both.response_s) == pytest.approx(0.020)
