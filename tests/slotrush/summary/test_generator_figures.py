"""The generator's figures and faults, from records that the swarm's own recorder wrote."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.runs import record
from slotrush.summary import Summary, summarise
from slotrush.summary.generator import FAULTS_SAID
from slotrush.swarm import Recorder
from slotrush.swarm.health import HealthSecond

START_S = 1_700_000_000
LATE_US = tuple(range(50_000, 950_001, 50_000))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(record.create(tmp_path / record.RECORD_NAME)) as connection:
        yield connection


def play(
    run: sqlite3.Connection,
    worker: str,
    late: tuple[int, ...] = (),
    seconds: int = 10,
    connecting: int = 0,
    dropped: int = 0,
) -> None:
    """Each second a hundred answers after 20 ms, and after 0.95 s more in those that are `late`."""
    recorder = Recorder(worker, run)
    for second in range(-connecting, seconds):
        is_late = second in late or second < 0
        at_us = (START_S + second) * 1_000_000
        for number in range(100):
            answered_us = at_us + number * 1_000
            recorder.endpoint("GET /x").answered(answered_us - 20_000 - LATE_US[-1] * is_late, answered_us, answered_us)
        health = HealthSecond(
            second=START_S + second,
            loop_lag_us=LATE_US if is_late else (500, 1_000),
            cpu_us=980_000 if is_late else 300_000,
            memory_bytes=90_000_000,
            users=100,
            sockets=100,
            gc_pause_us=2_000,
            arrivals=100,
            dropped=dropped,
        )
        recorder.write_health(health)
    recorder.flush()


def summary_of(run: sqlite3.Connection, begin: str = "start") -> Summary:
    if begin != "connect":
        record.add_event(run, (START_S - 20) * 1_000_000, "connect")
    record.add_event(run, START_S * 1_000_000, begin)
    return summarise(run)


@pytest.mark.parametrize("begin", ["start", "drop"])
def test_a_slow_generator_makes_its_run_invalid_and_names_the_stretch(run: sqlite3.Connection, begin: str) -> None:
    play(run, "worker0")
    play(run, "worker1", late=(4, 5, 6, 7))

    found = summary_of(run, begin)

    (fault,) = found.generator.faults
    assert (fault.cause, fault.from_s, fault.until_s, fault.workers) == ("cpu", 4, 8, ("worker1",))
    assert not found.valid
    assert fault.sentence in found.measuring_faults
    assert found.generator.delayed_share == fault.share > 0.1


@pytest.mark.parametrize(
    ("endpoint", "valid"),
    [("POST /v1/appointments", False), ("POST /v1/slots", True)],
    ids=["held to an objective", "held to none"],
)
def test_a_class_of_few_requests_counts_where_the_scenario_is_held_to_its_times(
    run: sqlite3.Connection, endpoint: str, valid: bool
) -> None:
    """Doctors who publish in the second of a drop are a handful; patients who book are what it is about."""
    play(run, "worker0")
    recorder = Recorder("worker1", run)
    for number in range(5):
        answered_us = (START_S + 4) * 1_000_000 + number * 1_000
        recorder.endpoint(endpoint).answered(answered_us - 1_000_000, answered_us, answered_us)
    recorder.write_health(HealthSecond(START_S + 4, LATE_US, 300_000, 90_000_000, 100, 100, 2_000, 5, 0))
    recorder.flush()

    assert (summary_of(run).generator.faults == ()) is valid


def test_what_was_before_the_start_is_not_judged(run: sqlite3.Connection) -> None:
    play(run, "worker0", connecting=5)

    found = summary_of(run).generator

    assert (found.faults, found.delayed_share) == ((), 0)
    assert found.loop_lag_ms is not None
    assert found.loop_lag_ms.max == pytest.approx(1, rel=1e-3)


def test_a_run_that_never_began_is_told_from_its_first_event(run: sqlite3.Connection) -> None:
    play(run, "worker0", late=(3, 4))

    found = summary_of(run, "connect").generator

    assert [(fault.from_s, fault.until_s) for fault in found.faults] == [(3, 5)]


def test_each_worker_is_told_apart(run: sqlite3.Connection) -> None:
    play(run, "worker0")
    play(run, "worker1", late=(4, 5, 6), dropped=7)

    calm, busy = summary_of(run).generator.by_worker

    assert (calm.worker, busy.worker) == ("worker0", "worker1")
    assert (calm.requests, calm.dropped, busy.dropped) == (1000, 0, 70)
    assert (calm.cpu_share, calm.cpu_share_max, busy.cpu_share_max) == (0.3, 0.3, 0.98)
    assert calm.loop_lag_ms is not None
    assert busy.loop_lag_ms is not None
    assert (calm.loop_lag_ms.max, busy.loop_lag_ms.max) == pytest.approx((1, 950), rel=1e-3)
    assert (calm.gc_pause_ms, calm.gc_pause_max_ms) == (20, 2)
    assert (calm.sockets_max, calm.memory_max_bytes) == (100, 90_000_000)


def test_many_stretches_are_named_up_to_a_limit_and_counted(run: sqlite3.Connection) -> None:
    play(run, "worker0", late=tuple(range(5, 60, 5)), seconds=60)

    found = summary_of(run)

    assert len(found.generator.faults) == 11
    assert len(found.measuring_faults) == FAULTS_SAID + 1
    assert "in 8 more stretches" in found.measuring_faults[-1]


def test_a_record_without_a_generator_has_no_figures_of_it(run: sqlite3.Connection) -> None:
    found = summary_of(run).generator

    assert (found.workers, found.by_worker, found.faults) == (0, (), ())
    assert (found.loop_lag_ms, found.cpu_share, found.delayed_share) == (None, None, None)


def test_workers_whose_clocks_are_far_from_the_masters_make_a_run_invalid(run: sqlite3.Connection) -> None:
    for worker, ahead_us, uncertain_us in (
        ("worker0", 40_000, 1_000),
        ("worker0", 130_000, 2_000),
        ("worker1", -300_000, 50_000),
        ("worker2", 400_000, 350_000),  # a worker that was too busy to tell
    ):
        play(run, worker)
        detail = json.dumps({"worker": worker, "ahead_us": ahead_us, "uncertain_us": uncertain_us})
        record.add_event(run, START_S * 1_000_000, "clock", detail)

    found = summary_of(run)

    assert found.generator.clock_offset_ms == {"worker0": 128.0, "worker1": -250.0, "worker2": 50.0}
    (reason,) = found.measuring_faults
    assert "worker0 by 128 ms (ahead), worker1 by 250 ms (behind)" in reason
    assert "worker2" not in reason
    assert "NTP" in reason
