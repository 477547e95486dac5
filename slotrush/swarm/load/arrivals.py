"""What every load is: a rate over time, and the arrivals that it makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a load, in seconds from its start, and its mean rate: of a ramp, that half-way up."""

    from_s: float
    rate_per_s: float
    until_s: float


class Arrivals(Protocol):
    """The arrivals of a whole swarm, all of them within [0, `duration_s`); endless if that is infinite."""

    @property
    def duration_s(self) -> float: ...

    def rate_per_s(self, at_s: float) -> float:
        """How many arrivals a second are intended at this time from the start; 0 outside of the load."""

    def offsets_us(self, seed: int) -> Iterator[int]:
        """When each comes, in µs from the start, ascending; drawn as they are taken, so that millions need no room."""

    def steps(self) -> tuple[Step, ...]:
        """The stretches of a load that was described by its rates, in order; none of one that was recorded."""
