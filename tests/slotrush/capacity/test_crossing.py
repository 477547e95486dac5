"""Crossings of zero, of groups that rise alike, from noisy heights."""

import numpy as np
import pytest

from slotrush.capacity.crossing import crossings

TRUE = (3.0, 3.7, 4.4)
RUN = 0.25
GROUPS = [group for group in range(len(TRUE)) for _ in range(10)]


def seen(rng: np.random.Generator, error: float) -> tuple[list[float], list[float]]:
    """Places around each crossing, and the heights there: each place errs by `error`."""
    places = [TRUE[group] + 0.1 * rng.standard_normal() for group in GROUPS]
    heights = [
        (place - TRUE[group] - error * rng.standard_normal()) / RUN for place, group in zip(places, GROUPS, strict=True)
    ]
    return places, heights


def test_exact_heights_give_the_exact_crossings() -> None:
    found = crossings(GROUPS, *seen(np.random.default_rng(1), 0.0), usual=0.05)

    assert [one.mid for one in found] == pytest.approx(TRUE)
    assert max(one.high - one.low for one in found) < 1e-6


def test_the_intervals_hold_the_crossings() -> None:
    rng, held, trials = np.random.default_rng(2), 0, 100
    for _ in range(trials):
        found = crossings(GROUPS, *seen(rng, 0.05), usual=0.05)
        held += sum(true in one for true, one in zip(TRUE, found, strict=True))

    assert 0.9 <= held / trials / len(TRUE) <= 0.99


def test_an_outlier_moves_a_crossing_less_than_its_mean() -> None:
    places, heights = seen(np.random.default_rng(3), 0.01)
    straight = crossings(GROUPS, places, heights, usual=0.05)
    places[0] += 1.0

    moved = crossings(GROUPS, places, heights, usual=0.05)

    assert 0 < moved[0].mid - straight[0].mid < 0.02
    assert moved[0].high - moved[0].low > straight[0].high - straight[0].low


@pytest.mark.parametrize(
    ("groups", "places", "heights"),
    [
        ([], [], []),
        ([0, 0, 0, 0], [1.0, 1.1, 1.2, 1.3], [-1.0, 0.0, 1.0, 2.0]),
        ([0, 0, 0, 2, 2, 2, 2, 2], [1.0, 1.1, 1.2, 2.0, 2.1, 2.2, 2.3, 2.4], [-1, 0, 1, -2, -1, 0, 1, 2]),
        ([0] * 6, [1.5, 1.4, 1.3, 1.2, 1.1, 1.0], [-2, -1, 0, 1, 2, 3]),
    ],
    ids=["nothing", "too few", "a group without any", "heights that fall"],
)
def test_where_nothing_can_be_said_nothing_is(groups: list[int], places: list[float], heights: list[float]) -> None:
    assert crossings(groups, places, heights, usual=0.05) == []
