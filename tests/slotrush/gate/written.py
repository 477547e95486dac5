"""Run records to judge, written cell by cell, so that every figure is known beforehand."""

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from slotrush.audit import INVARIANTS
from slotrush.runs import hdr, record

START_S: Final = 1_795_000_000
WORKERS: Final = ("worker-0", "worker-1")
READ, BOOK, PUBLISH = "GET /v1/doctors/{id}/agenda", "POST /v1/appointments", "POST /v1/slots"
REQUESTS: Final = {READ: 80, BOOK: 40, PUBLISH: 2}
"""By endpoint, in each second and of each worker."""
APP_CPU_US: Final = 180
MIB: Final = 2**20


@dataclass(frozen=True)
class Second:
    """What one worker's requests to one endpoint met within a second; `slow` took a minute."""

    slow: int = 0
    bad: int = 0
    refused: int = 0


Fate = Callable[[str, int], Second]


def well(_endpoint: str, _second: int) -> Second:
    return Second()


def write_run(
    run_dir: Path,
    fate: Fate = well,
    *,
    scenario: str = "mix",
    load_s: int = 60,
    ended: bool = True,
    audited: bool = True,
    broken: int = 0,
    lag_ms: float = 0.3,
    app_cpu_us: float = APP_CPU_US,
    app_memory_bytes: int = 2 * 90 * MIB,
    statements: float | None = None,
    endpoints: tuple[str, ...] = tuple(REQUESTS),
) -> Path:
    """A run of `load_s` seconds from START_S; `fate` gets the endpoint and the second since then."""
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id="20261119-142640-7f3a",
            scenario=scenario,
            seed=42,
            started_at="2026-11-19T14:26:40+00:00",
            options={"patients": 100, "slots": 10},
        )
        _events(connection, scenario, load_s, ended)
        for second in range(load_s):
            for worker in WORKERS:
                for endpoint in endpoints:
                    _cell(connection, worker, endpoint, second, fate(endpoint, second))
                _health(connection, worker, second, lag_ms)
            _usage(connection, second, app_cpu_us, app_memory_bytes)
            if statements is not None:
                total = json.dumps({"total": int(second * statements * len(WORKERS) * sum(REQUESTS.values()))})
                connection.execute("INSERT INTO events VALUES (?, 'statements', ?)", (_us(second), total))
        _usage(connection, load_s, app_cpu_us, app_memory_bytes)
        if audited:
            connection.executemany("INSERT INTO queue_depths VALUES (?, 0)", [("outbox",), ("stream",)])
            for invariant, title in INVARIANTS.items():
                wrong = broken if invariant == "lost_acknowledged" else 0
                connection.execute("INSERT INTO audit VALUES (?, ?, 10, ?)", (invariant, title, wrong))
        connection.commit()
    return run_dir


def sometimes(seed: int, share: float, endpoint: str, **fate: int) -> Fate:
    """Each second of each worker meets `fate` with the probability `share`, at one endpoint."""
    dice = random.Random(seed)
    return lambda asked, _: Second(**fate) if asked == endpoint and dice.random() < share else Second()


def _us(second: float) -> int:
    return int((START_S + second) * 1_000_000)


def _events(connection: sqlite3.Connection, scenario: str, load_s: int, ended: bool) -> None:
    is_race = scenario == "race"
    record.add_event(connection, _us(-2), "connect")
    record.add_event(connection, _us(0), "drop" if is_race else "start")
    if ended:
        record.add_event(connection, _us(load_s) - is_race, "drained" if is_race else "ended")
    else:
        record.add_event(connection, _us(load_s), "interrupted")
    record.add_event(connection, _us(load_s), "stopped")


def _cell(connection: sqlite3.Connection, worker: str, endpoint: str, second: int, met: Second) -> None:
    count = REQUESTS[endpoint]
    times = _times(count, met.slow)
    connection.execute(
        "INSERT INTO latency VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(worker, endpoint, START_S + second, count - met.bad - met.refused, met.bad, met.refused),
            *(times, times),
        ),
    )


@lru_cache
def _times(count: int, slow: int) -> bytes:
    return hdr.encode([60e6] * slow + [60_000 + 10 * number for number in range(count - slow)])


@lru_cache
def _lags(lag_ms: float) -> bytes:
    return hdr.encode([lag_ms * 1000] * 20)


def _health(connection: sqlite3.Connection, worker: str, second: int, lag_ms: float) -> None:
    connection.execute(
        "INSERT INTO generator_health (worker, second, loop_lag_hdr, cpu_us, memory_bytes, users, sockets,"
        " gc_pause_us, arrivals, dropped) VALUES (?, ?, ?, 300000, 79000000, 50, 50, 0, 0, 0)",
        (worker, START_S + second, _lags(lag_ms)),
    )


def _usage(connection: sqlite3.Connection, second: int, app_cpu_us: float, app_memory_bytes: int) -> None:
    requests = second * len(WORKERS) * sum(REQUESTS.values())
    for component, cpu_us in (("app", app_cpu_us * requests), ("proxy", 70 * requests)):
        connection.execute(
            "INSERT INTO usage VALUES (?, ?, ?, ?, 2)", (_us(second), component, int(cpu_us), app_memory_bytes)
        )
