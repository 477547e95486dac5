"""Response times against the share of the capacity in use."""

import math

import numpy as np
import pytest

from slotrush.capacity.responses import ResponseCurve, curve


def test_near_measurements_are_taken_together_and_times_never_fall() -> None:
    found = curve([0.52, 0.55, 0.58, 0.75, 0.95], [100, 130, 110, 90, 400])

    assert found is not None
    assert found.shares == pytest.approx((0.55, 0.75, 0.95))
    assert found.times_ms == pytest.approx((110, 110, 400))
    assert found.scatter > 0.05


def test_between_the_points_are_straight_lines_and_beyond_the_last_nothing_is_known() -> None:
    found = ResponseCurve((0.5, 1.0), (100.0, 300.0), scatter=0.0)

    assert found.at(np.array([0.1, 0.5, 0.75, 1.0, 1.01])).tolist() == [100, 100, 200, 300, math.inf]


def test_scatter_and_an_uncertain_share_widen_a_prediction() -> None:
    sure, scattered = (ResponseCurve((0.5, 1.0), (100.0, 300.0), scatter) for scatter in (0.0, 0.2))
    exact, uncertain = np.full(1_000, 0.75), np.linspace(0.65, 0.85, 1_000)

    assert sure.predict(0.75, exact).relative_width == 0
    assert sure.predict(0.75, uncertain).relative_width > 0.1
    assert scattered.predict(0.75, exact).low == pytest.approx(200 * math.exp(-1.96 * 0.2), rel=0.1)
    assert scattered.predict(1.2, np.full(10, 1.2)).mid == math.inf


def test_measurements_at_one_load_are_no_curve() -> None:
    assert curve([0.51, 0.55, 0.59], [100, 130, 110]) is None
