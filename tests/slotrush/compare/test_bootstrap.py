"""Intervals of ratios: they hold the truth as often as they say, and a few wild pairs do not widen them."""

import numpy as np
import pytest

from slotrush.compare.bootstrap import fenced, intervals

TRUTH = 0.1


def noisy(seed: int, pairs: int, wild: float) -> np.ndarray:
    dice = np.random.default_rng(seed)
    disturbed = (dice.random((pairs, 1)) < wild) * dice.normal(0, 1, (pairs, 1))
    return TRUTH + dice.normal(0, 0.1, (pairs, 1)) + disturbed


@pytest.mark.parametrize("wild", [0.0, 0.1], ids=["calm", "one pair in ten is disturbed"])
@pytest.mark.parametrize("trials", [60, pytest.param(200, marks=pytest.mark.long)])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(wild: float, trials: int) -> None:
    missed = 0
    for seed in range(trials):
        low, _, high = intervals(noisy(seed, 24, wild), tail=0.05)
        missed += not low[0] <= TRUTH <= high[0]

    assert missed / trials == pytest.approx(0.1, abs=0.07)


def test_disturbed_pairs_count_as_far_and_no_further() -> None:
    logs = noisy(1, 40, wild=0.0)
    logs[3] = 5.0

    assert fenced(logs).max() < TRUTH + 0.5
    assert intervals(logs, 0.025)[2][0] < TRUTH + 0.1


def test_the_same_pairs_always_give_the_same_interval() -> None:
    logs = noisy(2, 30, wild=0.1)
    assert [bound.tolist() for bound in intervals(logs, 0.01)] == [bound.tolist() for bound in intervals(logs, 0.01)]


def test_what_never_varies_has_an_interval_without_width() -> None:
    low, middle, high = intervals(np.full((16, 1), 0.25), tail=0.025)
    assert low[0] == middle[0] == high[0] == 0.25


def test_a_smaller_tail_gives_a_wider_interval() -> None:
    logs = noisy(3, 40, wild=0.0)
    wide, narrow = intervals(logs, 0.001), intervals(logs, 0.05)
    assert wide[0][0] < narrow[0][0] < narrow[2][0] < wide[2][0]
