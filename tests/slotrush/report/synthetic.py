"""Synthetic run records: a small race whose figures are known beforehand, written by slotrush.runs.record alone."""

import json
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from slotrush.audit import INVARIANTS
from slotrush.runs import hdr, record

CONNECT_S: Final = 1_795_000_000
DROP_US: Final = (CONNECT_S + 20) * 1_000_000
DRAIN_S: Final = 6
WORKERS: Final = ("worker-0", "worker-1")
COMPONENTS: Final = {
    "generator": 0.62,
    "proxy": 0.28,
    "app": 0.75,
    "postgres": 0.18,
    "valkey": 0.03,
    "notifier": 0.02,
    "mailbox": 0.02,
    "harness": 0.01,
}
"""Cores that each uses between drop and drain; before and after, a tenth of it."""

PATIENTS, SLOTS, ATTEMPTS = 2_000, 500, 2_400
FLOOR_US: Final = {"request_us": 1_250.0, "hello_us": 1_200.0, "booking_us": 845.0}
FLOOR: Final = {**FLOOR_US, "cores": 2, "notes": ["booking: 20000 attempts"]}


def write_run(run_dir: Path, **meta: object) -> Path:
    """A whole race: everything sold once, the audit clean. `meta` replaces or adds meta keys."""
    with closing(_begin(run_dir, **meta)) as connection:
        _drop(connection)
        _drain(connection)
        _snapshot(connection)
        _audit(connection)
    return run_dir


def write_partial(run_dir: Path, reached: str) -> Path:
    """A run that was cut short once it had `reached` 'nothing', 'connected' or 'drop'."""
    run_dir.mkdir(parents=True, exist_ok=True)
    if reached == "nothing":
        record.create(run_dir / record.RECORD_NAME).close()
        return run_dir
    with closing(_begin(run_dir)) as connection:
        if reached == "drop":
            _drop(connection)
        record.add_event(connection, DROP_US + 3_000_000, "interrupted")
    return run_dir


