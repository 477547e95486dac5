"""Two runs, or two sets of runs, held against each other."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from slotrush.compare import failing
from slotrush.compare.bootstrap import PAIRS_MIN, Numbers
from slotrush.compare.figure import Figure, Unit
from slotrush.compare.judging import judge
from slotrush.compare.reading import Reading
from slotrush.compare.sequential import ERROR
from slotrush.compare.verdict import Comparison, Result, overall
from slotrush.errors import BadInputError
from slotrush.gate.verdict import Outcome

ALLOWANCE: Final = {Unit.CPU: 0.3, Unit.TIME: 1.0, Unit.MEMORY: 0.2, Unit.STATEMENTS: 0.05, Unit.SHARE: 0.005}
"""Minimum effects where there are too few runs to know how runs differ, which blocks of one run do not show: the CPU
per booking attempt of three races of the same code, on a shared machine, differed by up to a third (README.md)."""
AUDIT: Final = Figure("audit", "Promises broken", Unit.COUNT, 0.0, is_portable=True)
GENERATOR: Final = Figure("validity", "Runs that measured the target", Unit.COUNT, 0.0)
ELSEWHERE: Final = "it depends on the machine, and these are machines of different classes"
FAILS_ELSEWHERE: Final = (
    "more fails, but on a machine of another class: whether the version or the machine, nobody knows"
)


def compare_runs(base: Sequence[Reading], candidate: Sequence[Reading]) -> Comparison:
    """Both in order of their start. Raises BadInputError for runs that were not of the same scenario and load."""
    every = (*base, *candidate)
    for one in every:
        _require_alike(base[0], one)
    paired = list(zip(base, candidate, strict=False))
    by_run = len(paired) >= PAIRS_MIN
    amounts = {figure: _amounts(figure, paired, by_run) for figure in _shared(every)}
    if not by_run:
        amounts = {_allowing(figure): array for figure, array in amounts.items()}
    blocks = 0 if by_run else max(map(len, amounts.values()), default=0)
    here = len({one.machine for one in every}) == 1
    judged = [_failures(paired, by_run)]
    judged += [result for figure, array in amounts.items() for result in judge({figure: array}, ERROR)]
    judged = [one if here or one.figure.is_portable else _elsewhere(one) for one in judged]
    lacking = [f"{one.run_id}: {lack}" for one in every for lack in one.lacking]
    results = (*_conditions(base, candidate), *(_doubted(one, lacking) for one in judged))
    return Comparison(
        base=_names(base),
        candidate=_names(candidate),
        started_at=candidate[0].started_at,
        duration_s=0.0,
        method=_method(len(paired), by_run),
        outcome=_outcome(results, base, candidate),
        results=results,
        notes=tuple(_notes(base, candidate, by_run, here, blocks)),
    )


def _require_alike(first: Reading, other: Reading) -> None:
    if other.scenario != first.scenario:
        raise BadInputError(
            f"run {other.run_id}",
            f"it is of the scenario {other.scenario or 'unknown'}, and {first.run_id} of {first.scenario or 'unknown'}",
            "Compare runs of one scenario",
        )
    differing = sorted(
        name for name in first.load.keys() | other.load.keys() if first.load.get(name) != other.load.get(name)
    )
    if differing:
        told = ", ".join(f"{name} {other.load.get(name)} and not {first.load.get(name)}" for name in differing)
        raise BadInputError(
            f"run {other.run_id}", f"its load is not that of {first.run_id}: {told}", "Compare runs of the same load"
        )


def _shared(every: Sequence[Reading]) -> list[Figure]:
    return [figure for figure in every[0].figures if all(figure in one.figures for one in every)]


def _amounts(figure: Figure, paired: Sequence[tuple[Reading, Reading]], by_run: bool) -> Numbers:
    """[pairs, 2]: of whole runs, or of their blocks at the same place."""
    found: list[tuple[float, float]] = []
    for pair in paired:
        blocks = list(zip(*(one.figures[figure] for one in pair), strict=False))
        found += [_geometric_means(blocks)] if by_run else blocks
    return np.array(found)


def _geometric_means(blocks: Sequence[tuple[float, ...]]) -> tuple[float, float]:
    base, candidate = np.exp(np.log(np.array(blocks)).mean(axis=0))
    return float(base), float(candidate)


def _failures(paired: Sequence[tuple[Reading, Reading]], by_run: bool) -> Result:
    before, now = ([one.failed for one in side] for side in zip(*paired, strict=True))
    return failing.judge(failing.FAILED if by_run else _allowing(failing.FAILED), before, now, by_run)


def _allowing(figure: Figure) -> Figure:
    return replace(figure, minimum_effect=max(figure.minimum_effect, ALLOWANCE[figure.unit]))


def _elsewhere(result: Result) -> Result:
    if result.figure.unit is Unit.SHARE and result.outcome is Outcome.FAIL:
        return replace(result, outcome=Outcome.UNDECIDED, reason=FAILS_ELSEWHERE)
    return replace(result, outcome=Outcome.SKIPPED, reason=ELSEWHERE)


def _doubted(result: Result, lacking: Sequence[str]) -> Result:
    """A run that was cut short may have missed the worst, so nothing passes; what is worse, is worse."""
    if lacking and result.outcome is Outcome.PASS:
        return replace(result, outcome=Outcome.UNDECIDED, reason=f"it held until then, but {lacking[0]}")
    return result


def _conditions(base: Sequence[Reading], candidate: Sequence[Reading]) -> list[Result]:
    broken = [sum(one.broken for one in side) for side in (base, candidate)]
    if broken[1]:
        audit = Outcome.FAIL, f"the audit of the candidate found {broken[1]:,} promises broken"
    elif not all(one.audited for one in candidate):
        audit = Outcome.SKIPPED, "there was no audit, so nobody knows whether promises were kept"
    else:
        audit = Outcome.PASS, ""
    faults = [f"{one.run_id}: {fault}" for one in (*base, *candidate) for fault in one.faults]
    validity = (Outcome.UNDECIDED, "; ".join(faults)) if faults else (Outcome.PASS, "")
    valid = [sum(not one.faults for one in side) for side in (base, candidate)]
    return [
        Result(AUDIT, *audit, base=broken[0], candidate=broken[1]),
        Result(GENERATOR, *validity, base=valid[0], candidate=valid[1]),
    ]


def _outcome(results: Sequence[Result], base: Sequence[Reading], candidate: Sequence[Reading]) -> Outcome:
    """A broken promise outweighs everything; then a run that measured itself; then the figures."""
    if any(one.broken for one in candidate):
        return Outcome.FAIL
    if any(one.faults for one in (*base, *candidate)):
        return Outcome.INVALID
    return overall([result for result in results if result.figure not in (AUDIT, GENERATOR)])


def _names(side: Sequence[Reading]) -> str:
    return side[0].run_id if len(side) == 1 else f"{len(side)} runs from {side[0].run_id}"


def _method(pairs: int, by_run: bool) -> str:
    if by_run:
        return f"{pairs} pairs of runs"
    return f"blocks of seconds at the same place of {'both runs' if pairs == 1 else f'{pairs} pairs of runs'}"


def _notes(base: Sequence[Reading], candidate: Sequence[Reading], by_run: bool, here: bool, blocks: int) -> list[str]:
    """`blocks`: how many pairs of them there are; 0 where pairs are runs."""
    notes = []
    if not by_run:
        notes.append(
            f"so few runs do not show how much runs differ, hence the wide minimum effects: {PAIRS_MIN} of each side"
            " would, or `slotrush gate --against`"
        )
    if 0 < blocks < PAIRS_MIN:
        needed = -(-PAIRS_MIN * min(len(base), len(candidate)) // blocks)
        notes.append(
            f"{blocks} pairs of blocks are too few to be judged: it takes {needed} runs of each side at least,"
            " with commas between"
        )
    if not here:
        machines = " and ".join(dict.fromkeys(one.machine for one in (*base, *candidate)))
        notes.append(f"different classes of machines ({machines}): only what does not depend on them is compared")
    if len(base) != len(candidate):
        notes.append(f"{len(base)} runs against {len(candidate)}: the last ones of the larger set have no pair")
    return notes
