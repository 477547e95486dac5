"""Predictions of measurements that the law has not seen."""

import numpy as np
import pytest

from slotrush.capacity.holdout import hold_out
from slotrush.capacity.scaling import Form
from slotrush.capacity.scaling_law import Law
from slotrush.errors import BadInputError

LAW = Law(60, 0.01, 0.0003)
LOADS = (1, 2, 3, 4, 6, 8)


def test_exact_points_are_predicted_exactly() -> None:
    fitted, (six, eight) = hold_out(LOADS, [LAW.throughput(load) for load in LOADS], fit_to_load=4)

    assert list(fitted.loads) == [1, 2, 3, 4]
    assert [six.load, eight.load] == [6, 8]
    assert six.error == pytest.approx(0, abs=1e-6)
    assert eight.error == pytest.approx(0, abs=1e-6)


def test_a_system_that_breaks_down_beyond_the_sweep_is_seen_to() -> None:
    throughputs = [*(LAW.throughput(load) for load in LOADS[:4]), 200.0, 150.0]
    _, beyond = hold_out(LOADS, throughputs, fit_to_load=4, measurement_error=0.01)

    assert [point.within for point in beyond] == [False, False]
    assert min(point.error for point in beyond) > 0.5


@pytest.mark.parametrize("trials", [15, pytest.param(40, marks=pytest.mark.long)])
def test_three_sweeps_with_one_per_cent_of_noise_predict_twice_their_replicas_within_five_per_cent(trials: int) -> None:
    """By Amdahl's form in nearly all cases, by the universal one in three of four."""
    rng, good = np.random.default_rng(9), dict.fromkeys(Form, 0)
    loads = (1, 2, 3, 4) * 3 + (8,)
    exact = np.array([LAW.throughput(load) for load in loads])
    for _ in range(trials):
        noisy = [*(exact * (1 + 0.01 * rng.standard_normal(len(loads)))).tolist()[:-1], LAW.throughput(8)]
        for form in Form:
            _, (eight,) = hold_out(loads, noisy, fit_to_load=4, form=form)
            good[form] += abs(eight.error) <= 0.05

    assert good[Form.AMDAHL] / trials >= 0.95
    assert good[Form.UNIVERSAL] / trials >= 0.6


def test_nothing_held_out_is_refused() -> None:
    with pytest.raises(BadInputError, match="no load is above 8"):
        hold_out(LOADS, [LAW.throughput(load) for load in LOADS], fit_to_load=8)
