"""From pairs of measurements to a result for each figure."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from slotrush.compare.bootstrap import PAIRS_MIN, Numbers, intervals
from slotrush.compare.figure import Figure
from slotrush.compare.verdict import Result
from slotrush.gate.verdict import Outcome

Pairs = Mapping[Figure, Numbers]
"""By figure an array [pairs, 2]: the base's amount and the candidate's, both above 0."""
WORSE: Final = "even the lower end of the interval is beyond the minimum effect"
UNSURE: Final = "the interval has the minimum effect in it: more pairs would tell"


def judge(pairs: Pairs, tail: float) -> tuple[Result, ...]:
    """Each figure, with an interval that is exceeded on either side with the probability `tail`. All figures have the
    same pairs."""
    if not pairs:
        return ()
    measured = np.stack(list(pairs.values()), axis=1)
    logs = np.log(measured[:, :, 1] / measured[:, :, 0])
    if len(logs) < PAIRS_MIN:
        reason = f"{len(logs)} pairs say too little of how they vary: {PAIRS_MIN} are the least"
        low, middle, high = (np.full(len(pairs), np.nan), logs.mean(axis=0), np.full(len(pairs), np.nan))
    else:
        reason = ""
        low, middle, high = intervals(logs, tail)
    typical = np.median(measured, axis=0)
    return tuple(
        _result(figure, typical[at], np.exp([low[at], middle[at], high[at]]), len(logs), reason)
        for at, figure in enumerate(pairs)
    )


def _result(figure: Figure, typical: Numbers, ratios: Numbers, pairs: int, reason: str) -> Result:
    limit = 1 + figure.minimum_effect
    low, middle, high = map(float, ratios)
    if reason:
        return Result(figure, Outcome.UNDECIDED, reason, float(typical[0]), float(typical[1]), middle, pairs=pairs)
    if high <= limit:
        outcome, reason = Outcome.PASS, ""
    elif low > limit:
        outcome, reason = Outcome.FAIL, WORSE
    else:
        outcome, reason = Outcome.UNDECIDED, UNSURE
    return Result(figure, outcome, reason, float(typical[0]), float(typical[1]), middle, low, high, pairs)
