"""Mean-value analysis against bounds, closed formulas and special cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.capacity.mva import Solution, Station, delay, multi_server, solve
from slotrush.errors import BadInputError

DEMANDS = st.lists(st.floats(0.001, 1), min_size=1, max_size=4)
THINK_TIMES = st.floats(0, 30)


def repairmen(customers: int, servers: int, demand_s: float, think_time_s: float) -> float:
    """Throughput of M/M/c//N from its balance equations (Kleinrock 1975, section 3.8)."""
    ratio = demand_s / think_time_s
    weights = [
        math.comb(customers, inside)
        * ratio**inside
        * (1 if inside <= servers else math.factorial(inside) / math.factorial(servers) / servers ** (inside - servers))
        for inside in range(customers + 1)
    ]
    thinking = sum((customers - inside) * weight for inside, weight in enumerate(weights)) / sum(weights)
    return thinking / think_time_s


def in_balance(solution: Solution, think_time_s: float) -> bool:
    patients = np.arange(1, len(solution.throughputs_per_s) + 1)
    inside = np.sum(solution.in_station, axis=1) + solution.throughputs_per_s * think_time_s
    return bool(np.allclose(inside, patients))


@given(DEMANDS, THINK_TIMES)
def test_throughput_stays_within_the_asymptotic_bounds(demands: list[float], think_s: float) -> None:
    """X <= min(1 / Dmax, N / (D + Z)), reached at both ends (Lazowska 1984, chapter 5)."""
    stations = [Station(f"s{index}", demand_s) for index, demand_s in enumerate(demands)]
    solved = solve(stations, 40, think_s)
    patients = np.arange(1, 41)

    bound = np.minimum(1 / max(demands), patients / (sum(demands) + think_s))
    assert np.all(solved.throughputs_per_s <= bound * (1 + 1e-9))
    assert solved.responses_s[0] == pytest.approx(sum(demands))
    assert np.all(np.diff(solved.throughputs_per_s) > -1e-9)
    assert in_balance(solved, think_s)


@given(DEMANDS, THINK_TIMES)
def test_a_load_dependent_station_of_constant_rate_is_a_plain_one(demands: list[float], think_s: float) -> None:
    plain = [Station(f"s{index}", demand_s) for index, demand_s in enumerate(demands)]
    same = [*plain[:-1], Station("last", demands[-1], lambda _: 1.0)]

    assert solve(same, 30, think_s).throughputs_per_s == pytest.approx(solve(plain, 30, think_s).throughputs_per_s)


@pytest.mark.parametrize("servers", [1, 3, 8])
@pytest.mark.parametrize("customers", [1, 8, 100])
def test_many_servers_and_thinking_patients_are_the_machine_repair_model(customers: int, servers: int) -> None:
    solved = solve([multi_server("app", 0.2, servers)], customers, 2.0)

    assert solved.throughputs_per_s[-1] == pytest.approx(repairmen(customers, servers, 0.2, 2.0))


def test_thinking_is_a_delay_station() -> None:
    stations = [multi_server("app", 0.02, 8), Station("database", 0.001)]
    apart = solve([*stations, delay("think", 1.0)], 200)

    assert apart.throughputs_per_s == pytest.approx(solve(stations, 200, 1.0).throughputs_per_s)


def test_far_beyond_saturation_nothing_is_lost_to_rounding() -> None:
    """Where the textbook recursion takes 1 minus nearly 1 and gives negative chances."""
    solved = solve([multi_server("app", 0.02, 8), multi_server("database", 0.005, 4)], 1_500, 1.0)

    assert solved.throughputs_per_s[-1] == pytest.approx(400)
    assert np.all(np.diff(solved.throughputs_per_s) > -1e-6)
    assert in_balance(solved, 1.0)


def test_a_group_of_replicas_works_by_its_measured_scaling_law() -> None:
    def scaled(inside: int) -> float:
        return inside / (1 + 0.1 * (inside - 1) + 0.01 * inside * (inside - 1))

    solved = solve([Station("replicas", 0.1, scaled)], 60, 1.0)

    assert max(solved.throughputs_per_s) < 10 * max(scaled(inside) for inside in range(1, 61))
    assert solved.throughputs_per_s[-1] < max(solved.throughputs_per_s), "throughput falls behind the peak"


@pytest.mark.parametrize(
    ("stations", "patients", "think_s"),
    [
        ([], 1, 0),
        ([Station("a", 1)], 0, 0),
        ([Station("a", 1)], 1, -1),
        ([Station("a", 0)], 1, 0),
        ([multi_server(name, 1, 2) for name in "abcde"], 1, 0),
    ],
    ids=["nothing", "nobody", "time travel", "no work", "too many to solve"],
)
def test_what_is_no_closed_system_is_refused(stations: list[Station], patients: int, think_s: float) -> None:
    with pytest.raises(BadInputError):
        solve(stations, patients, think_s)
