"""Intervals: drawing from them and reading them out of draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.capacity.intervals import Interval, around, draw, exactly
from slotrush.errors import BadInputError

INTERVALS = st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3).map(lambda ends: Interval(*sorted(ends)))


@given(INTERVALS)
def test_draws_have_the_interval_as_their_quantiles(interval: Interval) -> None:
    draws = draw(interval, 20_000, np.random.default_rng(1))
    below = [float(np.mean(draws <= end * (1 + 1e-9))) for end in (interval.low, interval.mid, interval.high)]

    assert np.all(draws > 0)
    for share, wanted in zip(below, (0.025, 0.5, 0.975), strict=True):
        assert share >= wanted - 0.015
    if interval.low * 1.001 < interval.mid < interval.high / 1.001:  # else two of the three are counted as one
        assert below == pytest.approx([0.025, 0.5, 0.975], abs=0.015)


def test_a_number_without_error_is_drawn_as_it_is() -> None:
    assert draw(exactly(7.0), 5, np.random.default_rng(1)) == pytest.approx(7.0)


@given(st.floats(-10, 10), st.lists(st.floats(-10, 10), min_size=1))
def test_an_interval_always_holds_its_estimate(mid: float, draws: list[float]) -> None:
    assert mid in around(mid, draws)


def test_infinite_ends_are_null_in_json() -> None:
    assert Interval(1, 2, math.inf).as_json() == {"low": 1, "mid": 2, "high": None}


@pytest.mark.parametrize("ends", [(0, 1, 2), (2, 1, 3), (1, 3, 2), (1, 2, math.inf), (1, math.nan, 2)], ids=str)
def test_what_is_no_positive_interval_cannot_be_drawn_from(ends: tuple[float, float, float]) -> None:
    with pytest.raises(BadInputError, match="0 < low <= mid <= high"):
        draw(Interval(*ends), 1, np.random.default_rng(1))
