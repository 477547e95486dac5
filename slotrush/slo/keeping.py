"""Which objectives a stretch of a load did not keep, by plain counts: no interval, no verdict, just what was seen."""

from collections.abc import Callable, Iterable
from typing import Final

from slotrush.slo.model import Availability, Latency, Objective

REQUESTS_MIN: Final = 200
"""Of fewer requests an objective says nothing: a share of 99.9 % cannot be told from chance."""
DROPPED_MAX: Final = 0.001
"""More arrivals than this share that found no free user are as bad as requests that failed."""
DROPPED: Final = "dropped-arrivals"
"""What an open load has to keep besides the objectives."""
Kept = Callable[[Availability | Latency], tuple[int, int]]
"""Of the requests that an objective covers: how many were as it wants them, and how many there were."""


def missed(objectives: Iterable[Objective], kept: Kept, arrivals: int, dropped: int) -> tuple[str, ...]:
    """The names of the objectives that were not kept. `dropped` of the `arrivals` that were due never started."""
    names = [
        objective.name
        for objective in objectives
        if isinstance(objective, Availability | Latency)
        and not objective.skip
        and _is_missed(objective, *kept(objective))
    ]
    return tuple([*names, DROPPED] if dropped > DROPPED_MAX * arrivals else names)


def _is_missed(objective: Availability | Latency, good: int, count: int) -> bool:
    return count >= REQUESTS_MIN and good < objective.target * count
