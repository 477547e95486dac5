"""A verdict in words, the same in every form in which it is shown."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from slotrush.gate.interval import CONFIDENCE
from slotrush.gate.verdict import Outcome, Result, Verdict
from slotrush.slo import Availability, Condition, Figure, Latency, Limit, Position

OUTCOMES: Final = {
    Outcome.PASS: "Passed",
    Outcome.FAIL: "Failed",
    Outcome.UNDECIDED: "Undecided",
    Outcome.SKIPPED: "Not judged",
    Outcome.INVALID: "Invalid",
}
MEANINGS: Final = {
    Outcome.PASS: "every objective is met",
    Outcome.FAIL: "an objective is missed",
    Outcome.UNDECIDED: "the data cannot say whether every objective is met",
    Outcome.INVALID: "the load generator was the bottleneck, so the figures are its own",
}
MIB: Final = 2**20
SHARE_DECIMALS: Final = 3
"""Of percentages: as many as five nines have."""


def headline(verdict: Verdict) -> str:
    return headline_of(verdict.outcome)


def headline_of(outcome: Outcome) -> str:
    return f"{OUTCOMES[outcome]}: {MEANINGS[outcome]}"


def subject(verdict: Verdict) -> str:
    """Which run, and which part of it was judged."""
    judged = f"judged {verdict.window.rule}" if verdict.window else f"nothing was judged: {verdict.no_window}"
    lacking = f"; {', '.join(verdict.lacking)}" if verdict.lacking else ""
    return f"{verdict.scenario or 'unknown scenario'}, run {verdict.run_id or 'without a name'}, {judged}{lacking}"


def measured(result: Result) -> str:
    return _amount(result, result.estimate.figure, round) if result.estimate else ""


def between(result: Result) -> str:
    """The interval, rounded outwards, so that it never looks better than it is."""
    estimate = result.estimate
    if estimate is None or estimate.low == estimate.high:
        return ""
    return f"{_amount(result, estimate.low, math.floor)} to {_amount(result, estimate.high, math.ceil)}"


def wanted(result: Result) -> str:
    one = result.objective
    if isinstance(one, Limit):
        return f"at most {_amount(result, one.at_most, round)}"
    if isinstance(one, Latency):
        return f"at least {one.target * 100:.10g} % under {one.threshold_ms:,.10g} ms"
    if isinstance(one, Availability):
        return f"at least {one.target * 100:.10g} %"
    return "shown"


def amount(result: Result) -> str:
    return f"{result.estimate.requests:,}" if result.estimate else ""


def sentence(result: Result) -> str:
    """Everything about one result, for where there is no table."""
    parts = [f"{measured(result)}"] if result.estimate else []
    if span := between(result):
        parts.append(f"{CONFIDENCE * 100:.0f} % interval {span}")
    if not isinstance(result.objective, Condition):
        parts.append(f"wanted {wanted(result)}")
    if result.estimate:
        parts.append(f"{amount(result)} requests")
    figures = ", ".join(parts)
    return "; ".join(part for part in (figures, result.reason) if part) or OUTCOMES[result.outcome]


def shown_path(position: Position) -> str:
    """Relative to the working directory where that is above the file."""
    path = position.path.resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _amount(result: Result, value: float, rounded: Callable[[float], int]) -> str:
    one = result.objective
    if not isinstance(one, Limit):
        scale = 10**SHARE_DECIMALS
        return f"{rounded(value * 100 * scale) / scale:.{SHARE_DECIMALS}f} %"
    if one.figure is Figure.MEMORY:
        return f"{rounded(value / MIB * 10) / 10:,.1f} MiB"
    if one.figure is Figure.STATEMENTS:
        return f"{rounded(value * 100) / 100:,.2f}"
    return f"{rounded(value):,} µs"
