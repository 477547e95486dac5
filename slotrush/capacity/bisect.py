"""The search for the highest rate that still meets the objectives, when one and the same rate may pass or fail.

A test at a rate passes or fails, or was spoiled and tells nothing; near the limit chance decides. The limit is the rate
that passes in half of all tests. What is known of it is a probability over a grid of limits, updated by Bayes' rule
with each verdict (Horstein 1963, doi:10.1109/TIT.1963.1057832; Waeber, Frazier and Henderson, Bisection Search with
Noisy Responses, SIAM J. Control and Optimization 51(3), 2013, doi:10.1137/120861898). Plain probabilistic bisection
takes the chance of a right verdict as known, while it falls to one half at the limit, and so becomes too sure of
itself. Here the width of the zone where chance decides is unknown too and averaged over, and the next test is made
where its verdict is expected to tell most of the limit (Kontsevich and Tyler 1999, doi:10.1016/S0042-6989(98)00285-5;
Prins 2013, doi:10.1167/13.7.3).

The state is the settings and the verdicts so far: pure, small, and kept as JSON to resume after an interruption.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy import special

from slotrush.capacity.intervals import TAIL, Floats, Interval
from slotrush.errors import BadInputError

_GRID_STEP: Final = 0.004
"""Limits on the grid are 0.4 % apart: finer than any search resolves."""
_WIDTHS: Final = np.geomspace(0.005, 0.15, 8)
"""Standard deviation of a test's own limit around the limit, as a share: what one run differs from the next."""
_LAPSE: Final = 0.02
"""A test in fifty gives a verdict that has nothing to do with its rate."""
_BEYOND: Final = 1.5
"""A limit outside the range is thought of as this many times above its highest or below its lowest rate."""
_BEYOND_CHANCE: Final = 0.05
"""How likely it is, before any test, that the limit lies beyond either end."""
_SURE: Final = 0.95
_QUANTILES: Final = np.linspace(0.1, 0.9, 9)
"""Of what is known of the limit: the rates that compete for the next test."""
_FORMAT: Final = 1


