"""Every request's way through replicas and database: against a plain simulation, and against queueing theory."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.autoscale.plant import ANSWERED, LOST, QUOTA_PERIOD_S, REFUSED, TIMED_OUT, Parts, Plant
from slotrush.autoscale.workload import Floats, Requests
from tests.slotrush.autoscale.plain_plant import Order, PlainPlant

limits = st.none() | st.integers(1, 4)
parts_of_all_kinds = st.builds(
    Parts,
    cpu_quota=st.sampled_from([None, 0.13, 0.5, 1.0]),
    connections_per_replica=limits,
    pool_per_replica=limits,
    database_servers=limits,
    cpu_share_before_database=st.sampled_from([0.3, 0.5]),
    timeout_s=st.sampled_from([None, 0.05, 0.7]),
    follower_saves=st.sampled_from([0.0, 0.4]),
    scans_all=st.booleans(),
)
orders_of_all_kinds = st.lists(
    st.builds(Order, st.floats(0.01, 2.0), st.sampled_from(["close", "kill"]), st.integers(0, 3)),
    max_size=3,
    unique_by=lambda order: order.replica,
)


def work_of(arrival_s: Floats, cpu_s: Floats, database_s: Floats) -> Requests:
    return Requests(arrival_s, cpu_s, database_s, np.zeros(len(arrival_s), np.uint8))


def random_work(count: int, window_s: float, seed: int) -> Requests:
    rng = np.random.default_rng(seed)
    database_s = rng.exponential(0.02, count) * (rng.random(count) < 0.8)
    return work_of(np.sort(rng.random(count)) * window_s, rng.exponential(0.01, count), database_s)


def play(work: Requests, parts: Parts, replicas: int, orders: list[Order], seed: int) -> Plant:
    plant = Plant(work, parts, np.random.default_rng(seed))
    members = [plant.add_replica(0.0) for _ in range(replicas)]
    for member in members:
        plant.route(member)
    for order in sorted(orders, key=lambda order: order.at_s):
        plant.advance(order.at_s)
        plant.unroute(members[order.replica])
        if order.what == "close":
            plant.close(members[order.replica], order.at_s)
        else:
            plant.kill(members[order.replica])
    plant.advance(math.inf)
    return plant


@settings(deadline=None, max_examples=150)
@given(parts_of_all_kinds, orders_of_all_kinds, st.integers(1, 150), st.floats(0.1, 3.0), st.integers(0, 2**32))
def test_it_gives_the_times_of_the_plain_simulation(
    parts: Parts, orders: list[Order], count: int, window_s: float, seed: int
) -> None:
    work = random_work(count, window_s, seed)
    plain = PlainPlant(work, parts, 4, orders, seed)
    plain.run()

    plant = play(work, parts, 4, orders, seed)

    assert plant.status.tolist() == plain.status
    np.testing.assert_allclose(plant.finished_s, plain.finished_s, rtol=0, atol=1e-9)
    assert plant.unsettled == 0


def erlang_c(servers: int, load: float) -> float:
    """The probability of waiting in M/M/c with `load` = arrival rate by service rate. Source: Erlang 1917."""
    terms = [load**number / math.factorial(number) for number in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


@pytest.mark.parametrize("servers", [1, 2, 8])
@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_the_database_is_an_m_m_c_queue(servers: int, utilisation: float) -> None:
    """Mean response time within four standard errors, these from the means of 40 independent runs."""
    mean_s, count = 0.01, 4_000
    load = servers * utilisation
    expected_s = mean_s + erlang_c(servers, load) * mean_s / (servers - load)
    means_s = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        arrival_s = np.cumsum(rng.exponential(mean_s / load, count))
        work = work_of(arrival_s, np.zeros(count), rng.exponential(mean_s, count))
        plant = play(work, Parts(database_servers=servers), 1, [], seed)
        means_s.append((plant.finished_s - arrival_s)[count // 4 :].mean())

    error_s = np.std(means_s, ddof=1) / math.sqrt(len(means_s))
    assert abs(np.mean(means_s) - expected_s) < 4 * error_s


@pytest.mark.parametrize(("shape", "cv2"), [(1.0, 1.0), (4.0, 0.25)], ids=["exponential", "erlang-4"])
def test_one_replica_without_database_is_an_m_g_1_queue(shape: float, cv2: float) -> None:
    """Mean wait as of Pollaczek and Khinchine, within four standard errors."""
    mean_s, count, utilisation = 0.01, 4_000, 0.7
    expected_s = mean_s + utilisation / (1 - utilisation) * (1 + cv2) / 2 * mean_s
    means_s = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        arrival_s = np.cumsum(rng.exponential(mean_s / utilisation, count))
        work = work_of(arrival_s, rng.gamma(shape, mean_s / shape, count), np.zeros(count))
        means_s.append((play(work, Parts(), 1, [], seed).finished_s - arrival_s)[count // 4 :].mean())

    error_s = np.std(means_s, ddof=1) / math.sqrt(len(means_s))
    assert abs(np.mean(means_s) - expected_s) < 4 * error_s


def burst(count: int, cpu_s: float, database_s: float = 0.0) -> Requests:
    """All at once."""
    return work_of(np.zeros(count), np.full(count, cpu_s), np.full(count, database_s))


@pytest.mark.parametrize(("quota", "turn_s"), [(0.1, 0.010), (0.25, 0.025)], ids=["rounded", "to the last bit"])
def test_a_quota_lets_a_replica_run_and_then_stand_still(quota: float, turn_s: float) -> None:
    """Three turns that each take a period's whole quota: each ends right when it is used up."""
    plant = play(burst(3, turn_s), Parts(cpu_quota=quota), 1, [], seed=1)

    assert plant.finished_s == pytest.approx([turn_s, QUOTA_PERIOD_S + turn_s, 2 * QUOTA_PERIOD_S + turn_s])


