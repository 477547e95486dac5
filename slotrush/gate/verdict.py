"""What a gate says: of each objective, and of the run as a whole. Pure data, and the rule that adds it up."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from slotrush import errors
from slotrush.gate.interval import Estimate
from slotrush.gate.window import Window
from slotrush.slo import Fact, Objective


class Outcome(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"  # the data cannot say
    SKIPPED = "skipped"  # this run is not held to it
    INVALID = "invalid"  # of a whole run: it measured the load generator


EXIT_CODES: Final = {
    Outcome.PASS: errors.EXIT_OK,
    Outcome.FAIL: errors.EXIT_FAILED,
    Outcome.UNDECIDED: errors.EXIT_UNDECIDED,
    Outcome.INVALID: errors.EXIT_INVALID_RUN,
}


@dataclass(frozen=True)
class Result:
    """One objective. `reason` is empty where the figures say it all, `estimate` None where there are none."""

    objective: Objective
    outcome: Outcome
    reason: str = ""
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Verdict:
    """`lacking` is what a run that was cut short lacks, in words; `no_window` why there is no window."""

    run_id: str
    scenario: str | None
    started_at: str | None
    duration_s: float | None
    outcome: Outcome
    results: tuple[Result, ...]
    window: Window | None
    no_window: str
    lacking: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]


def doubted(result: Result, faults: tuple[str, ...], lacking: tuple[str, ...]) -> Result:
    """A measured result in the light of the whole run.

    A generator that measured itself says nothing of the target. A run that was cut short may have missed the worst,
    so it cannot pass; what it has failed, it has failed.
    """
    if result.outcome not in (Outcome.PASS, Outcome.FAIL):
        return result
    if faults:
        return replace(result, outcome=Outcome.UNDECIDED, reason=f"it came out as {result.outcome}, but {faults[0]}")
    if lacking and result.outcome is Outcome.PASS:
        return replace(result, outcome=Outcome.UNDECIDED, reason=f"it held until then, but {lacking[0]}")
    return result


def overall(results: tuple[Result, ...], lacking: tuple[str, ...]) -> Outcome:
    """A broken promise outweighs everything; then an invalid generator; then any failure; then any doubt."""
    outcomes = {result.outcome for result in results}
    if _has_failed(results, Fact.AUDIT_CLEAN):
        return Outcome.FAIL
    if _has_failed(results, Fact.GENERATOR_VALID):
        return Outcome.INVALID
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    return Outcome.UNDECIDED if Outcome.UNDECIDED in outcomes or lacking else Outcome.PASS


def _has_failed(results: tuple[Result, ...], fact: Fact) -> bool:
    return any(result.outcome is Outcome.FAIL and getattr(result.objective, "fact", None) is fact for result in results)
