"""What is said of the share of requests that failed, from planted shares."""

import numpy as np
import pytest

from slotrush.compare.failing import FAILED, difference, judge
from slotrush.gate import interval
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome

REQUESTS_PER_S = 200
EIGHT = 8


def run(share: float, seconds: int = 60, seed: int = 1) -> Estimate:
    """A run of which so many requests fail, each second about as many."""
    total = np.full((seconds, 1), float(REQUESTS_PER_S))
    failed = np.random.default_rng(seed).binomial(REQUESTS_PER_S, share, (seconds, 1)).astype(float)
    found = interval.proportion(failed, total, stages=False)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        (0.0, 0.0, Outcome.PASS),
        (0.02, 0.02, Outcome.UNDECIDED),
        (0.3, 0.0, Outcome.PASS),
        (0.0, 1.0, Outcome.FAIL),
        (0.0, 0.02, Outcome.FAIL),
        (0.0, 0.001, Outcome.UNDECIDED),
    ],
    ids=["none fails", "as many, which cannot be told", "fewer", "all fail", "more", "on the edge"],
)
def test_more_fail_when_the_whole_interval_of_the_difference_is_beyond_the_minimum_effect(
    before: float, now: float, outcome: Outcome
) -> None:
    result = judge(FAILED, [run(before)], [run(now, seed=2)], by_run=False)

    assert result.outcome is outcome
    assert (result.ratio, result.pairs) == (None, 1)
    assert result.low is not None
    assert result.high is not None
    assert result.low <= (result.candidate or 0) - (result.base or 0) <= result.high


def test_where_nothing_fails_only_enough_requests_show_it() -> None:
    assert judge(FAILED, [run(0.0)], [run(0.0, seconds=20)], by_run=False).outcome is Outcome.UNDECIDED


def test_several_runs_of_each_side_make_the_interval_narrower() -> None:
    one = difference([run(0.02)], [run(0.02, seed=2)])
    four = difference([run(0.02, seed=seed) for seed in range(4)], [run(0.02, seed=seed) for seed in range(4, 8)])

    assert four[1] - four[0] < one[1] - one[0]


def test_from_enough_runs_on_what_counts_is_how_much_runs_differ() -> None:
    before = [run(0.0)] * EIGHT
    always, now_and_then = [run(0.05)] * EIGHT, [run(0.4), *[run(0.0)] * (EIGHT - 1)]

    assert judge(FAILED, before, always, by_run=True).outcome is Outcome.FAIL
    assert judge(FAILED, before, now_and_then, by_run=True).outcome is Outcome.UNDECIDED
    assert judge(FAILED, before, before, by_run=True).outcome is Outcome.PASS


def test_a_run_that_is_too_short_leaves_it_undecided() -> None:
    result = judge(FAILED, [run(0.0)], [None], by_run=False)

    assert result.outcome is Outcome.UNDECIDED
    assert "too few seconds" in result.reason
