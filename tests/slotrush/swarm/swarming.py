"""Swarms of the little clinic as the tests start them: by slotrush, or as separate Locust processes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from slotrush.runs import record
from slotrush.swarm.plan import Plan
from slotrush.swarm.start import Swarm, SwarmOptions
from tests.ports import unused_port
from tests.slotrush.swarm.little_clinic import DOCTORS, LOCUSTFILE, PATIENTS

LIMIT_S: Final = 90.0
ROOT: Final = Path(__file__).parents[3]


def wait_for(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true"
        time.sleep(0.05)


def little_plan(url: str, bank: Path, run_dir: Path, **changes: Any) -> Plan:
    asked: dict[str, Any] = {
        "scenario": "little",
        "model": "closed",
        "host": url,
        "sessions": str(bank),
        "users": PATIENTS + DOCTORS,
        "doctors": DOCTORS,
        "seed": 1,
        "think": "exponential:0.2",
        "run_time_s": 6.0,
        "run_dir": str(run_dir),
    }
    return Plan(**asked | changes)


def forked(processes: int) -> list[object]:
    """Options of a plain Locust that forks its workers; they meet on a port that no other test's do."""
    port = unused_port()
    return ["--processes", processes, "--master-bind-port", port, "--master-port", port] if processes else []


@contextmanager
def swarming(plan: Plan, workers: int = 2, extra: tuple[str, ...] = ()) -> Iterator[Swarm]:
    """A swarm that has begun; it is ended with the block, if not before."""
    swarm = Swarm(SwarmOptions(LOCUSTFILE, plan, workers=workers, extra=extra))
    try:
        swarm.start()
        yield swarm
    finally:
        swarm.stop(grace_s=30)


def over(swarm: Swarm) -> int:
    """Wait for the end; the exit code."""
    wait_for(lambda: swarm.poll() is not None)
    code = swarm.poll()
    assert code is not None
    return code


def worker_processes(swarm: Swarm) -> list[psutil.Process]:
    return psutil.Process(swarm.pids()[0]).children()


def live_phase(run_dir: Path) -> str:
    try:
        return str(json.loads((run_dir / "live.json").read_text())["phase"])
    except OSError:
        return ""


@contextmanager
def recorded(run_dir: Path) -> Iterator[sqlite3.Connection]:
    """What all parts of a swarm have, in one record."""
    with closing(record.open_record(run_dir)) as run:
        record.merge_parts(run, record.part_paths(run_dir))
        yield run


def events(run: sqlite3.Connection) -> list[str]:
    """By name, in their order, without what only says how a worker is."""
    told = run.execute("SELECT name FROM events WHERE name NOT IN ('base', 'clock') ORDER BY at_us, rowid")
    return [name for (name,) in told]


@contextmanager
def locust(
    arguments: Sequence[object], log: Path, before: Sequence[str] = (), locustfile: Path = LOCUSTFILE
) -> Iterator["subprocess.Popen[bytes]"]:
    """A Locust process of its own, ended with the block; `before` goes in front of its command line."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "SLOTRUSH_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "locust", "-f", str(locustfile), *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
