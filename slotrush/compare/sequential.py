"""When to look at pairs that keep coming, and how sure each look must be, so that looking often costs no honesty. Pure.

Alpha spending: Lan and DeMets, Biometrika 70 (1983) 659-663, with the function alpha * t**2 of Kim and DeMets,
Biometrika 74 (1987) 149-154, where t is the share of the pairs that there may be. What a look may spend is the tail of
its interval; by Bonferroni's inequality all looks together are then wrong at most as often as the whole of it.
"""

from itertools import pairwise
from typing import Final

ERROR: Final = 0.025
"""On each side: how often, over all looks, an interval may miss the truth on that side."""
FIRST: Final = 16
GROWTH: Final = 1.25
"""Of the pairs from one look to the next. More looks stop earlier, but each is then less sure."""
SPENDING_POWER: Final = 2


def looks(pairs_max: int) -> tuple[int, ...]:
    """The numbers of pairs at which to look, all even, so that each version went first as often; the last is the whole.

    Even when `pairs_max` is.
    """
    found = [min(FIRST, pairs_max)]
    while found[-1] < pairs_max:
        found.append(min(max(2 * round(found[-1] * GROWTH / 2), found[-1] + 2), pairs_max))
    return tuple(found)


def tails(planned: tuple[int, ...]) -> dict[int, float]:
    """For each look the probability that it may spend on either side."""
    spent = [ERROR * (pairs / planned[-1]) ** SPENDING_POWER for pairs in (0, *planned)]
    return {pairs: after - before for pairs, (before, after) in zip(planned, pairwise(spent), strict=True)}
