"""The two versions take turns until every figure is decided, one is worse, or the pairs are used up."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.bench.versions.turns import STATEMENTS, TAPPED, Measured, Side, turn_numbers
from slotrush.compare import Figure, Result, judge
from slotrush.compare.sequential import looks, tails
from slotrush.compare.verdict import overall
from slotrush.gate.verdict import Outcome

PAIRS_MAX: Final = 240
WARM_UP_TURNS: Final = 8
"""Of each version: connections are made, statements prepared, memory filled."""

Turn = Callable[[int, int], Awaitable[Measured]]
"""Called with the side, 0 or 1, and the number of the replica whose turn it is."""


@dataclass(frozen=True)
class Standing:
    """After so many pairs; `is_over` when the verdict can no longer change for the better or the worse."""

    pairs: int
    results: tuple[Result, ...]
    is_over: bool


async def contest(turn: Turn, pairs_max: int, on_look: Callable[[Standing], None]) -> Standing:
    """Play pairs, and look at them when `sequential` says so, until it is over. `on_look` is told of every look."""
    planned = looks(pairs_max)
    spendable = tails(planned)
    played: list[tuple[Measured, Measured]] = []
    for look in planned:
        while len(played) < look:
            played.append(await _pair(turn, len(played)))
        results = judge(as_arrays(played), spendable[look])
        outcome = overall(results)
        standing = Standing(look, results, is_over=outcome is not Outcome.UNDECIDED or look == pairs_max)
        on_look(standing)
        if standing.is_over:
            return standing
    raise AssertionError("the last look is at all pairs")


def as_arrays(played: Sequence[tuple[Measured, Measured]]) -> dict[Figure, np.ndarray]:
    """By figure, [pairs, 2]."""
    return {figure: np.array([[side[figure] for side in pair] for pair in played]) for figure in played[0][0]}


def counted(base: Mapping[str, int], candidate: Mapping[str, int]) -> tuple[Result, ...]:
    """The statements of TAPPED requests of each class: they were counted, so there is no interval."""
    return tuple(_count(STATEMENTS[name], base[name] / TAPPED, candidate[name] / TAPPED) for name in STATEMENTS)


def _count(figure: Figure, base: float, candidate: float) -> Result:
    allowed = figure.minimum_effect * max(base, 1)
    ratio = candidate / base if base else (1.0 if candidate <= allowed else None)
    outcome = Outcome.PASS if candidate - base <= allowed else Outcome.FAIL
    reason = "" if outcome is Outcome.PASS else f"{candidate - base:.2f} statements more in each request"
    return Result(figure, outcome, reason, base, candidate, ratio, ratio, ratio, TAPPED)


async def _pair(turn: Turn, number: int) -> tuple[Measured, Measured]:
    replica, order = turn_numbers(number)
    found = {side: await turn(side, replica) for side in order}
    return found[0], found[1]


async def measure(
    sides: tuple[Side, Side], pairs_max: int, on_step: Callable[[str], None]
) -> tuple[tuple[Result, ...], int]:
    """Everything about two versions whose stacks are up, and the number of pairs that it took."""
    for side in sides:
        await side.prepare(pairs_max + WARM_UP_TURNS)
    on_step("counting the statements of each request")
    statements = counted(*[await side.statements() for side in sides])
    on_step("warming both versions up")
    for number in range(WARM_UP_TURNS):
        for side in sides:
            await side.turn(number)

    def told(standing: Standing) -> None:
        open_ = [result.figure.name for result in standing.results if result.outcome is Outcome.UNDECIDED]
        worse = [result.figure.name for result in standing.results if result.outcome is Outcome.FAIL]
        said = f"worse: {', '.join(worse)}" if worse else f"{len(open_)} figures are open"
        on_step(f"{standing.pairs} pairs of turns: {said}")

    standing = await contest(lambda side, replica: sides[side].turn(replica), pairs_max, told)
    return (*standing.results, *statements), standing.pairs
