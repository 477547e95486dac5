"""The generator watches itself: a load generator that is late measures itself, not the target.

`slotrush.summary.validity` judges by what is noted here.
"""

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SAMPLE_S: Final = 0.05
"""How often the event loop is asked to come back."""
_SAMPLE_US: Final = int(SAMPLE_S * 1e6)
_LEAST_S: Final = 1e-3
"""CPU time has a grain of its own: a share is not taken of less than this."""


@dataclass(frozen=True)
class HealthSecond:
    """One worker in one second, or in the longer time for which it could not report.

    Lag is how much later than asked the event loop came back, one value for every `SAMPLE_S` of the time. CPU is per
    second of that time.
    """

    second: int
    loop_lag_us: tuple[int, ...]
    cpu_us: int
    memory_bytes: int
    users: int
    sockets: int
    gc_pause_us: int
    arrivals: int
    dropped: int


class HealthProbe:
    """Collects one worker's health; `users` and `sockets` are asked for once per second."""

    def __init__(
        self,
        users: Callable[[], int],
        sockets: Callable[[], int],
        cpu_s: Callable[[], float] = time.process_time,
        clock_s: Callable[[], float] = time.perf_counter,
        epoch_s: Callable[[], float] = time.time,
    ) -> None:
        self._users, self._sockets, self._cpu_s, self._clock_s = users, sockets, cpu_s, clock_s
        self._epoch_s = epoch_s
        self._lags_us: list[tuple[int, int]] = []
        self._cpu_before_s, self._taken_s = cpu_s(), clock_s()
        self._gc_started_s = 0.0
        self._gc_pause_s = 0.0
        self._due = self._lost = self._told_due = self._told_lost = 0

    def lagged(self, late_s: float) -> None:
        """The event loop came back `late_s` later than asked, after a sleep of `SAMPLE_S`.

        While it was away it was not asked again, and what came later in that time waited for the rest of it: those
        lags are noted too, or the longest would count least. Source: HdrHistogram, `recordValueWithExpectedInterval`.
        """
        late_us = max(int(late_s * 1e6), 0)
        second = int(self._epoch_s())
        self._lags_us.append((second, late_us))
        self._lags_us.extend((second, rest_us) for rest_us in range(late_us - _SAMPLE_US, 0, -_SAMPLE_US))

    def arrived(self, due: int, dropped: int) -> None:
        """So many arrivals were due in all, of which so many never started."""
        self._due, self._lost = due, dropped

    def on_gc(self, phase: str, _info: Mapping[str, int]) -> None:
        """To be put into `gc.callbacks`."""
        if phase == "start":
            self._gc_started_s = self._clock_s()
        else:
            self._gc_pause_s += self._clock_s() - self._gc_started_s

    def take(self, second: int) -> HealthSecond:
        """What was seen since the last call; lags only up to `second`, with whose answers they are compared."""
        cpu_s, now_s = self._cpu_s(), self._clock_s()
        elapsed_s = max(now_s - self._taken_s, _LEAST_S)
        health = HealthSecond(
            second=second,
            loop_lag_us=tuple(lag_us for noted, lag_us in self._lags_us if noted <= second),
            cpu_us=int((cpu_s - self._cpu_before_s) / elapsed_s * 1e6),
            memory_bytes=resident_bytes(),
            users=self._users(),
            sockets=self._sockets(),
            gc_pause_us=int(self._gc_pause_s * 1e6),
            arrivals=self._due - self._told_due,
            dropped=self._lost - self._told_lost,
        )
        self._lags_us = [(noted, lag_us) for noted, lag_us in self._lags_us if noted > second]
        self._cpu_before_s, self._taken_s, self._gc_pause_s = cpu_s, now_s, 0.0
        self._told_due, self._told_lost = self._due, self._lost
        return health


def resident_bytes() -> int:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def spare_the_garbage_collector() -> None:
    """Take everybody who is there out of the collector's sight: or it would stop the loop for a third of a second to
    look through 10,000 users, and find nothing."""
    gc.freeze()


def settle_garbage() -> None:
    """The same, and stop the collector: the race allocates little and frees by count."""
    gc.collect()
    spare_the_garbage_collector()
    gc.disable()


def resume_garbage() -> None:
    gc.enable()
    gc.unfreeze()