def test_a_short_request_on_an_idle_replica_does_not_feel_the_quota() -> None:
    plant = play(burst(1, 0.010), Parts(cpu_quota=0.15), 1, [], seed=1)

    assert plant.finished_s == pytest.approx([0.010])


@pytest.mark.parametrize("quota", [0.15, 0.4, 0.9])
def test_a_busy_replica_gets_its_quota_and_no_more(quota: float) -> None:
    plant = play(burst(20_000, 0.001), Parts(cpu_quota=quota), 1, [], seed=1)

    assert 20_000 * 0.001 / plant.finished_s.max() == pytest.approx(quota, rel=0.01)


def test_the_proxy_prefers_the_replica_with_less_to_do() -> None:
    """2,000 at once over ten: 200 each, give or take a few; at random it would be give or take several times 14."""
    plant = play(burst(2_000, 1.0), Parts(), 10, [], seed=1)

    assert plant.finished_s.max() < 210.0


def test_a_proxy_that_looks_at_all_replicas_shares_out_evenly() -> None:
    plant = play(burst(2_000, 1.0), Parts(scans_all=True), 10, [], seed=1)

    assert plant.finished_s.max() == pytest.approx(200.0)


def test_a_turn_that_follows_another_one_takes_less() -> None:
    """Three at once and one later, each 10 ms: the second and third of them save 40 %."""
    work = work_of(np.array([0.0, 0.0, 0.0, 1.0]), np.full(4, 0.010), np.zeros(4))

    plant = play(work, Parts(follower_saves=0.4), 1, [], seed=1)

    assert plant.finished_s == pytest.approx([0.010, 0.016, 0.022, 1.010])


@pytest.mark.parametrize("connections", [1, None], ids=["one after the other", "all at once"])
def test_whoever_gives_up_leaves_the_work_to_the_replica_and_the_place_to_the_next(connections: int | None) -> None:
    """Ten requests of 1 s that wait for half a second: all of the work is done, for nobody."""
    plant = play(burst(10, 1.0), Parts(connections_per_replica=connections, timeout_s=0.5), 1, [], seed=1)

    assert set(plant.status.tolist()) == {TIMED_OUT}
    assert plant.replicas[0].cpu_s == pytest.approx(10.0)


def test_without_a_replica_requests_are_refused() -> None:
    assert play(burst(3, 0.01), Parts(), 0, [], seed=1).status.tolist() == [REFUSED] * 3


def test_a_closed_replica_finishes_what_it_has_and_a_killed_one_does_not() -> None:
    work = burst(40, 0.1)

    closed = play(work, Parts(connections_per_replica=5), 2, [Order(0.05, "close", 0)], seed=1)
    killed = play(work, Parts(connections_per_replica=5), 2, [Order(0.05, "kill", 0)], seed=1)

    assert set(closed.status.tolist()) == {ANSWERED}
    assert set(killed.status.tolist()) == {ANSWERED, LOST}


def test_who_was_sent_on_and_gave_up_while_waiting_there_is_not_let_in_afterwards() -> None:
    """The second came before the third, and gives up before it, but waits behind it once its own replica closes."""
    work = work_of(np.array([0.0, 0.1, 0.5]), np.array([3.0, 3.0, 3.0]), np.zeros(3))
    plant = Plant(work, Parts(connections_per_replica=1, timeout_s=1.0), np.random.default_rng(1))
    first, second = plant.add_replica(0.0), plant.add_replica(0.0)
    plant.route(first)
    plant.advance(0.4)
    plant.unroute(first)
    plant.route(second)
    plant.advance(0.6)

    plant.close(first, 0.6)
    plant.advance(math.inf)

    assert plant.status.tolist() == [TIMED_OUT] * 3
    assert (plant.unsettled, second.cpu_s) == (0, 3.0)
