"""A comparison in words, the same in every form in which it is shown."""

import math
from collections.abc import Callable
from typing import Final

from slotrush.compare.figure import Figure, Unit
from slotrush.compare.verdict import Comparison, Result
from slotrush.gate.verdict import Outcome

OUTCOMES: Final = {
    Outcome.PASS: "Not worse",
    Outcome.FAIL: "Worse",
    Outcome.UNDECIDED: "Undecided",
    Outcome.SKIPPED: "Not compared",
}
MEANINGS: Final = {
    Outcome.PASS: "Passed: no figure is worse by its minimum effect",
    Outcome.FAIL: "Failed: a figure is worse by more than its minimum effect",
    Outcome.UNDECIDED: "Undecided: the data cannot say whether every figure is as good as before",
    Outcome.INVALID: "Invalid: a run measured its load generator",
}
COLUMNS: Final = ("", "figure", "base", "candidate", "ratio", "interval", "may grow by", "pairs")
MIB: Final = 2**20
FORMATS: Final = {
    Unit.CPU: "{:,.1f} µs",
    Unit.STATEMENTS: "{:,.2f}",
    Unit.MEMORY: "{:,.1f} MiB",
    Unit.TIME: "{:,.2f} ms",
    Unit.COUNT: "{:,.0f}",
    Unit.SHARE: "{:.2%}",
}


def headline(compared: Comparison) -> str:
    return MEANINGS[compared.outcome]


def subject(compared: Comparison) -> str:
    took = f"; {compared.duration_s:.0f} s" if compared.duration_s else ""
    return f"{compared.candidate} against {compared.base}; {compared.method}{took}"


def cells(result: Result) -> tuple[str, ...]:
    """Of the columns after the outcome and the figure."""
    return (
        amount(result.figure, result.base),
        amount(result.figure, result.candidate),
        _ratio(result.ratio, round),
        interval(result),
        _allowed(result),
        str(result.pairs) if result.pairs else "",
    )


def interval(result: Result) -> str:
    """Rounded outwards, so that it never looks better than it is; empty where the figure was counted."""
    if result.low is None or result.high is None or result.low == result.high:
        return ""
    if result.figure.unit is Unit.SHARE:
        return f"{_points(result.low, math.floor)} to {_points(result.high, math.ceil)} points"
    return f"{_ratio(result.low, math.floor)} to {_ratio(result.high, math.ceil)}"


def sentence(result: Result) -> str:
    """Everything about one figure, for where there is no table."""
    base, candidate, ratio, span, allowed, pairs = cells(result)
    parts = [f"{base} before, {candidate} now" if base else "", f"ratio {ratio}" if ratio else ""]
    parts += [f"interval {span}" if span else "", f"may grow by {allowed}" if allowed else ""]
    parts += [f"{pairs} {'pair' if pairs == '1' else 'pairs'}" if pairs else ""]
    return "; ".join(part for part in (", ".join(filter(None, parts)), result.reason) if part)


def amount(figure: Figure, value: float | None) -> str:
    if value is None:
        return ""
    return FORMATS[figure.unit].format(value / MIB if figure.unit is Unit.MEMORY else value)


def _ratio(value: float | None, rounded: Callable[[float], int]) -> str:
    if value is None:
        return ""
    return f"{rounded(value * 1000) / 1000:.3f}" if math.isfinite(value) else "∞"


def _points(value: float, rounded: Callable[[float], int]) -> str:
    """A difference of shares."""
    return f"{rounded(value * 10_000) / 100:+.2f}"


def _allowed(result: Result) -> str:
    if result.figure.unit is Unit.SHARE:
        return f"{100 * result.figure.minimum_effect:g} points"
    return f"{result.figure.minimum_effect:.0%}" if result.ratio is not None else ""
