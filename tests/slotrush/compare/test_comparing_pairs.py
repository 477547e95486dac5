"""What is said of a figure, from planted pairs."""

import numpy as np
import pytest

from slotrush.compare import Figure, Result, Unit, judge
from slotrush.compare.verdict import overall
from slotrush.gate.verdict import Outcome

CPU = Figure("app-cpu", "CPU of app", Unit.CPU, 0.05)
MEMORY = Figure("memory", "Memory", Unit.MEMORY, 0.1)


def planted(ratio: float, noise: float, pairs: int = 60) -> np.ndarray:
    dice = np.random.default_rng(7)
    base = 200 * np.exp(dice.normal(0, noise, pairs))
    return np.stack([base, 200 * ratio * np.exp(dice.normal(0, noise, pairs))], axis=1)


@pytest.mark.parametrize(
    ("ratio", "noise", "outcome"),
    [
        (1.0, 0.03, Outcome.PASS),
        (0.5, 0.03, Outcome.PASS),
        (1.02, 0.02, Outcome.PASS),
        (1.1, 0.03, Outcome.FAIL),
        (1.05, 0.03, Outcome.UNDECIDED),
        (1.1, 1.0, Outcome.UNDECIDED),
    ],
    ids=["as before", "better", "worse by less than matters", "worse", "on the edge", "too noisy"],
)
def test_a_figure_is_worse_when_its_whole_interval_is_beyond_the_minimum_effect(
    ratio: float, noise: float, outcome: Outcome
) -> None:
    (result,) = judge({CPU: planted(ratio, noise)}, tail=0.025)

    assert result.outcome is outcome
    assert result.low is not None
    assert result.high is not None
    assert result.low < (result.ratio or 0) < result.high
    assert result.ratio == pytest.approx(ratio, rel=3 * noise)


def test_too_few_pairs_are_undecided_and_still_tell_the_ratio() -> None:
    (result,) = judge({CPU: planted(2.0, 0.01, pairs=4)}, tail=0.025)

    assert result.outcome is Outcome.UNDECIDED
    assert "4 pairs say too little" in result.reason
    assert result.ratio == pytest.approx(2.0, rel=0.05)
    assert result.low is None


def test_each_figure_has_its_own_minimum_effect() -> None:
    array = planted(1.08, 0.01)
    assert [one.outcome for one in judge({CPU: array, MEMORY: array}, 0.025)] == [Outcome.FAIL, Outcome.PASS]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ([Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED], Outcome.FAIL),
        ([Outcome.PASS, Outcome.UNDECIDED], Outcome.UNDECIDED),
        ([Outcome.PASS, Outcome.SKIPPED], Outcome.PASS),
        ([Outcome.SKIPPED], Outcome.UNDECIDED),
    ],
)
def test_any_figure_that_is_worse_decides_then_any_doubt(outcomes: list[Outcome], whole: Outcome) -> None:
    assert overall([Result(CPU, outcome) for outcome in outcomes]) is whole
