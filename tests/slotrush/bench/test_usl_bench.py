"""The measurement of coverage tells methods apart that cover from those that do not."""

from slotrush.bench.usl import SWEEPS, SWEEPS_AMDAHL, SYSTEMS, TARGETS, UNDERSTATED, USED, coverage


def test_the_method_in_use_covers_and_the_plain_bootstrap_does_not() -> None:
    shares, refused = coverage(SYSTEMS[0], noise=0.05, trials=60, resamples=200)

    assert refused <= 3
    assert set(shares[USED]) == set(TARGETS)
    assert min(shares[USED].values()) >= 0.85
    assert shares["plain residuals"]["sigma"] < 0.85


def test_the_intervals_of_a_sweep_hold_though_it_takes_its_errors_for_too_small() -> None:
    shares, _ = coverage(SYSTEMS[2], noise=0.05, trials=60, resamples=200)

    for method, least in ((SWEEPS, 0.85), (SWEEPS_AMDAHL, 0.85), (UNDERSTATED, 0.8)):
        assert min(shares[method].values()) >= least, method
