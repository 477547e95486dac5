"""Intervals are as wide as requests that fail together make them, and the same for the same record."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.bench.intervals import SETTINGS, Setting, wrong
from slotrush.gate.interval import Estimate, Numbers, proportion, ratio


def judged(good: Numbers, total: Numbers, stages: bool = False) -> Estimate:
    estimate = proportion(good, total, stages)
    assert estimate is not None
    return estimate


def test_where_nothing_failed_requests_count_half_in_the_textbooks_interval() -> None:
    """Clopper and Pearson: with none of 30, up to 11.57 % is possible."""
    requests = np.full((10, 1), 6.0)

    estimate = judged(requests, requests)

    assert (estimate.figure, estimate.high, estimate.requests) == (1, 1, 60)
    assert estimate.low == pytest.approx(1 - 0.1157, abs=1e-4)


def test_failures_that_come_together_make_the_interval_wider() -> None:
    total = np.full((60, 1), 100.0)
    spread_out, together = total.copy(), total.copy()
    spread_out -= 1
    together[30] -= 60

    even, uneven = judged(spread_out, total), judged(together, total)

    assert even.figure == uneven.figure == 0.99
    assert even.low > 0.98
    assert uneven.low < 0.96


def test_seconds_that_follow_each_other_are_not_taken_for_independent() -> None:
    total = np.full((60, 1), 100.0)
    scattered, in_a_row = total.copy(), total.copy()
    scattered[::10] -= 20
    in_a_row[20:26] -= 20

    assert judged(in_a_row, total).low < judged(scattered, total).low


def test_the_variance_is_the_one_that_a_moving_block_bootstrap_finds() -> None:
    dice = np.random.default_rng(1)
    seconds, length = 120, 9  # int(2 * 120 ** (1/3))
    amount = 1_000 + 200 * np.convolve(dice.normal(size=seconds + 4), np.ones(5) / 5, mode="valid")
    requests = np.full(seconds, 10.0)
    starts = dice.integers(0, seconds - length + 1, (40_000, -(-seconds // length)))
    draws = (starts[:, :, None] + np.arange(length)).reshape(len(starts), -1)[:, :seconds]
    bootstrapped = amount[draws].sum(axis=1) / requests[draws].sum(axis=1)

    estimate = ratio(amount, requests)

    assert estimate is not None
    half = (estimate.high - estimate.low) / 2
    assert half / 2.179 == pytest.approx(bootstrapped.std(), rel=0.1)  # t of 13 - 1 blocks


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_is_just_missed_is_seldom_passed(setting: Setting) -> None:
    """Where failures come in bursts, an interval that trusts each request alone is wrong at least twice as often."""
    shares = wrong(setting, runs=300)

    above, below = shares["gate"]
    assert above <= 0.09
    assert below <= 0.05
    if setting.strength:
        assert above + below < sum(shares["plain binomial"]) / 2


def test_the_stages_of_a_race_are_no_noise() -> None:
    """Everything slow in the first second and fast in the next two: a fact of the race, which all workers show."""
    total = np.full((3, 2), 500.0)
    good = total.copy()
    good[0] = [250, 260]

    assert judged(good, total, stages=True).high < 0.9
    assert judged(good, total, stages=False).high > 0.99


def test_workers_that_disagree_make_a_race_uncertain() -> None:
    total = np.full((3, 2), 500.0)
    agreeing, disagreeing = total.copy(), total.copy()
    agreeing[0] = [450, 450]
    disagreeing[0] = [400, 500]

    assert judged(disagreeing, total, stages=True).low < judged(agreeing, total, stages=True).low - 0.05


def test_a_race_of_one_worker_is_judged_by_its_seconds() -> None:
    total = np.full((4, 1), 500.0)

    assert judged(total - 1, total, stages=True) == judged(total - 1, total, stages=False)


@pytest.mark.parametrize("stages", [False, True])
def test_a_single_second_says_nothing(stages: bool) -> None:
    total = np.full((1, 1), 500.0)

    assert proportion(total, total, stages) is None
    assert ratio(total[:, 0], total[:, 0]) is None


def test_a_ratio_that_is_steady_is_known_exactly() -> None:
    requests = np.array([10.0, 20.0, 30.0, 20.0])

    estimate = ratio(150 * requests, requests)

    assert estimate is not None
    assert (estimate.figure, estimate.low, estimate.high) == pytest.approx((150, 150, 150))


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=40).filter(
        lambda cells: any(sum(cell) for cell in cells)
    ),
    st.booleans(),
)
def test_the_figure_lies_in_its_interval(cells: list[tuple[int, int]], stages: bool) -> None:
    good = np.array([[float(good)] for good, _ in cells])
    total = good + np.array([[float(bad)] for _, bad in cells])

    estimate = judged(good, total, stages)

    assert 0 <= estimate.low <= estimate.figure <= estimate.high <= 1
