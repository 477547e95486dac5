"""How closely replicas followed."""

import numpy as np
import pytest

from slotrush.elasticity.measure import measure, rises, without_gaps


def curve(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


@pytest.mark.parametrize(
    ("wanted", "ready", "expected"),
    [
        ([2, 2, 2], [2, 2, 2], []),
        ([2, 6, 6, 6], [2, 2, 4, 6], [2]),
        ([2, 4, 8, 8], [2, 2, 4, 8], [1, 1]),
        ([2, 6, 6, 2], [2, 2, 2, 2], [None]),
        ([2, 6, 6], [2, 2, 2], [None]),
        ([2, 3, 3], [5, 5, 5], [0]),
    ],
    ids=["steady", "a rise", "two rises", "given up", "cut short", "enough already"],
)
def test_a_rise_lasts_until_so_many_are_ready(wanted: list[int], ready: list[int], expected: list[int | None]) -> None:
    assert rises(curve(*wanted), curve(*ready)) == expected


def test_what_is_missing_and_to_spare_is_summed_up() -> None:
    found = measure(curve(2, 6, 6, 6, 2), curve(2, 2, 4, 6, 6), curve(6, 6, 6, 6, 6), step_s=5)

    assert (found.under_share, found.under_mean) == (0.4, (4 + 2) / 5)
    assert (found.over_share, found.over_mean) == (0.2, 4 / 5)
    assert (found.replicas_min, found.replicas_max, found.limit, found.at_limit_share) == (2, 6, 6, 0.6)
    assert (found.rises, found.unfinished_rises, found.slowest_rise_s) == (1, 0, 10)


def test_a_gauge_that_was_not_scraped_keeps_its_value() -> None:
    assert without_gaps(curve(np.nan, 2, np.nan, np.nan, 5, np.nan)).tolist() == [2, 2, 2, 2, 5, 5]
