"""How long a system takes to be back, from what was answered in each second. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HOLD_S: Final = 10
"""The system is back from the first second from which the objectives hold for so long, taken together."""
HOLD_S_MIN: Final = 5
"""Where the load ends before that, so long must do."""
SPARED: Final = 1
"""Of few requests a single one decides no share: so many may miss an objective whatever its target is."""

Counts = Mapping[str, tuple[int, int]]
"""What was answered in one second: by objective, how many requests were as it wants them, and how many there were."""


@dataclass(frozen=True)
class Course:
    """The seconds of a load in their order, and the share of requests that each objective asks for."""

    targets: Mapping[str, float]
    seconds: Sequence[Counts]

    def back_after_s(self, from_s: int, until_s: int, over_s: int) -> int | None:
        """From which second on, counted from `from_s`, all objectives hold; None when they do not before `until_s`.

        Also from each second up to `over_s`, in which the fault is over: answers that hung as long as it lasted come
        only then. 0 when nothing was to be seen at all. A second without any answer is none that holds.
        """
        last_s = until_s - HOLD_S_MIN
        holding = [self._holds(self.seconds[second : min(second + HOLD_S, until_s)]) for second in range(last_s + 1)]
        for second in range(from_s, last_s + 1):
            if all(holding[second : max(over_s, second) + 1]):
                return second - from_s
        return None

    def _holds(self, stretch: Sequence[Counts]) -> bool:
        if not any(count for _, count in stretch[0].values()):
            return False
        return all(
            count - good <= max((1 - target) * count, SPARED)
            for name, target in self.targets.items()
            for good, count in [_sum(stretch, name)]
        )


def _sum(stretch: Sequence[Counts], name: str) -> tuple[int, int]:
    counts = [second[name] for second in stretch if name in second]
    return sum(good for good, _ in counts), sum(count for _, count in counts)
