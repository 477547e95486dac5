"""The seconds of a run that are judged, and the rule that chose them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slotrush.runs import record

WARM_UP_SHARE: Final = 0.1
WARM_UP_S: Final = (10, 60)
"""What is cut from the beginning: a tenth of the load, within these bounds. Pools, caches and plans fill in it."""
COOL_DOWN_SHARE: Final = 0.05
COOL_DOWN_S: Final = (2, 30)
"""What is cut from the end, where users leave and answers are still on their way."""
STEADY_S_MIN: Final = 10
"""Fewer steady seconds than this are no steady state."""


US_PER_S: Final = 1_000_000


@dataclass(frozen=True)
class Window:
    """Whole Unix seconds, both included. `stages`: each second is a stage of one story, not one of many alike."""

    first_s: int
    last_s: int
    stages: bool
    rule: str

    @property
    def seconds(self) -> int:
        return self.last_s - self.first_s + 1


def choose(events: Mapping[str, int], last_answer_s: int | None) -> Window | str:
    """The window by the run's events, in µs; or why there is none.

    A race (event 'drop') is judged whole, from the drop to the last answer: it has no steady state. Any other run
    (event 'start') without its warm-up and its cool-down. A run that was cut short ends with its last answer.
    """
    begun_us = record.load_began_us(events)
    if begun_us is None or last_answer_s is None:
        return "the load never began"
    if last_answer_s * US_PER_S + US_PER_S <= begun_us:
        return "nothing was answered after the load began"
    if "drop" in events:
        last_s = events["drained"] // US_PER_S if "drained" in events else last_answer_s
        window = Window(begun_us // US_PER_S, last_s, stages=True, rule="")
        return _ruled(window, "from the drop to the last answer, whole: a race has no steady state")
    return _steady(begun_us, events.get("ended", (last_answer_s + 1) * US_PER_S))


def warm_up_s(load_s: float) -> float:
    """What is cut from the beginning of a load that lasts so long."""
    return _share(load_s, WARM_UP_SHARE, WARM_UP_S)


def cool_down_s(load_s: float) -> float:
    """What is cut from its end."""
    return _share(load_s, COOL_DOWN_SHARE, COOL_DOWN_S)


def _steady(begun_us: int, ended_us: int) -> Window | str:
    load_s = (ended_us - begun_us) / 1e6
    warm_up, cool_down = warm_up_s(load_s), cool_down_s(load_s)
    first_s = -(-int(begun_us + warm_up * 1e6) // US_PER_S)
    last_s = int(ended_us - cool_down * 1e6) // US_PER_S - 1
    cut = f"{warm_up:.0f} s of warm-up and {cool_down:.0f} s of cool-down"
    if last_s - first_s + 1 < STEADY_S_MIN:
        return f"the load lasted {load_s:.0f} s, and without {cut} fewer than {STEADY_S_MIN} s are left of it"
    return _ruled(Window(first_s, last_s, stages=False, rule=""), f"of {load_s:.0f} s of load, without {cut}")


def _ruled(window: Window, rule: str) -> Window:
    return Window(window.first_s, window.last_s, window.stages, f"{window.seconds} s: {rule}")


def _share(load_s: float, share: float, bounds_s: tuple[int, int]) -> float:
    return min(max(share * load_s, bounds_s[0]), bounds_s[1])
