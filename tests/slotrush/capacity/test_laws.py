"""The operational laws and their disagreement with what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.capacity.laws import (
    check_little,
    check_utilisation,
    closed_patients,
    closed_throughput_per_s,
    cpu_use,
    requests_in_system,
    utilisation,
)
from slotrush.errors import BadInputError

POSITIVE = st.floats(1e-3, 1e4)


def test_a_shop_with_ten_arrivals_an_hour_and_half_hour_visits_holds_five_customers() -> None:
    """The textbook example of Little's law."""
    assert requests_in_system(10 / 3600, 1800) == pytest.approx(5)


@given(POSITIVE, POSITIVE, POSITIVE)
def test_patients_and_throughput_are_each_others_inverse(patients: float, response_s: float, think_s: float) -> None:
    rate = closed_throughput_per_s(patients, response_s, think_s)

    assert closed_patients(rate, response_s, think_s) == pytest.approx(patients)
    assert requests_in_system(rate, response_s) <= patients * (1 + 1e-9)


@given(POSITIVE, st.integers(1, 64))
def test_at_saturation_every_server_is_always_busy(demand_s: float, servers: int) -> None:
    assert utilisation(servers / demand_s, demand_s, servers) == pytest.approx(1)


def test_checks_tell_by_how_much_a_measurement_disagrees() -> None:
    assert check_little(100, 0.05, 5.5).disagreement == pytest.approx(0.10)


def test_the_demand_per_request_comes_out_of_utilisations() -> None:
    found = check_utilisation([100, 200, 400], [0.25, 0.45, 0.85])

    assert found.demand_s == pytest.approx(0.002)
    assert found.idle == pytest.approx(0.05)
    assert found.worst_disagreement < 1e-9


def test_a_component_that_does_other_work_at_other_loads_disagrees() -> None:
    found = check_utilisation([100, 200, 400], [0.2, 0.7, 0.8])

    assert found.worst_disagreement > 0.2


def test_idle_work_is_never_negative() -> None:
    assert check_utilisation([100, 200], [0.1, 0.3]).idle == 0


@pytest.mark.parametrize(
    ("rates", "busy", "complaint"),
    [
        ([100], [0.5], "two different throughputs"),
        ([100, 100], [0.5, 0.6], "two different throughputs"),
        ([100, 200], [0.8, 0.4], "fall while the throughput rises"),
        ([100, -1], [0.8, 0.4], "not a positive number"),
    ],
)
def test_utilisations_that_tell_nothing_are_refused(rates: list[float], busy: list[float], complaint: str) -> None:
    with pytest.raises(BadInputError, match=complaint):
        check_utilisation(rates, busy)


def test_cores_that_are_busy_anyway_are_told_from_those_that_requests_keep_busy() -> None:
    found = cpu_use([50, 100, 200], [0.02, 0.03, 0.05])

    assert found is not None
    assert found.s_per_request.mid == pytest.approx(200e-6)
    assert found.s_per_request.low == pytest.approx(found.s_per_request.high)
    assert found.idle_cores == pytest.approx(0.01)


@pytest.mark.parametrize("count", [3, 8, 60])
@pytest.mark.parametrize("idle", [0.0, 0.05])
def test_the_interval_holds_the_cost_in_ninety_five_of_a_hundred_measurements(count: int, idle: float) -> None:
    """Where there is no idle work the estimate of it is cut at 0, which costs some of the certainty."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        rates = rng.uniform(20, 400, count)
        busy = idle + 0.001 * rates + rng.normal(0, 0.002, count)
        found = cpu_use(rates.tolist(), busy.tolist())
        assert found is not None
        assert found.s_per_request.low > 0
        held += 0.001 in found.s_per_request

    assert held / 400 > (0.92 if idle else 0.85)


def test_use_that_does_not_rise_is_ascribed_to_the_requests() -> None:
    found = cpu_use([100, 200, 400], [0.04, 0.03, 0.03])

    assert found is not None
    assert found.idle_cores == 0
    assert found.s_per_request.mid == pytest.approx((100 * 0.04 + 200 * 0.03 + 400 * 0.03) / (100**2 + 200**2 + 400**2))


def test_two_measurements_tell_no_cost() -> None:
    assert cpu_use([100, 200], [0.1, 0.2]) is None
