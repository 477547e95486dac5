"""When a generator can be believed, and what it knows of itself."""

import gc
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.runs import record
from slotrush.swarm import Recorder
from slotrush.swarm.health import (
    GeneratorTimes,
    HealthProbe,
    HealthSecond,
    invalid_reasons,
    read_times,
    resident_bytes,
)

SECOND = 1_700_000_000


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (GeneratorTimes(1, 5, 100, 400, 0), []),
        (GeneratorTimes(9, 9, 2, 3, 0), []),  # the grain of the scheduler, though more than the response time
        (GeneratorTimes(15, 60, 1000, 3000, 0), []),
        (GeneratorTimes(530, 600, 550, 700, 0), ["median", "99th percentile"]),
        (GeneratorTimes(1, 200, 100, 400, 0), ["99th percentile"]),
        (GeneratorTimes(1, 5, 100, 400, 3), ["3 arrivals"]),
    ],
)
def test_a_run_is_invalid_when_lag_is_a_material_part_of_its_times(times: GeneratorTimes, words: list[str]) -> None:
    reasons = invalid_reasons(times)

    assert len(reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


def test_a_probe_reports_each_second_once() -> None:
    clock = iter([10.0, 10.25, 20.0, 20.5])
    cpu = iter([1.0, 1.5, 2.5])
    probe = HealthProbe(lambda: 7, lambda: 9, cpu_s=lambda: next(cpu), clock_s=lambda: next(clock))
    probe.lagged(0.003)
    probe.lagged(-0.001)
    for phase in ("start", "stop", "start", "stop"):
        probe.on_gc(phase, {})
    probe.dropped(4)

    first, second = probe.take(SECOND), probe.take(SECOND + 1)

    assert (first.loop_lag_us, first.cpu_us, first.gc_pause_us) == ((3000, 0), 500_000, 750_000)
    assert (first.users, first.sockets, first.dropped) == (7, 9, 4)
    assert (second.loop_lag_us, second.cpu_us, second.gc_pause_us, second.dropped) == ((), 1_000_000, 0, 0)
    assert first.memory_bytes > 1_000_000


def test_the_collector_calls_the_probe() -> None:
    probe = HealthProbe(lambda: 0, lambda: 0)
    gc.callbacks.append(probe.on_gc)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(probe.on_gc)

    assert probe.take(SECOND).gc_pause_us > 0


def test_times_are_read_between_the_drop_and_the_last_answer(tmp_path: Path) -> None:
    with closing(record.create(tmp_path / "run.sqlite")) as run:
        recorder = Recorder("worker0", run)
        for second, late_us in ((SECOND - 9, 900_000), (SECOND, 2_000), (SECOND + 9, 900_000)):
            recorder.write_health(HealthSecond(second, (late_us,), 0, 0, 0, 0, 0, 0))
            at_us = second * 1_000_000
            recorder.endpoint("GET /x").answered(at_us - 100 * late_us, at_us, at_us)
        recorder.flush()
        recorder.add_event(SECOND * 1_000_000, "drop")
        recorder.add_event(SECOND * 1_000_000 + 500_000, "drained")

        times = read_times(run)

    assert times is not None
    assert times.lag_p99_ms == pytest.approx(2, rel=0.01)
    assert times.response_p50_ms == pytest.approx(200, rel=0.01)


def test_a_record_without_answers_has_no_times(tmp_path: Path) -> None:
    with closing(record.create(tmp_path / "run.sqlite")) as run:
        assert read_times(run) is None


def test_the_resident_set_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = b"x" * 50_000_000

    assert resident_bytes() - before > len(held) * 0.9
