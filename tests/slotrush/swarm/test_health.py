"""What a worker knows of itself."""

import gc

import pytest

from slotrush.swarm.health import SAMPLE_S, HealthProbe, resident_bytes

SECOND = 1_700_000_000


def test_a_probe_reports_each_second_once() -> None:
    clock = iter([5.0, 10.0, 10.25, 20.0, 20.5, 6.0, 7.0])
    cpu = iter([1.0, 1.5, 2.5])
    probe = HealthProbe(lambda: 7, lambda: 9, lambda: next(cpu), lambda: next(clock), lambda: SECOND)
    probe.lagged(0.003)
    probe.lagged(-0.001)
    for phase in ("start", "stop", "start", "stop"):
        probe.on_gc(phase, {})
    probe.arrived(due=20, dropped=4)

    first, second = probe.take(SECOND), probe.take(SECOND + 1)

    assert (first.loop_lag_us, first.cpu_us, first.gc_pause_us) == ((3000, 0), 500_000, 750_000)
    assert (first.users, first.sockets, first.arrivals, first.dropped) == (7, 9, 20, 4)
    assert (second.loop_lag_us, second.cpu_us, second.gc_pause_us) == ((), 1_000_000, 0)
    assert (second.arrivals, second.dropped) == (0, 0)
    assert first.memory_bytes > 1_000_000


def test_what_would_have_come_while_the_loop_was_away_is_late_too() -> None:
    """One value stands for every 50 ms: a block of a second counts as twenty, not as one among a hundred."""
    probe = HealthProbe(lambda: 0, lambda: 0, epoch_s=lambda: SECOND)
    probe.lagged(1.0)
    probe.lagged(0.02)

    lags_us = probe.take(SECOND).loop_lag_us

    assert lags_us == (*range(1_000_000, 0, -int(SAMPLE_S * 1e6)), 20_000)


def test_a_lag_belongs_to_the_second_in_which_it_ended() -> None:
    """A worker that was blocked reports late: what it noted since then is for the next report."""
    epoch = iter([SECOND + 0.5, SECOND + 3.1])
    probe = HealthProbe(lambda: 0, lambda: 0, epoch_s=lambda: next(epoch))
    probe.lagged(0.001)
    probe.lagged(0.04)

    assert probe.take(SECOND + 2).loop_lag_us == (1_000,)
    assert probe.take(SECOND + 3).loop_lag_us == (40_000,)


def test_cpu_is_per_second_also_after_seconds_in_which_the_worker_could_not_report() -> None:
    clock, cpu = iter([10.0, 14.0]), iter([1.0, 4.0])
    probe = HealthProbe(lambda: 0, lambda: 0, cpu_s=lambda: next(cpu), clock_s=lambda: next(clock))

    assert probe.take(SECOND).cpu_us == pytest.approx(750_000)


def test_the_collector_calls_the_probe() -> None:
    probe = HealthProbe(lambda: 0, lambda: 0)
    gc.callbacks.append(probe.on_gc)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(probe.on_gc)

    assert probe.take(SECOND).gc_pause_us > 0


def test_the_resident_set_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = b"x" * 50_000_000

    assert resident_bytes() - before > len(held) * 0.9
