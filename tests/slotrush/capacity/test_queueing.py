"""M/M/c against closed formulas, tables and a simulation; staffing."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slotrush.capacity.intervals import Floats
from slotrush.capacity.queueing import Station, erlang_b, erlang_c, reserve, servers_for
from slotrush.errors import BadInputError

OFFERED = st.floats(0.01, 200)


@pytest.mark.parametrize(
    ("servers", "offered", "blocked"),
    [(1, 1.0, 0.5), (2, 1.0, 0.2), (5, 3.0, 0.1101), (10, 5.0, 0.0184), (10, 10.0, 0.2146)],
)
def test_erlang_b_gives_the_values_of_its_tables(servers: int, offered: float, blocked: float) -> None:
    assert erlang_b(servers, offered) == pytest.approx(blocked, abs=5e-5)


@given(st.floats(0.01, 0.99), st.floats(0.001, 10))
def test_one_server_is_the_textbooks_mm1(busy: float, service_s: float) -> None:
    """Mean S / (1 - U); response times are exponential, so the percentile is -ln(1 - p) times the mean."""
    station = Station(busy / service_s, service_s, 1)

    assert station.waits == pytest.approx(busy)
    assert station.response_s == pytest.approx(service_s / (1 - busy))
    assert station.response_percentile_s(0.99) == pytest.approx(math.log(100) * station.response_s, rel=1e-6)


def test_a_known_station_of_ten_servers() -> None:
    """9 erlangs on 10 servers: two thirds of the requests wait."""
    station = Station(90, 0.1, 10)

    assert station.waits == pytest.approx(0.6687, abs=1e-4)
    assert station.wait_s == pytest.approx(0.06687, abs=1e-5)


def simulated(servers: int, arrivals_per_s: float, services_s: Floats, rng: np.random.Generator) -> list[float]:
    """Response times in seconds of Poisson arrivals, first come first served."""
    arrivals_s = np.cumsum(rng.exponential(1 / arrivals_per_s, len(services_s)))
    free = [0.0] * servers
    responses_s = []
    for arrival_s, service_s in zip(arrivals_s.tolist(), services_s.tolist(), strict=True):
        finish_s = max(arrival_s, heapq.heappop(free)) + service_s
        heapq.heappush(free, finish_s)
        responses_s.append(finish_s - arrival_s)
    return responses_s


@pytest.mark.parametrize(("servers", "busy"), [(4, 0.75), (4, 0.7500001), (10, 0.8)], ids=["singular", "beside", "ten"])
def test_response_times_are_those_of_a_simulated_queue(servers: int, busy: float) -> None:
    """At 4 servers and 3 erlangs the formula's denominator is 0."""
    station = Station(busy * servers, 1.0, servers)
    rng = np.random.default_rng(6)
    responses = simulated(servers, station.arrivals_per_s, rng.exponential(1.0, 200_000), rng)

    assert station.response_s == pytest.approx(np.mean(responses), rel=0.03)
    assert station.response_percentile_s(0.99) == pytest.approx(np.quantile(responses, 0.99), rel=0.04)


@given(OFFERED, st.integers(1, 50), st.floats(0.01, 0.999))
def test_percentiles_and_shares_are_each_others_inverse(offered: float, spare: int, share: float) -> None:
    station = Station(offered, 1.0, math.floor(offered) + spare)
    assume(station.utilisation < 0.999)

    assert station.slower_than(station.response_percentile_s(share)) == pytest.approx(1 - share, abs=1e-6)


@given(OFFERED, st.integers(1, 50))
def test_more_servers_never_make_more_requests_wait(offered: float, spare: int) -> None:
    servers = math.floor(offered) + spare

    assert erlang_c(servers + 1, offered) <= erlang_c(servers, offered) <= 1


@given(OFFERED, st.floats(0.01, 0.5))
def test_exact_staffing_is_the_fewest_servers_that_do(offered: float, waits: float) -> None:
    servers = servers_for(offered, 1.0, waits)

    assert erlang_c(servers, offered) <= waits
    assert servers - 1 <= offered or erlang_c(servers - 1, offered) > waits


@pytest.mark.parametrize("servers", [1, 2, 8])
def test_any_number_of_servers_answers_in_time_with_the_same_reserve(servers: int) -> None:
    """A little sooner than asked for, the more so the more servers there are."""
    service_s, response_s = 0.025, 0.3
    idle = reserve(service_s, response_s, 0.99)
    rng = np.random.default_rng(6)

    responses_s = simulated(servers, (servers - idle) / service_s, np.full(100_000, service_s), rng)

    assert 0.8 * response_s < np.quantile(responses_s, 0.99) < 1.02 * response_s


def test_who_wants_it_sooner_or_for_more_keeps_more_in_reserve() -> None:
    assert reserve(0.025, 0.3, 0.99) == pytest.approx(math.log(100) * 0.025 / 0.55)
    assert reserve(0.025, 0.2, 0.99) > reserve(0.025, 0.3, 0.99)
    assert reserve(0.025, 0.3, 0.999) == pytest.approx(1.5 * reserve(0.025, 0.3, 0.99))


@pytest.mark.parametrize(("response_s", "share"), [(0.025, 0.99), (0.3, 1.0), (0.3, 0.0)])
def test_a_reserve_for_what_cannot_be_is_refused(response_s: float, share: float) -> None:
    with pytest.raises(BadInputError):
        reserve(0.025, response_s, share)


def test_a_load_that_the_servers_cannot_carry_is_refused() -> None:
    with pytest.raises(BadInputError, match="more than 10 servers"):
        Station(100, 0.1, 10)
    assert Station(100, 0.1, 11).utilisation < 1
