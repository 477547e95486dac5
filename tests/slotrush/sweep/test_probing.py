"""One probe: who plays it, at what rate, and what its record says."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from slotrush.capacity.bisect import Verdict
from slotrush.stack import StackUrls
from slotrush.stack.quota import Throttling
from slotrush.sweep import probing
from slotrush.sweep.model import Settings
from slotrush.sweep.probing import Counters, People
from slotrush.sweep.searching import Crowd, crowd_for
from tests.slotrush.gate.written import APP_CPU_US, REQUESTS, START_S, WORKERS, Second, write_run
from tests.slotrush.swarm.swarming import wait_for

LOAD_S = 40
SLEEP_S = 0.3
PER_SECOND = len(WORKERS) * sum(REQUESTS.values())


def counters(machine: float, throttled: float) -> Counters:
    """Of a machine that keeps so many cores busy, and of quotas that were used up in this share of the periods."""
    seconds = range(LOAD_S + 1)
    return Counters(
        busy_us=[((START_S + second) * 1_000_000, round(second * machine * 1e6)) for second in seconds],
        steal_us=[((START_S + second) * 1_000_000, second * 10_000) for second in seconds],
        periods=[((START_S + second) * 1_000_000, second * 10) for second in seconds],
        throttled=[((START_S + second) * 1_000_000, round(second * 10 * throttled)) for second in seconds],
    )


def test_a_record_and_the_machines_counters_make_a_probe(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "01-01-abcd", load_s=LOAD_S, audited=False)
    probe = probing.measured(run_dir, 30.0, counters(machine=1.5, throttled=0.2), Settings())
    assert (probe.run, probe.rate_per_s, probe.verdict) == ("01-01-abcd", 30.0, Verdict.PASS)
    assert probe.throughput_per_s == pytest.approx(PER_SECOND)
    assert probe.availability == 1
    assert probe.p99_ms.keys() == {"reads", "bookings", "other-writes"}
    assert probe.cores["app"] == pytest.approx(PER_SECOND * APP_CPU_US / 1e6, rel=0.01)
    assert probe.cores["machine"] == pytest.approx(1.5)
    own = probe.cores["app"] + probe.cores["proxy"]
    assert probe.cores["strangers"] == pytest.approx(1.5 - own)
    assert probe.cores["steal"] == pytest.approx(0.01)
    assert probe.throttled == pytest.approx(0.2, abs=0.01)


def test_a_probe_has_what_a_plan_wants_to_know(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=LOAD_S, audited=False)
    probe = probing.measured(run_dir, 30.0, Counters(), Settings(), database_busy_s=12.0)
    assert probe.requests is not None
    assert probe.throughput_per_s is not None
    steady_s = probe.requests / probe.throughput_per_s
    assert 10 <= steady_s < LOAD_S, "without warm-up and cool-down"
    assert probe.mean_ms is not None
    assert 0 < probe.mean_ms < max(probe.p99_ms.values())
    assert probe.memory_mib["app"] == 2 * 90
    assert probe.transactions_s == pytest.approx(12 / (PER_SECOND * LOAD_S), rel=0.05)


def test_the_database_says_for_how_long_its_connections_were_busy(stack: StackUrls) -> None:
    async def be_busy() -> None:
        database = await asyncpg.connect(stack.database_url)
        try:
            await database.execute(f"SELECT pg_sleep({SLEEP_S})")
        finally:
            await database.close()

    before_s = probing.database_busy_s(stack.database_url)
    asyncio.run(be_busy())
    wait_for(lambda: probing.database_busy_s(stack.database_url) - before_s >= SLEEP_S)


def test_what_was_slow_before_the_load_was_steady_does_not_count(tmp_path: Path) -> None:
    def warming_up(_endpoint: str, second: int) -> Second:
        return Second(slow=2) if second < 8 else Second()

    run_dir = write_run(tmp_path / "run", warming_up, load_s=LOAD_S, audited=False)
    probe = probing.measured(run_dir, 30.0, Counters(), Settings())
    assert probe.verdict is Verdict.PASS
    assert max(probe.p99_ms.values()) < 1_000


def test_a_probe_that_never_was_steady_has_a_verdict_and_no_figures(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=12, audited=False)
    probe = probing.measured(run_dir, 30.0, Counters(), Settings())
    assert probe.verdict is Verdict.UNDECIDED
    assert probe.throughput_per_s is None
    assert probe.cores == {}


def test_what_was_not_counted_is_not_known(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=LOAD_S, audited=False)
    probe = probing.measured(run_dir, 30.0, Counters(), Settings())
    assert "machine" not in probe.cores
    assert probe.throttled is None
    assert probe.cores["app"] > 0


def test_the_counters_read_the_machine() -> None:
    read = Counters()
    read.read(Throttling(10, 3, 500))
    read.read(Throttling(20, 7, 900))
    (first_us, busy_before), (second_us, busy_after) = read.busy_us
    assert first_us <= second_us
    assert busy_before <= busy_after
    assert [count for _, count in read.throttled] == [3, 7]


def test_every_swarm_has_people_who_have_not_played_yet(tmp_path: Path) -> None:
    everybody = {
        "patients": [{"id": f"p{number}"} for number in range(10)],
        "doctors": [{"id": f"d{number}"} for number in range(5)],
        "staff": [{"id": f"s{number}"} for number in range(2)],
    }
    (tmp_path / "bank.json").write_text(json.dumps(everybody))
    people, crowd = People(tmp_path / "bank.json"), Crowd(patients=4, doctors=2, staff=1)
    banks = [json.loads(people.next(crowd, tmp_path / f"{number}.json").read_text()) for number in range(2)]
    assert {group: len(bank) for group, bank in banks[0].items()} == {"patients": 5, "doctors": 2, "staff": 1}
    for group in everybody:
        played = [person["id"] for bank in banks for person in bank[group]]
        assert len(played) == len(set(played))


def test_the_swarm_arrives_as_a_poisson_process_and_connects_no_faster() -> None:
    options = probing.options_for(Settings(probe_s=30, cpu_quota_m=70), replicas=3, rate_per_s=52.5, seed=9)
    assert options.plays.arrivals == "poisson:52.5@30s"
    assert (options.plays.run_time_s, options.seed, options.cpu_quota_m, options.replicas) == (30, 9, 70, 3)
    assert options.spawn_rate_per_s == 52
    assert options.plays.users == crowd_for(52.5).users
