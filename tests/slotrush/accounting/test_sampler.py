"""The sampler on real process trees. What the kernel reports at the end (`wait4`) is the truth to compare with."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slotrush.accounting import ComponentUsage, Load, Sample, UsageSampler, loads
from slotrush.errors import BadInputError
from slotrush.runs import record

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
TREE = """
import os, sys
def burn(seconds):
    end = os.times().user + os.times().system + seconds
    while os.times().user + os.times().system < end:
        sum(range(1000))
for _ in range(3):
    if not (child := os.fork()):
        if not (grandchild := os.fork()):
            burn(0.05)
            os._exit(0)
        os.waitpid(grandchild, 0)
        burn(0.05)
        os._exit(0)
    os.waitpid(child, 0)
print("burnt", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run_record(tmp_path: Path) -> Path:
    path = tmp_path / record.RECORD_NAME
    record.create(path).close()
    return path


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[Any]]:
    """A process whose children and grandchildren burn 0.3 s of CPU and end before it says so."""
    with subprocess.Popen([sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def wait_until(condition: Callable[[], object], within_s: float = 20) -> None:
    """Wait for a condition of another process or thread; the limit only ends a test that has failed."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "the condition was not met"
        os.sched_yield()


def usage_rows(path: Path) -> list[tuple[int, str, int, int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM usage ORDER BY at_us, component").fetchall()


def test_the_cpu_of_a_tree_is_what_the_kernel_says_when_it_has_ended(
    run_record: Path, tree: subprocess.Popen[Any]
) -> None:
    sampler = UsageSampler(lambda: {"app": [tree.pid]}, run_record, interval_s=0.01)
    assert tree.stdin is not None
    assert tree.stdout is not None
    sampler.start()
    tree.stdout.readline()
    last = sampler.sample_now().components["app"]
    tree.stdin.close()
    _, _, truth = os.wait4(tree.pid, 0)
    tree.returncode = 0
    sampler.stop()

    assert last.processes == 1
    assert last.memory_bytes > 0
    assert last.cpu_us >= 300_000
    assert last.cpu_us == pytest.approx((truth.ru_utime + truth.ru_stime) * 1e6, abs=16 * TICK_US)


def test_rows_are_cumulative_and_stamped_with_the_epoch(run_record: Path, tree: subprocess.Popen[Any]) -> None:
    started_us = time.time_ns() // 1000
    sampler = UsageSampler(lambda: {"app": [tree.pid], "harness": [os.getpid()]}, run_record, interval_s=0.01)
    sampler.start()
    wait_until(lambda: len(usage_rows(run_record)) >= 20)
    sampler.stop()

    rows = usage_rows(run_record)
    app = [row for row in rows if row[1] == "app"]
    assert started_us <= rows[0][0] <= rows[-1][0] <= time.time_ns() // 1000
    assert [row[2] for row in app] == sorted(row[2] for row in app)
    assert {row[1] for row in rows} == {"app", "harness"}


def test_a_sample_on_demand_is_in_the_record(run_record: Path) -> None:
    sampler = UsageSampler(lambda: {"harness": [os.getpid()]}, run_record, interval_s=3600)
    sampler.start()
    asked_us = time.time_ns() // 1000
    drop = sampler.sample_now()
    sampler.stop()

    assert asked_us <= drop.at_us
    assert (drop.at_us, "harness", *_values(drop.components["harness"])) in usage_rows(run_record)


def test_an_ended_component_keeps_its_cpu_and_holds_no_memory(run_record: Path, tree: subprocess.Popen[Any]) -> None:
    assert tree.stdout is not None
    sampler = UsageSampler(lambda: {"app": [tree.pid]}, run_record)
    tree.stdout.readline()
    before = sampler.sample_now().components["app"]
    tree.kill()
    tree.wait()

    after = sampler.sample_now().components["app"]

    assert (after.cpu_us, after.memory_bytes, after.processes) == (before.cpu_us, 0, 0)


def test_children_may_come_and_go_while_sampling(run_record: Path) -> None:
    code = "import subprocess, sys\nprint('going', flush=True)\nfor _ in range(60): subprocess.run(['/bin/true'])\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        sampler = UsageSampler(lambda: {"app": [parent.pid]}, run_record)
        cpu_us = []
        while parent.poll() is None:
            cpu_us.append(sampler.sample_now().components["app"].cpu_us)

    assert cpu_us == sorted(cpu_us)


def test_samples_wait_while_another_writes_to_the_record(run_record: Path) -> None:
    sampler = UsageSampler(lambda: {"harness": [os.getpid()]}, run_record, interval_s=0.01)
    with closing(sqlite3.connect(run_record, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sampler.start()
        first = sampler.sample_now()
        wait_until(lambda: sampler.sample_now().at_us > first.at_us + 300_000)
        assert usage_rows(run_record) == []
        other.execute("COMMIT")
        sampler.stop()

    assert first.at_us in {row[0] for row in usage_rows(run_record)}


def test_a_failing_list_of_pids_does_not_end_the_sampling(run_record: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def pids() -> dict[str, list[int]]:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise RuntimeError("the stack is changing")
        return {"harness": [os.getpid()]}

    sampler = UsageSampler(pids, run_record, interval_s=0.01)
    sampler.start()
    wait_until(lambda: usage_rows(run_record))
    sampler.stop()

    assert "the stack is changing" in caplog.text


def test_stopping_twice_or_without_start_does_nothing(run_record: Path) -> None:
    sampler = UsageSampler(lambda: {"harness": [os.getpid()]}, run_record)
    sampler.stop()
    sampler.start()
    sampler.stop()
    sampler.stop()


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no run record"):
        UsageSampler(dict, tmp_path / "none.sqlite").start()


def test_a_load_is_the_share_of_one_core() -> None:
    before = Sample(1_000_000, {"app": ComponentUsage(500_000, 100, 2)})
    after = Sample(3_000_000, {"app": ComponentUsage(3_500_000, 120, 3), "proxy": ComponentUsage(9, 8, 7)})

    assert loads(before, after) == {"app": Load(1.5, 120, 3), "proxy": Load(0.0, 8, 7)}


def test_the_latest_load_is_that_of_the_last_interval(run_record: Path, tree: subprocess.Popen[Any]) -> None:
    assert tree.stdout is not None
    sampler = UsageSampler(lambda: {"app": [tree.pid]}, run_record, interval_s=0.05)
    assert sampler.latest() == {}
    sampler.sample_now()
    tree.stdout.readline()
    sampler.sample_now()

    assert sampler.latest()["app"].cpu_share > 0


def _values(usage: ComponentUsage) -> tuple[int, int, int]:
    return usage.cpu_us, usage.memory_bytes, usage.processes
