"""The measurement of coverage tells methods apart that cover from those that do not."""

from slotrush.bench.usl import SYSTEMS, TARGETS, USED, coverage


def test_the_method_in_use_covers_and_the_plain_bootstrap_does_not() -> None:
    shares, refused = coverage(SYSTEMS[0], noise=0.05, trials=60, resamples=200)

    assert refused <= 3
    assert set(shares[USED]) == set(TARGETS)
    assert min(shares[USED].values()) >= 0.85
    assert shares["plain residuals"]["sigma"] < 0.85
