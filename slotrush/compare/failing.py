"""How many more requests fail than before: two shares, the interval of their difference, and what is said of it. Pure.

A share that may be 0 has no ratio. Each share has the gate's interval, which knows that failures come together; the
interval of the difference is made of both (Newcombe, Statistics in Medicine 17 (1998) 873-890, and for several runs of
each side Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702).
"""

from collections.abc import Sequence
from math import hypot
from statistics import fmean
from typing import Final

import numpy as np

from slotrush.compare.figure import Figure, Unit
from slotrush.compare.judging import WORSE
from slotrush.compare.verdict import Result
from slotrush.gate import interval
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome

FAILED: Final = Figure("failed", "Requests that failed", Unit.SHARE, 0.001)
"""Errors, time-outs, broken connections and contracts, and refusals (429, 503), of all requests."""
UNSURE: Final = "the interval has the minimum effect in it: more requests would tell"
TOO_SHORT: Final = "a run has too few seconds with requests to know how the share varies"


def judge(
    figure: Figure, base: Sequence[Estimate | None], candidate: Sequence[Estimate | None], by_run: bool
) -> Result:
    """Of each run the share that failed, as many of one side as of the other; None where a run could not tell.

    `by_run`: there are enough runs for their own differences to be the noise; else it is that within each of them.
    """
    pairs = len(base)
    known = [[one for one in side if one is not None] for side in (base, candidate)]
    if any(len(side) < pairs for side in known):
        return Result(figure, Outcome.UNDECIDED, TOO_SHORT, pairs=pairs)
    before, now = [[_across(side)] for side in known] if by_run else known
    low, high = difference(before, now)
    if high <= figure.minimum_effect:
        outcome, reason = Outcome.PASS, ""
    elif low > figure.minimum_effect:
        outcome, reason = Outcome.FAIL, WORSE
    else:
        outcome, reason = Outcome.UNDECIDED, UNSURE
    return Result(figure, outcome, reason, _mean(before), _mean(now), low=low, high=high, pairs=pairs)


def difference(before: Sequence[Estimate], now: Sequence[Estimate]) -> tuple[float, float]:
    """The interval of the mean share now less the mean share before."""
    middle = _mean(now) - _mean(before)
    below = [(one.figure - one.low) / len(now) for one in now]
    below += [(one.high - one.figure) / len(before) for one in before]
    above = [(one.high - one.figure) / len(now) for one in now]
    above += [(one.figure - one.low) / len(before) for one in before]
    return middle - hypot(*below), middle + hypot(*above)


def _mean(side: Sequence[Estimate]) -> float:
    return fmean(one.figure for one in side)


def _across(runs: Sequence[Estimate]) -> Estimate:
    """The share of all their requests. Each run is a block, so the interval has in it how much runs differ."""
    requests = np.array([[float(one.requests)] for one in runs])
    shares = np.array([[one.figure] for one in runs])
    found = interval.proportion(shares * requests, requests, stages=False)
    assert found is not None, "two runs are enough for it"
    return found
