"""A worker's part: plays its people, reports each second, watches itself, writes its part file."""

import gc
import logging
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.stats import RequestStats, bucket_response_time

from slotrush.swarm import parts
from slotrush.swarm.course import Course, Entrant
from slotrush.swarm.health import (
    SAMPLE_S,
    HealthProbe,
    resume_garbage,
    settle_garbage,
    spare_the_garbage_collector,
)
from slotrush.swarm.recorder import Cell, now_us
from slotrush.swarm.standings import Answers, Report

log: Final = logging.getLogger("slotrush.swarm")
REPORT_S: Final = 1.0
KILL_LIMIT_S: Final = 10.0
LATENCY_HELD_S: Final = 30.0
"""While it matters, histograms are encoded this seldom: a worker that is killed loses at most so much latency data."""
QUIET_MODELS: Final = ("drop",)
"""Models that are over so soon that collecting garbage and encoding histograms can wait until then."""


class Worker:
    """One worker in one swarm."""

    def __init__(
        self,
        environment: Environment,
        course: Course,
        doctors: Callable[[Course, Entrant], None],
        part_to_send: Path | None,
    ) -> None:
        """`doctors` plays each doctor of a drop; in other models they are users like everybody.

        `part_to_send`: the part file, when the master does not see it on its own disk.
        """
        self._environment, self._part_to_send = environment, part_to_send
        self.course = course
        self._recorder = self.course.recorder
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        self._probe = HealthProbe(users=lambda: runner.user_count, sockets=lambda: self._recorder.open_sockets)
        self._finishing = False
        self._answers_until_s = math.inf
        self._written = Event()
        self._latency_due_us = 0
        self._told: Counter[tuple[str, str]] = Counter()
        gc.callbacks.append(self._probe.on_gc)
        self._helpers = [gevent.spawn(self._sample_lag), gevent.spawn(self._report_for_ever)]
        self._helpers[-1].link_exception(self._failed)
        of_the_drop = course.everyone("doctor") if course.plan.model == "drop" else []
        self._doctors = [gevent.spawn(doctors, course, doctor) for doctor in of_the_drop]
        for each in self._doctors:
            each.link_exception(self._failed)

    def start_at(self, start_us: int) -> None:
        """All is quiet until then: a good moment for the garbage."""
        self._recorder.take_cells()
        self._recorder.flush_latency()
        if self.course.plan.model in QUIET_MODELS:
            self._latency_due_us = start_us + int(LATENCY_HELD_S * 1e6)
            settle_garbage()
        else:
            spare_the_garbage_collector()
        self.course.start_at(start_us)
        if self.course.doors is not None:
            self._helpers.append(gevent.spawn(self.course.doors.open, start_us))

    def finish(self, grace_s: float, asked_for: bool) -> None:
        """Stop playing: nobody begins anything new, and who has asked gets `grace_s` to be answered.

        Writes that are under way even then are noted as unknown. Returns when everything is written, also when
        somebody else is at it already, whose `grace_s` may be shortened by this one. `asked_for`: by the master, who
        then takes in the part.
        """
        self._answers_until_s = min(self._answers_until_s, time.monotonic() + grace_s)
        if self._finishing:
            self._written.wait()
            return
        self._finishing = True
        try:
            self._stop_playing()
            self._recorder.close()
            if self._part_to_send is not None:
                self._send_part(self._part_to_send, asked_for)
            self._runner.send_message("finished", {"position": self.course.position})
        finally:
            self._written.set()

    def _stop_playing(self) -> None:
        self.course.close()
        while self._recorder.in_flight and time.monotonic() < self._answers_until_s:
            gevent.sleep(SAMPLE_S)
        gevent.killall(self._helpers)
        gevent.killall(self._doctors, timeout=KILL_LIMIT_S)
        self._runner.user_greenlets.kill(timeout=KILL_LIMIT_S)
        resume_garbage()
        gc.callbacks.remove(self._probe.on_gc)
        self._report(now_us() // 1_000_000)

    def _send_part(self, part: Path, asked_for: bool) -> None:
        for chunk in parts.chunks(part):
            self._runner.send_message("part", chunk)
        if asked_for:
            shutil.rmtree(part.parent)
        else:
            log.warning("if the master has not got %s, move it into the parts/ of the run's folder", part)

    def _failed(self, helper: "gevent.Greenlet[..., Any]") -> None:
        """Without reports the master would wait for this worker for ever."""
        log.critical("this worker cannot go on: %s", helper.exception)
        gevent.spawn(self._runner.quit)

    def _sample_lag(self) -> None:
        while True:
            due_s = time.perf_counter() + SAMPLE_S
            gevent.sleep(SAMPLE_S)
            self._probe.lagged(time.perf_counter() - due_s)

    def _report_for_ever(self) -> None:
        while True:
            gevent.sleep(REPORT_S - now_us() / 1e6 % REPORT_S)
            self._report(now_us() // 1_000_000 - 1)
            for _ in self._recorder.flush_attempts():
                gevent.sleep(0)
            if not self._held() or now_us() > self._latency_due_us:
                self._latency_due_us = now_us() + int(LATENCY_HELD_S * 1e6)
                self._recorder.flush_latency()

    def _held(self) -> bool:
        """Whether this is no moment for anything that can wait."""
        course = self.course
        return course.plan.model in QUIET_MODELS and course.start_us > 0 and not course.all_done

    def _report(self, second: int) -> None:
        """Tell the master, Locust's statistics and the part file about what has been since the last time."""
        course, tally = self.course, self._recorder.tally
        answers, dropped = self._answers(), course.dropped_arrivals(now_us())
        self._probe.arrived(course.arrivals_due, dropped)
        health = self._probe.take(second)
        writes, self._told = tally.writes - self._told, tally.writes.copy()
        report = Report(
            position=course.position,
            users=health.users,
            connected=course.connected,
            unreachable=course.unreachable,
            done=course.done,
            published=course.published,
            attempts=tally.attempts,
            acknowledged=tally.acknowledged,
            taken=tally.taken,
            gave_up=course.gave_up,
            errors=tally.errors,
            arrivals=course.arrivals_due,
            dropped=dropped,
            last_answer_us=self._recorder.last_answer_us,
            loop_lag_ms=max(health.loop_lag_us, default=0) / 1000,
            cpu_share=health.cpu_us / (REPORT_S * 1e6),
            answers=answers,
            writes=dict(writes),
        )
        self._runner.send_message("report", report.as_message())
        self._recorder.write_health(health)

    def _answers(self) -> dict[str, Answers]:
        """What was answered since the last call, by endpoint; Locust's statistics get it too."""
        counts: dict[str, Answers] = {}
        for cell in self._recorder.take_cells():
            times_ms = rounded_ms(cell)
            add_to_stats(self._environment.stats, cell, times_ms)
            before = counts.get(cell.endpoint, Answers(0, 0, 0, {}))
            good = cell.count - cell.refused - cell.bad
            times_ms.update(before.times_ms)
            counts[cell.endpoint] = Answers(
                before.good + good, before.refused + cell.refused, before.bad + cell.bad, times_ms
            )
        return counts


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
