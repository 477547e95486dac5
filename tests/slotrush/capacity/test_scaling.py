"""Many fits at once give what SciPy gives for each."""

import numpy as np
import pytest
from scipy import optimize

from slotrush.capacity.intervals import Floats
from slotrush.capacity.scaling import Noise, fit_bounded, fit_free, leverages, predicted, response

LOADS = np.array([1.0, 2, 3, 4, 6, 8])


def noisy_series(noise: Noise, count: int = 50) -> Floats:
    exact = 100 * LOADS / (1 + 0.03 * (LOADS - 1) + 0.001 * LOADS * (LOADS - 1))
    errors = np.random.default_rng(4).standard_normal((count, len(LOADS)))
    return response(exact * (1 + 0.05 * errors), noise)


@pytest.mark.parametrize("noise", Noise)
@pytest.mark.parametrize("bounded", [False, True], ids=["free", "bounded"])
def test_each_fit_is_as_good_as_scipys(noise: Noise, bounded: bool) -> None:
    series = noisy_series(noise)
    ours = (fit_bounded if bounded else fit_free)(LOADS, series, noise)
    lowest = [1e-9, 0, 0] if bounded else [-np.inf] * 3

    for row, coefficients in zip(series, ours, strict=True):

        def errors(candidate: Floats, row: Floats = row) -> Floats:
            return np.asarray(predicted(candidate[None], LOADS, noise)[0] - row)

        start = np.array([0.01, 1e-4, 1e-5])
        scipys = optimize.least_squares(errors, start, bounds=(lowest, np.inf), x_scale=start, xtol=1e-12, ftol=1e-12)
        assert np.sum(errors(coefficients) ** 2) <= 2 * scipys.cost * (1 + 1e-6)
        if bounded:
            assert np.all(coefficients >= 0)


def test_leverages_add_up_to_the_number_of_coefficients() -> None:
    coefficients = np.array([0.01, 3e-4, 1e-5])

    assert np.sum(leverages(coefficients, LOADS, Noise.RELATIVE)) == pytest.approx(3)
