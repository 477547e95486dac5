"""What requests cost, told from the record of a run."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slotrush import slo
from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.scaling import demands
from slotrush.scaling.demands import Seconds, fitted, measured
from slotrush.scaling.trail import LOOK_EVENT, TrailLook
from tests.slotrush.gate.written import APP_CPU_US, REQUESTS, START_S, WORKERS, write_run

NAMES = ("reads", "bookings", "other-writes")
COSTS_S = np.array([0.0005, 0.0024, 0.0020])
IDLE_CORES = 0.012
ECHO_S = 0.0004
"""Of a write, in each replica."""
PER_S = len(WORKERS) * sum(REQUESTS.values())


def seconds_of(
    requests: np.ndarray, replicas: float = 3.0, noise: float = 0.0, arrivals: float = 0.0, more: float = 0.0
) -> Seconds:
    rng = np.random.default_rng(1)
    count = len(requests)
    writes = requests[:, 1:].sum(axis=1)
    serving = np.linspace(replicas, replicas + more, count)
    used = requests @ COSTS_S + (IDLE_CORES + ECHO_S * writes) * serving
    return Seconds(
        at_s=np.arange(count, dtype=float),
        requests=requests,
        writes=writes,
        serving=serving,
        replica_cpu_s=used * (1 + noise * rng.standard_normal(count)),
        allowed_cpu_s=serving,
        database_cpu_s=requests.sum(axis=1) * 0.0003,
        proxy_cpu_s=requests.sum(axis=1) * 0.0001,
        arrivals=arrivals,
    )


def busier_and_busier(count: int = 60) -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.asarray(rng.poisson(np.linspace(20, 200, count)[:, None] * np.array([0.87, 0.08, 0.05])), float)


def test_the_cost_of_each_class_and_of_doing_nothing_is_found() -> None:
    found = fitted(seconds_of(busier_and_busier(), more=4), NAMES)

    assert [one.name for one in found.classes] == list(NAMES)
    assert [one.cpu_s for one in found.classes] == pytest.approx(COSTS_S)
    assert found.idle_cores == pytest.approx(IDLE_CORES)
    assert (found.database_s, found.proxy_s) == pytest.approx((0.0003, 0.0001))


def test_what_every_replica_hears_of_a_write_is_found_where_their_number_varies() -> None:
    varies, stays = (fitted(seconds_of(busier_and_busier(), more=more), NAMES) for more in (4, 0))

    writes = varies.classes[1].share + varies.classes[2].share
    assert varies.echo_s == pytest.approx(ECHO_S * writes)
    assert stays.echo_s == 0.0
    assert stays.cpu_s(3) == pytest.approx(varies.cpu_s(3))
    assert varies.cpu_s(7) > varies.cpu_s(3)


def filled(calm: Seconds, saved: float) -> Seconds:
    """The same requests, each for less: it is all that the replicas may use."""
    idle_s = IDLE_CORES * calm.serving
    used = idle_s + (1 - saved) * (calm.replica_cpu_s - idle_s)
    return replace(calm, replica_cpu_s=used, allowed_cpu_s=used)


def test_full_replicas_tell_what_requests_save_that_follow_another_one() -> None:
    asked = busier_and_busier()
    calm = seconds_of(asked, arrivals=asked.sum() / 1.2)

    found, apart = fitted(calm + filled(calm, 0.3), NAMES), fitted(calm, NAMES)

    assert found.follower_saves == pytest.approx(0.3)
    assert found.cpu_s(3) == pytest.approx(apart.cpu_s(3)), "the cost of a request is that of one that comes alone"
    assert apart.follower_saves == 0.0
    assert found.requests_per_arrival == pytest.approx(1.2)


def test_a_few_full_seconds_tell_nothing() -> None:
    calm, few = seconds_of(busier_and_busier()), seconds_of(busier_and_busier(demands.SECONDS_MIN - 1))

    assert fitted(calm + filled(few, 0.3), NAMES).follower_saves == 0.0


def near_their_limit(count: int = 200) -> Seconds:
    """Replicas that use nearly all that they may, in whatever second: the more they are asked, the less it costs."""
    asked = np.asarray(np.random.default_rng(3).poisson(70 * np.array([0.87, 0.08, 0.05]), (count, 3)), float)
    return replace(
        seconds_of(asked, replicas=1.0), replica_cpu_s=np.full(count, 0.048), allowed_cpu_s=np.full(count, 0.05)
    )


def test_what_an_idle_replica_uses_is_measured_where_it_was_idle_for_long_enough() -> None:
    full = near_their_limit()
    quiet = replace(full, quiet_cores=np.array([0.004] * 10 + [0.015] * 20))

    guessed, known = fitted(full, NAMES), fitted(quiet, NAMES)

    assert guessed.idle_cores > 0.04, "from such seconds alone it would be nearly all"
    assert known.idle_cores == 0.004, "in most seconds before the load there was something else left to do"
    assert known.cpu_s(1) == pytest.approx((0.048 - 0.004) / 70, rel=0.05)
    assert fitted(replace(quiet, quiet_cores=quiet.quiet_cores[:15]), NAMES).idle_cores == guessed.idle_cores


def test_it_was_idle_between_the_last_connection_and_the_load(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        record.put_meta(connection, target={"replicas": 2})
        record.add_event(connection, (START_S - 4) * 1_000_000 + 100_000, "connected")
        connection.execute("UPDATE usage SET cpu_us = cpu_us + 1000000 WHERE component = 'app'")
        for second in range(-5, 0):
            used_us = 1_000_000 + second * 12_000
            connection.execute(
                "INSERT INTO usage VALUES (?, 'app', ?, 0, 2)", ((START_S + second) * 1_000_000, used_us)
            )

    with closing(record.open_finished(run_dir)) as connection:
        found = demands.steady_seconds(connection, slo.load())

    assert isinstance(found, Seconds)
    assert found.quiet_cores == pytest.approx([0.006] * 3)
    assert len((found + found).quiet_cores) == 6


def test_of_replicas_that_were_busy_all_the_time_nothing_is_said_of_single_requests(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(connection, target={"replicas": 1, "cpu_quota_m": round(1.5 * PER_S * APP_CPU_US / 1000)})

    assert {one.varies for one in measured(run_dir, slo.load()).classes} == {()}


def test_noise_moves_the_mean_little() -> None:
    exact, noisy = (fitted(seconds_of(busier_and_busier(), noise=noise), NAMES) for noise in (0.0, 0.1))

    assert noisy.cpu_s(3) == pytest.approx(exact.cpu_s(3), rel=0.1)


def test_classes_that_are_too_alike_to_tell_apart_cost_the_same() -> None:
    always = np.tile([87.0, 8.0, 5.0], (60, 1)) * np.linspace(1, 2, 60)[:, None]

    found = fitted(seconds_of(always), NAMES)

    assert found.cpu_s(3) == pytest.approx(always[0] @ COSTS_S / 100 + 3 * ECHO_S * 0.13)
    assert len({one.cpu_s for one in found.classes}) == 1


def test_a_class_that_nobody_asked_for_is_left_out() -> None:
    asked = busier_and_busier()
    asked[:, 2] = 0.0

    assert [one.name for one in fitted(seconds_of(asked), NAMES).classes] == ["reads", "bookings"]


def test_arrivals_tell_how_many_requests_each_makes() -> None:
    asked = busier_and_busier()

    assert fitted(seconds_of(asked, arrivals=asked.sum() / 1.2), NAMES).requests_per_arrival == pytest.approx(1.2)


def test_a_record_tells_them(tmp_path: Path) -> None:
    found = measured(write_run(tmp_path / "run"), slo.load())

    assert found.cpu_s(2) + 2 * found.idle_cores / PER_S == pytest.approx(APP_CPU_US / 1e6, rel=0.2)
    shares = {one.name: one.share for one in found.classes}
    assert shares == pytest.approx({"reads": 80 / 122, "bookings": 40 / 122, "other-writes": 2 / 122}, abs=0.01)
    assert found.source == "run run"


def test_single_requests_vary_as_they_did_where_little_was_asked(tmp_path: Path) -> None:
    reads, bookings, _ = measured(write_run(tmp_path / "run"), slo.load()).endpoints()

    assert np.ptp(reads.cpu.values_s) == pytest.approx(reads.cpu.mean_s * 800 / 60_400, rel=0.15)
    assert np.ptp(bookings.cpu.values_s) < np.ptp(reads.cpu.values_s)


def test_all_runs_of_a_sweep_tell_together(tmp_path: Path) -> None:
    for name in ("01-01", "01-02"):
        write_run(tmp_path / "runs" / name)

    assert measured(tmp_path, slo.load()).source == f"2 runs of {tmp_path.name}"


def test_of_replicas_that_were_scaled_only_those_that_served_count(tmp_path: Path) -> None:
    """A start costs CPU time, but no request's: three times as much by the components' accounting as by the trail."""
    run_dir = write_run(tmp_path / "run", app_cpu_us=3 * APP_CPU_US)
    with closing(record.open_record(run_dir)) as connection:
        for second in range(61):
            used_us = second * PER_S * APP_CPU_US
            look = TrailLook(0, 2, 2, 0, 0, 0, used_us)
            record.add_event(connection, (START_S + second) * 1_000_000, LOOK_EVENT, look.detail())

    found = measured(run_dir, slo.load())

    assert found.cpu_s(2) + 2 * found.idle_cores / PER_S == pytest.approx(APP_CPU_US / 1e6, rel=0.2)


def test_what_was_given_is_all_that_counts() -> None:
    found = demands.given(0.001, 0.0002)

    [endpoint] = found.endpoints()
    assert (endpoint.cpu.mean_s, endpoint.database.mean_s) == pytest.approx((0.001, 0.0002))


@pytest.mark.parametrize("cpu_s", [0.0, -1.0, 100.0])
def test_no_request_costs_nothing_or_minutes(cpu_s: float) -> None:
    with pytest.raises(BadInputError, match="must be above 0"):
        demands.given(cpu_s)


def test_a_run_without_steady_seconds_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="fewer than 10 s are left"):
        measured(write_run(tmp_path / "run", load_s=15), slo.load())
