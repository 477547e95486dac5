"""The generator watches itself: a load generator that is late measures itself, not the target."""

import gc
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.runs import hdr

SAMPLE_S: Final = 0.05
MATERIAL_SHARE: Final = 0.2
"""Loop lag is a material part of a reported time when it is more than this share of it."""
NEGLIGIBLE_MS: Final = 10.0
"""Loop lag under this is the grain of a shared machine's scheduler, whatever the reported times are."""


@dataclass(frozen=True)
class HealthSecond:
    """One worker in one second. Lag is how much later than asked the event loop came back."""

    second: int
    loop_lag_us: tuple[int, ...]
    cpu_us: int
    memory_bytes: int
    users: int
    sockets: int
    gc_pause_us: int
    dropped: int


@dataclass(frozen=True)
class GeneratorTimes:
    """What decides whether a generator can be believed: its lag beside the times that it reported, in ms."""

    lag_p50_ms: float
    lag_p99_ms: float
    response_p50_ms: float
    response_p99_ms: float
    dropped: int


class HealthProbe:
    """Collects one worker's health; `users` and `sockets` are asked for once per second."""

    def __init__(
        self,
        users: Callable[[], int],
        sockets: Callable[[], int],
        cpu_s: Callable[[], float] = time.process_time,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._users, self._sockets, self._cpu_s, self._clock_s = users, sockets, cpu_s, clock_s
        self._lags_us: list[int] = []
        self._cpu_before_s = cpu_s()
        self._gc_started_s = 0.0
        self._gc_pause_s = 0.0
        self._dropped = 0

    def lagged(self, late_s: float) -> None:
        """The event loop came back `late_s` later than asked."""
        self._lags_us.append(max(int(late_s * 1e6), 0))

    def dropped(self, arrivals: int) -> None:
        """Arrivals that were due and never started."""
        self._dropped += arrivals

    def on_gc(self, phase: str, _info: Mapping[str, int]) -> None:
        """To be put into `gc.callbacks`."""
        if phase == "start":
            self._gc_started_s = self._clock_s()
        else:
            self._gc_pause_s += self._clock_s() - self._gc_started_s

    def take(self, second: int) -> HealthSecond:
        """What was seen since the last call."""
        cpu_s = self._cpu_s()
        health = HealthSecond(
            second=second,
            loop_lag_us=tuple(self._lags_us),
            cpu_us=int((cpu_s - self._cpu_before_s) * 1e6),
            memory_bytes=resident_bytes(),
            users=self._users(),
            sockets=self._sockets(),
            gc_pause_us=int(self._gc_pause_s * 1e6),
            dropped=self._dropped,
        )
        self._lags_us.clear()
        self._cpu_before_s, self._gc_pause_s, self._dropped = cpu_s, 0.0, 0
        return health


def resident_bytes() -> int:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def settle_garbage() -> None:
    """Take what is there out of the collector's sight and stop it: the race allocates little and frees by count."""
    gc.collect()
    gc.freeze()
    gc.disable()


def resume_garbage() -> None:
    gc.enable()
    gc.unfreeze()


def invalid_reasons(times: GeneratorTimes) -> tuple[str, ...]:
    """Why the run cannot be judged by the times that the generator reported; empty when it can."""
    reasons = []
    for name, lag_ms, response_ms in (
        ("median", times.lag_p50_ms, times.response_p50_ms),
        ("99th percentile", times.lag_p99_ms, times.response_p99_ms),
    ):
        if lag_ms > NEGLIGIBLE_MS and lag_ms > MATERIAL_SHARE * response_ms:
            reasons.append(
                f"the generator's own event loop was {lag_ms:.0f} ms late where the response time is"
                f" {response_ms:.0f} ms ({name}): the generator measured itself; use more workers or fewer patients"
            )
    if times.dropped:
        reasons.append(f"{times.dropped} arrivals were due and never started")
    return tuple(reasons)


def read_times(record: sqlite3.Connection) -> GeneratorTimes | None:
    """The times of a run record between the drop and the last answer; None when nothing was measured there."""
    first_s, last_s = record.execute(
        "SELECT coalesce(min(at_us) FILTER (WHERE name = 'drop'), 0) / 1000000,"
        " coalesce(max(at_us) FILTER (WHERE name = 'drained'), 9e15) / 1000000 FROM events"
    ).fetchone()
    span = (int(first_s), int(last_s))
    lags = [
        blob
        for (blob,) in record.execute("SELECT loop_lag_hdr FROM generator_health WHERE second BETWEEN ? AND ?", span)
    ]
    responses = [
        blob for (blob,) in record.execute("SELECT response_hdr FROM latency WHERE second BETWEEN ? AND ?", span)
    ]
    if not lags or not responses:
        return None
    (dropped,) = record.execute("SELECT coalesce(sum(dropped), 0) FROM generator_health").fetchone()
    lag, response = hdr.percentiles_ms(hdr.merge(lags)), hdr.percentiles_ms(hdr.merge(responses))
    return GeneratorTimes(lag.p50, lag.p99, response.p50, response.p99, dropped)