def edit(run_dir: Path, *statements: str) -> None:
    with closing(record.open_record(run_dir)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def delay(run_dir: Path, worker: str, seconds: Sequence[int], *, lag_ms: int) -> None:
    """Make a worker late by so much in these seconds since the drop, on a full core."""
    with closing(record.open_record(run_dir)) as connection, connection:
        for second in seconds:
            connection.execute(
                "UPDATE generator_health SET loop_lag_hdr = ?, cpu_us = 990000 WHERE worker = ? AND second = ?",
                (hdr.encode([lag_ms * 1_000] * 20), worker, DROP_US // 1_000_000 + second),
            )


def _begin(run_dir: Path, **meta: object) -> sqlite3.Connection:
    connection = record.create(run_dir / record.RECORD_NAME)
    values: dict[str, object] = {
        "run_id": "20261119-142640-7f3a",
        "scenario": "race",
        "seed": 42,
        "started_at": "2026-11-19T14:26:40+00:00",
        "options": {"patients": PATIENTS, "slots": SLOTS, "doctors": 5, "drop_window_s": 2.0, "seed": 42},
        "target": {
            "commit": "6b9fd2a",
            "replicas": 2,
            "cpu_quota_m": None,
            "base_url": "http://127.0.0.1:8080",
        },
        "machine": {
            "cores": 2,
            "memory_bytes": 8 * 2**30,
            "cgroup": "v2",
            "cpu_model": "A Processor",
            "os": "Linux 6.1",
            "python": "3.11.7",
            "open_files": 20_000,
        },
        "floor": FLOOR,
    }
    record.put_meta(connection, **(values | meta))
    for worker in WORKERS:
        base = json.dumps({"worker": worker, "rss_bytes": 60_000_000})
        record.add_event(connection, CONNECT_S * 1_000_000 - 1, "base", base)
    record.add_event(connection, CONNECT_S * 1_000_000, "connect")
    record.add_event(connection, (CONNECT_S + 10) * 1_000_000, "connected")
    _latency(connection, "GET /v1/doctors", range(CONNECT_S, CONNECT_S + 10), median_us=4_000, each=100)
    _health(connection, range(CONNECT_S, CONNECT_S + 28))
    _usage(connection)
    return connection


def _drop(connection: sqlite3.Connection) -> None:
    dice = random.Random(42)
    record.add_event(connection, DROP_US, "drop")
    seconds = range(DROP_US // 1_000_000, DROP_US // 1_000_000 + DRAIN_S)
    _latency(connection, "GET /v1/doctors/{id}/agenda", seconds, median_us=90_000, each=240)
    _latency(connection, "POST /v1/appointments", seconds, median_us=180_000, each=200)
    attempts = []
    for number in range(ATTEMPTS):
        booked = number < SLOTS
        answered_us = DROP_US + int(min(dice.betavariate(2, 4 if booked else 2), 0.99) * DRAIN_S * 1e6)
        attempts.append(
            (
                f"key-{number}", WORKERS[number % 2], "request", f"patient-{number % PATIENTS}",
                f"slot-{number % SLOTS}", answered_us - 200_000, answered_us - 150_000, answered_us,
                "acknowledged" if booked else "refused", 201 if booked else 409,
                "" if booked else "slot-taken", f"appointment-{number}" if booked else None,
                "doctor-0", 25_000 if booked else None, None, None, None, None,
            )
        )  # fmt: skip
    with connection:
        connection.executemany(f"INSERT INTO ledger VALUES ({', '.join('?' * 18)})", attempts)


def _drain(connection: sqlite3.Connection) -> None:
    record.add_event(connection, DROP_US + DRAIN_S * 1_000_000, "drained")
    record.add_event(connection, DROP_US + (DRAIN_S + 2) * 1_000_000, "stopped")


def _snapshot(connection: sqlite3.Connection) -> None:
    with connection:
        for number in range(SLOTS):
            starts_us = 1_800_000_000_000_000 + number * 1_800_000_000
            connection.execute(
                "INSERT INTO stored_slots VALUES (?, 'doctor-0', ?, ?)",
                (f"slot-{number}", starts_us, starts_us + 1_800_000_000),
            )
            connection.execute(
                "INSERT INTO stored_appointments VALUES (?, ?, 'doctor-0', ?, ?, ?, 'requested', 25000, ?, NULL)",
                (
                    f"appointment-{number}", f"slot-{number}", f"patient-{number}",
                    starts_us, starts_us + 1_800_000_000, f"key-{number}",
                ),
            )  # fmt: skip
        connection.executemany("INSERT INTO queue_depths VALUES (?, 0)", [("outbox",), ("stream",), ("dead letters",)])


def _audit(connection: sqlite3.Connection) -> None:
    with connection:
        connection.executemany(
            "INSERT INTO audit VALUES (?, ?, ?, 0)", [(name, title, SLOTS) for name, title in INVARIANTS.items()]
        )


def _latency(connection: sqlite3.Connection, endpoint: str, seconds: range, *, median_us: int, each: int) -> None:
    dice = random.Random(endpoint)
    with connection:
        for worker in WORKERS:
            for second in seconds:
                service = [dice.lognormvariate(0, 0.6) * median_us for _ in range(each)]
                response = [time_us + dice.random() * median_us for time_us in service]
                connection.execute(
                    "INSERT INTO latency VALUES (?, ?, ?, ?, 0, 0, ?, ?)",
                    (worker, endpoint, second, each, hdr.encode(response), hdr.encode(service)),
                )


def _health(connection: sqlite3.Connection, seconds: range) -> None:
    with connection:
        for worker in WORKERS:
            for users, second in enumerate(seconds):
                connection.execute(
                    "INSERT INTO generator_health VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
                    (
                        worker, second, hdr.encode([200, 400, 3_000]), 300_000,
                        79_000_000, min(100 * users, 1_000), min(100 * users, 1_000),
                    ),
                )  # fmt: skip


def _usage(connection: sqlite3.Connection) -> None:
    with connection:
        for component, cores in COMPONENTS.items():
            cpu_us = 500_000.0
            for second in range(29):
                connection.execute(
                    "INSERT INTO usage VALUES (?, ?, ?, ?, 2)",
                    ((CONNECT_S + second) * 1_000_000, component, int(cpu_us), 90_000_000),
                )
                rushing = 20 <= second < 20 + DRAIN_S
                cpu_us += cores * 1e6 * (1 if rushing else 0.1)