class Verdict(StrEnum):
    """What a test at one rate said of the objectives; an undecided one said nothing, and only uses up a test."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


class Stop(StrEnum):
    """Why a search is over."""

    PRECISE = "the interval is as narrow as asked for"
    BUDGET = "the number of tests is used up"
    ABOVE = "even the highest rate passes"
    BELOW = "even the lowest rate fails"


@dataclass(frozen=True)
class Trial:
    """One test: its rate per second and its verdict."""

    rate: float
    verdict: Verdict


@dataclass(frozen=True)
class Search:
    """A search between two rates per second, with the verdicts so far; immutable, `after` gives the next one.

    It stops when half of the 95 % interval is at most `tolerance` of the estimate, after `tests_max` tests, or when an
    end of the range answers as if the limit lay beyond it.
    """

    lowest: float
    highest: float
    tolerance: float = 0.03
    tests_max: int = 30
    trials: tuple[Trial, ...] = ()

    def __post_init__(self) -> None:
        """Raises BadInputError for a range or settings that allow no search."""
        if not 0 < self.lowest < self.highest < math.inf:
            raise BadInputError(
                "search range",
                f"{self.lowest:g} to {self.highest:g} per s is no range",
                "Give a lowest rate above 0 and a higher highest rate",
            )
        if not (_GRID_STEP <= self.tolerance < 1 and self.tests_max >= 1):
            raise BadInputError(
                "search settings",
                f"a tolerance of {self.tolerance:g} in {self.tests_max} tests cannot be reached",
                f"Give a tolerance from {_GRID_STEP:g} to 1 and one test at least",
            )

    def after(self, rate: float, verdict: Verdict) -> "Search":
        """The search that also knows this verdict; the rate need not be the one that `next_rate` asked for."""
        trials = (*self.trials, Trial(rate, verdict))
        return Search(self.lowest, self.highest, self.tolerance, self.tests_max, trials)

    def estimate(self) -> Interval:
        """The limit in requests per second: the median of what is known, and its 95 % interval.

        An interval that reaches beyond the range ends in 0 or in infinity.
        """
        chances = np.sum(self._known, axis=1)
        low, mid, high = (self._quantile(chances, share) for share in (TAIL, 0.5, 1 - TAIL))
        return Interval(
            min(low, self.highest) if low >= self.lowest else 0.0,
            min(max(mid, self.lowest), self.highest),
            max(high, self.lowest) if high <= self.highest else math.inf,
        )

    def next_rate(self) -> float | None:
        """The rate per second to test next, or None when the search is over (`stop` says why)."""
        if self.stop() is not None:
            return None
        chances = np.sum(self._known, axis=1)
        rates = {self._quantile(chances, share) for share in _QUANTILES}
        candidates = sorted({min(max(rate, self.lowest), self.highest) for rate in rates})
        return min(candidates, key=lambda rate: _expected_doubt(self._limits, self._known, rate))

    def stop(self) -> Stop | None:
        """Why the search is over, or None while it is not."""
        chances = np.sum(self._known, axis=1)
        if chances[-1] > _SURE:
            return Stop.ABOVE
        if chances[0] > _SURE:
            return Stop.BELOW
        if self.estimate().relative_width <= self.tolerance:
            return Stop.PRECISE
        return Stop.BUDGET if len(self.trials) >= self.tests_max else None

    def as_json(self) -> dict[str, Any]:
        """All that `from_json` needs to go on."""
        return {
            "format": _FORMAT,
            "lowest_per_s": self.lowest,
            "highest_per_s": self.highest,
            "tolerance": self.tolerance,
            "tests_max": self.tests_max,
            "trials": [[trial.rate, trial.verdict.value] for trial in self.trials],
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Search":
        """Raises BadInputError for a state that `as_json` did not write."""
        try:
            if state["format"] != _FORMAT:
                raise ValueError(f"format {state['format']!r} is unknown")
            trials = tuple(Trial(float(rate), Verdict(verdict)) for rate, verdict in state["trials"])
            bounds = float(state["lowest_per_s"]), float(state["highest_per_s"])
            return cls(*bounds, float(state["tolerance"]), int(state["tests_max"]), trials)
        except (KeyError, TypeError, ValueError) as problem:
            raise BadInputError("search state", f"it cannot be read: {problem!r}", "Start the search anew") from None

    def _quantile(self, chances: Floats, share: float) -> float:
        return float(self._limits[min(int(np.searchsorted(np.cumsum(chances), share)), len(chances) - 1)])

    @cached_property
    def _limits(self) -> Floats:
        """The grid: logarithmic over the range, with one limit that stands for all beyond each end. Shape (limits,)."""
        count = math.ceil(math.log(self.highest / self.lowest) / _GRID_STEP) + 2
        inner = np.geomspace(self.lowest, self.highest, count)
        return np.concatenate(([self.lowest / _BEYOND], inner, [self.highest * _BEYOND]))

    @cached_property
    def _known(self) -> Floats:
        """How likely each pair of limit and width is: shape (limits, widths), with sum 1."""
        within = (1 - 2 * _BEYOND_CHANCE) / (len(self._limits) - 2)
        prior = np.full(len(self._limits), within)
        prior[[0, -1]] = _BEYOND_CHANCE
        weights = np.repeat(np.log(prior)[:, None], len(_WIDTHS), axis=1)
        for trial in self.trials:
            passes = _pass_chance(self._limits, trial.rate)
            match trial.verdict:
                case Verdict.PASS:
                    weights += np.log(passes)
                case Verdict.FAIL:
                    weights += np.log1p(-passes)
        chances = np.exp(weights - np.max(weights))
        return np.asarray(chances / np.sum(chances), np.float64)


def _pass_chance(limits: Floats, rate: float) -> Floats:
    """How likely a test at this rate passes, for each limit and width: shape (limits, widths)."""
    distance = np.log(limits / rate)
    return np.asarray(_LAPSE / 2 + (1 - _LAPSE) * special.ndtr(distance[:, None] / _WIDTHS))


def _expected_doubt(limits: Floats, known: Floats, rate: float) -> float:
    """The entropy, in nats, that the limit is expected to have after a test at this rate."""
    if_passed = known * _pass_chance(limits, rate)
    passed = float(np.sum(if_passed))
    after_pass = np.sum(if_passed, axis=1) / passed
    after_fail = np.sum(known - if_passed, axis=1) / (1 - passed)
    return passed * float(np.sum(special.entr(after_pass))) + (1 - passed) * float(np.sum(special.entr(after_fail)))
