"""The scaling law: published coefficients, the shape of the curve, intervals that hold the truth, honest refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.capacity.scaling import Form, Noise
from slotrush.capacity.scaling_law import Law
from slotrush.capacity.usl import fit
from slotrush.errors import BadInputError
from tests.slotrush.capacity.datasets import DATASETS, SPECSDM91, Dataset

SWEEP = (1, 2, 3, 4, 6, 8)
LAWS = st.builds(
    Law, st.floats(1, 1e4), st.floats(0, 0.5).map(lambda x: round(x, 6)), st.floats(0, 0.02).map(lambda x: round(x, 8))
)


def measured(law: Law, loads: tuple[int, ...] = SWEEP) -> list[float]:
    return [law.throughput(load) for load in loads]


@pytest.mark.parametrize("data", DATASETS, ids=lambda data: data.name)
def test_published_data_give_the_published_coefficients(data: Dataset) -> None:
    law = fit(data.loads, data.throughputs, noise=Noise.ABSOLUTE).law

    assert law.gamma == pytest.approx(data.gamma, rel=1e-5)
    assert law.sigma == pytest.approx(data.sigma, rel=1e-3)
    assert law.kappa == pytest.approx(data.kappa, rel=1e-3, abs=1e-7)


def test_published_data_give_the_published_peak_efficiency_and_residual_error() -> None:
    fitted = fit(SPECSDM91.loads, SPECSDM91.throughputs, noise=Noise.ABSOLUTE)

    assert round(fitted.law.peak_load) == 97
    assert fitted.noise_sd == pytest.approx(82.85, abs=0.01)
    measured_efficiency = [
        throughput / fitted.law.gamma / load
        for load, throughput in zip(SPECSDM91.loads, SPECSDM91.throughputs, strict=True)
    ]
    assert measured_efficiency == pytest.approx([0.7211, 0.6148, 0.5100, 0.2860, 0.1882, 0.1370, 0.0876], abs=1e-4)


@given(LAWS)
def test_exact_measurements_give_their_law_back(law: Law) -> None:
    found = fit(SWEEP, measured(law), resamples=20).law

    assert found.gamma == pytest.approx(law.gamma, rel=1e-5)
    assert found.sigma == pytest.approx(law.sigma, abs=1e-5)
    assert found.kappa == pytest.approx(law.kappa, abs=1e-5)


@given(LAWS, st.floats(0, 0.9))
def test_what_is_kept_in_reserve_is_no_part_of_the_law(law: Law, reserve: float) -> None:
    used = [throughput * (1 - reserve / load) for load, throughput in zip(SWEEP, measured(law), strict=True)]

    found = fit(SWEEP, used, reserve=reserve, resamples=20)

    assert found.law.gamma == pytest.approx(law.gamma, rel=1e-4)
    assert found.law.sigma == pytest.approx(law.sigma, abs=1e-4)
    assert max(map(abs, found.residuals)) < 1e-4
    for load, throughput in zip(SWEEP, used, strict=True):
        assert found.throughput(load) == pytest.approx(throughput, rel=1e-4)
        assert found.predict(load).mid == found.predict_measurement(load).mid == found.throughput(load)
        assert found.predict(load).high == pytest.approx(throughput, rel=1e-2)


def test_no_load_can_be_kept_in_reserve_as_a_whole() -> None:
    with pytest.raises(BadInputError, match=r"1\.00 of a load of 1 cannot stay unused"):
        fit(SWEEP, measured(Law(100, 0.02, 0)), reserve=1.0)


@given(LAWS, st.floats(1, 500))
def test_throughput_never_exceeds_the_peak_nor_growth_in_proportion(law: Law, load: float) -> None:
    assert law.throughput(load) <= law.peak_throughput * (1 + 1e-9)
    assert law.throughput(load) <= law.gamma * load * (1 + 1e-9)


def test_the_peak_is_where_the_law_says() -> None:
    assert Law(1, 0.001, 0.00001).peak_load == pytest.approx(316, abs=0.5)
    assert Law(100, 0.05, 0).peak_load == math.inf
    assert Law(100, 0.05, 0).peak_throughput == pytest.approx(2000)
    assert Law(100, 0, 0).peak_throughput == math.inf
    assert Law(100, 1.2, 0.1).peak_load == 1


@pytest.mark.parametrize("law", [Law(100, 0.05, 0), Law(100, 0.05, 0.002), Law(100, 0, 0.002)], ids=str)
def test_the_gain_is_the_slope_of_the_curve(law: Law) -> None:
    for load in (1, 7, law.knee_load, 40):
        slope = (law.throughput(load + 1e-4) - law.throughput(load - 1e-4)) / 2e-4
        assert law.gain(load) == pytest.approx(slope / law.gamma, abs=1e-6)


def test_the_knee_is_where_growth_in_proportion_would_reach_the_peak() -> None:
    assert Law(100, 0.05, 0).knee_load == pytest.approx(20)
    assert Law(100, 0.05, 0.002).knee_load == pytest.approx(Law(1, 0.05, 0.002).peak_throughput)
    assert Law(100, 0, 0).knee_load == math.inf


@pytest.mark.parametrize("trials", [60, pytest.param(200, marks=pytest.mark.long)])
def test_the_intervals_hold_the_truth_in_nine_of_ten_noisy_sweeps_and_more(trials: int) -> None:
    """The measurement with 1,000 trials, several laws and other methods is scripts/bench-usl."""
    law, rng = Law(100, 0.05, 0.002), np.random.default_rng(1)
    hits = np.zeros(4)
    for _ in range(trials):
        noisy = np.array(measured(law)) * (1 + 0.05 * rng.standard_normal(len(SWEEP)))
        try:
            found = fit(SWEEP, noisy.tolist(), resamples=300)
        except BadInputError:
            continue  # by chance, and it counts as a miss
        hits += [
            law.gamma in found.gamma,
            law.sigma in found.sigma,
            law.kappa in found.kappa,
            law.throughput(12) in found.predict(12),
        ]

    assert np.all(hits / trials >= 0.91), hits / trials


def test_a_prediction_for_one_more_measurement_is_wider_than_that_of_the_law() -> None:
    noisy = np.array(measured(Law(100, 0.05, 0.002))) * (1.03, 0.96, 1.02, 1.03, 0.97, 1.01)
    found = fit(SWEEP, noisy.tolist())

    assert found.predict_measurement(8).relative_width > found.predict(8).relative_width
    assert found.predict(16).relative_width > found.predict(8).relative_width
    assert found.law.throughput(8) in found.predict(8)
    assert sum(found.residuals) == pytest.approx(0, abs=0.05)


def test_a_known_measurement_error_makes_four_points_tell_more() -> None:
    noisy = (np.array(measured(Law(100, 0.05, 0.002), SWEEP[:4])) * (1.01, 0.99, 1.01, 0.99)).tolist()
    unknown, known = fit(SWEEP[:4], noisy), fit(SWEEP[:4], noisy, measurement_error=0.01)

    assert known.predict(6).relative_width < unknown.predict(6).relative_width / 2
    assert known.law == unknown.law


def test_amdahls_form_has_no_coherency_and_needs_one_load_less() -> None:
    found = fit([1, 2, 4], measured(Law(100, 0.05, 0), (1, 2, 4)), form=Form.AMDAHL, resamples=50)

    assert found.law.sigma == pytest.approx(0.05)
    assert found.law.kappa == found.kappa.low == found.kappa.high == 0
    assert found.knee_load.mid == pytest.approx(20)


def test_the_same_seed_gives_the_same_intervals() -> None:
    throughputs = [99.0, 185.0, 262.0, 330.0, 420.0, 520.0]

    assert fit(SWEEP, throughputs).sigma == fit(SWEEP, throughputs).sigma
    assert fit(SWEEP, throughputs).sigma != fit(SWEEP, throughputs, seed=2).sigma


REFUSED = {
    "three loads, one of them twice": ([1, 2, 2, 4], [100, 180, 181, 300], {}, "too few"),
    "more throughputs than loads": ([1, 2, 3, 4], [1, 2, 3, 4, 5], {}, "one throughput per load"),
    "no throughput at one load": ([1, 2, 3, 4], [100, 0, 290, 380], {}, "no measurement"),
    "not a number": ([1, 2, 3, 4], [100, math.nan, 290, 380], {}, "no measurement"),
    "a load below one": ([0, 1, 2, 3], [1, 100, 190, 290], {}, "no measurement"),
    "points without any order": (SWEEP, [100, 400, 90, 500, 120, 300], {}, "follow no scaling law"),
    "replicas that get better in company": (SWEEP, [100, 230, 380, 540, 900, 1300], {}, "grows faster"),
    "a bend sharper than the error allows": (
        SWEEP,
        [100, 200, 300, 400, 410, 410],
        {"measurement_error": 0.01},
        "does not explain",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_points_that_give_no_law_are_refused(case: str) -> None:
    loads, throughputs, settings, complaint = REFUSED[case]

    with pytest.raises(BadInputError, match=complaint):
        fit(loads, throughputs, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("trials", [40, pytest.param(100, marks=pytest.mark.long)])
def test_linear_scaling_is_seldom_refused_as_faster_than_linear(trials: int) -> None:
    rng, refused, held = np.random.default_rng(5), 0, 0
    for _ in range(trials):
        noisy = np.array(measured(Law(100, 0, 0))) * (1 + 0.03 * rng.standard_normal(len(SWEEP)))
        try:
            found = fit(SWEEP, noisy.tolist(), resamples=200)
        except BadInputError:
            refused += 1
        else:
            held += 0 in found.sigma and 0 in found.kappa
    assert refused / trials <= 0.04
    assert held / trials >= 0.88
