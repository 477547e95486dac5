"""What a comparison says: of each figure, and as a whole. Pure data, and the rule that adds it up."""

from collections.abc import Sequence
from dataclasses import dataclass

from slotrush.compare.figure import Figure
from slotrush.gate.verdict import EXIT_CODES, Outcome


@dataclass(frozen=True)
class Result:
    """One figure: its typical amount on both sides, the ratio of the candidate to the base with its interval, and the
    number of pairs behind it. Amounts and ratios are None where there is nothing to compare. A share of requests has no
    ratio: its interval is that of the difference."""

    figure: Figure
    outcome: Outcome
    reason: str = ""
    base: float | None = None
    candidate: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0


@dataclass(frozen=True)
class Comparison:
    """`base` and `candidate` name what was compared, `method` how; `notes` is what to mind."""

    base: str
    candidate: str
    started_at: str
    duration_s: float
    method: str
    outcome: Outcome
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]


def overall(results: Sequence[Result]) -> Outcome:
    """Any figure that is worse, then any doubt, also where nothing was judged."""
    outcomes = {result.outcome for result in results} - {Outcome.SKIPPED}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    return Outcome.UNDECIDED if Outcome.UNDECIDED in outcomes or not outcomes else Outcome.PASS
