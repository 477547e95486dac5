"""Changes in a history: where Otava puts them, and what of a history belongs together."""

import random
from collections.abc import Sequence

import pytest

from slotrush.compare.figure import Figure, Unit
from slotrush.compare.reading import Reading
from slotrush.history.trend import change_points, level, stories

CPU = Figure("app-cpu", "CPU of app per request", Unit.CPU, 0.05)


def run(number: int, amount: float, *, machine: str = "2 x Abacus", users: int = 100) -> Reading:
    return Reading(
        f"run-{number}", "mix", {"users": users}, machine, f"{number:040}", f"2026-11-{number + 1:02}T10:00:00+00:00",
        0, True, (), (), None, {CPU: (amount, amount)},
    )  # fmt: skip


def noisy(levels: Sequence[float], noise: float = 0.02) -> list[float]:
    dice = random.Random(3)
    return [one * dice.gauss(1, noise) for one in levels]


def test_a_step_is_found_where_it_is() -> None:
    assert change_points(noisy([100] * 10 + [115] * 10), 0.05) == [10]


@pytest.mark.parametrize("levels", [[100] * 20, [100] * 10 + [102] * 10], ids=["none", "smaller than matters"])
def test_what_is_no_change_is_not_called_one(levels: Sequence[float]) -> None:
    assert change_points(noisy(levels), 0.05) == []


def test_a_change_has_the_means_of_the_levels_around_it() -> None:
    amounts = [100.0, 101, 99, 100, 101, 99, 100, 121, 119, 120, 121, 119, 120, 120]
    (story,) = stories([run(number, amount) for number, amount in enumerate(amounts)])

    (change,) = story.changes

    assert (change.at, change.commit, change.after_commit) == (7, f"{7:040}", f"{6:040}")
    assert (change.before, change.after) == pytest.approx((100, 120))
    assert change.is_worse


def test_other_machines_and_other_loads_are_other_stories() -> None:
    found = stories([run(0, 100), run(1, 100, machine="64 x Abacus"), run(2, 100, users=200), run(3, 100)])
    assert [len(story.runs) for story in found] == [2, 1, 1]


def test_a_run_amounts_to_the_geometric_mean_of_its_blocks() -> None:
    assert level([1, 100]) == pytest.approx(10)
