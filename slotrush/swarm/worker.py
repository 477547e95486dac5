"""A worker's part: plays its patients and doctors, reports each second, watches itself, writes its part file."""

import gc
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.stats import RequestStats, bucket_response_time

from slotrush.swarm.course import Course, Entrant
from slotrush.swarm.health import SAMPLE_S, HealthProbe, resume_garbage, settle_garbage
from slotrush.swarm.recorder import Cell, now_us
from slotrush.swarm.standings import Lineup

REPORT_S: Final = 1.0
KILL_LIMIT_S: Final = 10.0
LATENCY_HELD_S: Final = 30.0
"""During the race histograms are encoded this seldom: a worker that is killed loses at most so much latency data."""


class Worker:
    """One worker in one race."""

    def __init__(self, environment: Environment, lineup: Lineup, doctors: Callable[[Course, Entrant], None]) -> None:
        self._environment = environment
        self.course = Course(lineup)
        self._recorder = self.course.recorder
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        self._probe = HealthProbe(users=lambda: runner.user_count, sockets=lambda: self._recorder.open_sockets)
        self._finishing = False
        self._latency_due_us = 0
        gc.callbacks.append(self._probe.on_gc)
        self._helpers = [gevent.spawn(self._sample_lag), gevent.spawn(self._report_for_ever)]
        self._doctors = [gevent.spawn(doctors, self.course, doctor) for doctor in self.course.doctors]

    def drop_at(self, drop_us: int) -> None:
        """All is quiet until then: a good moment for the garbage."""
        self._latency_due_us = drop_us + int(LATENCY_HELD_S * 1e6)
        self._write()
        settle_garbage()
        self.course.drop_at(drop_us)

    def finish(self) -> None:
        """Stop playing; writes under way are noted as unknown, and everything is written."""
        if self._finishing:
            return
        self._finishing = True
        gevent.killall(self._helpers)
        self._probe.dropped(self.course.missed_arrivals(now_us()))
        gevent.killall(self._doctors, timeout=KILL_LIMIT_S)
        self._runner.user_greenlets.kill(timeout=KILL_LIMIT_S)
        resume_garbage()
        gc.callbacks.remove(self._probe.on_gc)
        self._report()
        self._recorder.write_health(self._probe.take(now_us() // 1_000_000))
        self._recorder.close()

    def _sample_lag(self) -> None:
        while True:
            due_s = time.perf_counter() + SAMPLE_S
            gevent.sleep(SAMPLE_S)
            self._probe.lagged(time.perf_counter() - due_s)

    def _report_for_ever(self) -> None:
        while True:
            gevent.sleep(REPORT_S)
            self._report()
            self._recorder.write_health(self._probe.take(now_us() // 1_000_000 - 1))
            for _ in self._recorder.flush_attempts():
                gevent.sleep(0)
            if not self._racing() or now_us() > self._latency_due_us:
                self._latency_due_us = now_us() + int(LATENCY_HELD_S * 1e6)
                self._recorder.flush_latency()

    def _racing(self) -> bool:
        return self.course.drop_us > 0 and not self.course.all_done

    def _report(self) -> None:
        times_ms: Counter[int] = Counter()
        for cell in self._recorder.take_cells():
            counts = rounded_ms(cell)
            add_to_stats(self._environment.stats, cell, counts)
            times_ms.update(counts)
        self._runner.send_message("report", self.course.report(times_ms).as_message())

    def _write(self) -> None:
        self._recorder.take_cells()
        self._recorder.flush_latency()


def rounded_ms(cell: Cell) -> Counter[int]:
    """How many response times there were, by ms, rounded as Locust rounds: enough for its UI and for live figures."""
    return Counter(bucket_response_time(time_us / 1000) for time_us in cell.response_us)


def add_to_stats(stats: RequestStats, cell: Cell, counts_ms: Counter[int]) -> None:
    """Add a second of one endpoint to Locust's statistics: what `log_request` does, for many requests at once."""
    method, _, path = cell.endpoint.partition(" ")
    total_ms = sum(cell.response_us) / 1000
    least_ms, most_ms = min(cell.response_us) / 1000, max(cell.response_us) / 1000
    entries: tuple[Any, ...] = (stats.total, stats.get(path, method))
    for entry in entries:
        entry.num_requests += cell.count
        entry.num_reqs_per_sec[cell.second] += cell.count
        entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, float(cell.second))
        entry.total_response_time += total_ms
        entry.min_response_time = min(
            least_ms, least_ms if entry.min_response_time is None else entry.min_response_time
        )
        entry.max_response_time = max(entry.max_response_time, most_ms)
        for time_ms, count in counts_ms.items():
            entry.response_times[time_ms] += count
    for _ in range(cell.bad):
        stats.log_error(method, path, "bad: 5xx, time-out, broken connection or an answer that breaks the contract")
    for _ in range(cell.refused):
        stats.log_error(method, path, "refused: 429 or 503")
