import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from slotrush import floor, machine
from slotrush.errors import StackError
from slotrush.floor import booking, requests

SMALL = booking.BookingSizes(patients=200, slots=50, doctors=10, transactions=400)


async def _databases(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]
    finally:
        await connection.close()


def _requests(request_us: float = 120.0, hello_us: float = 80.0) -> requests.RequestCost:
    return requests.RequestCost(request_us, hello_us, 1_000)


def test_the_floor_of_a_drain_is_the_attempts_cpu_spread_over_the_cores() -> None:
    measured = floor.combine(_requests(), booking.BookingCost(20.0, 80.0, 1_000, 300), cores=2)

    assert measured.booking_us == 100.0
    assert measured.attempt_us == 300.0
    assert measured.drain_s(20_000) == pytest.approx(3.0)


def test_a_server_on_another_machine_is_left_out_and_that_is_noted() -> None:
    measured = floor.combine(_requests(), booking.BookingCost(20.0, None, 1_000, 300), cores=2)

    assert measured.booking_us == 20.0
    assert any("PostgreSQL runs elsewhere" in note for note in measured.notes)


def test_the_mean_of_two_measurements_is_that_of_each_part_and_names_both_totals() -> None:
    before = floor.combine(_requests(120.0, 80.0), booking.BookingCost(20.0, 80.0, 1_000, 300), cores=2)
    after = floor.combine(_requests(140.0, 90.0), booking.BookingCost(30.0, 100.0, 1_000, 300), cores=2)

    found = floor.mean([before, after])

    assert (found.request_us, found.hello_us, found.booking_us) == (130.0, 85.0, 115.0)
    assert (found.booking_client_us, found.booking_server_us) == (25.0, 90.0)
    assert found.attempt_us == found.request_us + found.hello_us + found.booking_us
    assert found.notes == (*before.notes, "the mean of 2 measurements: 300.0, 360.0 µs an attempt")


def test_measuring_finds_a_cost_for_every_part_with_a_user_and_a_server_for_each_core(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def noted(command: list[str], **options: Any) -> subprocess.Popen[str]:
        commands.append(command)
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", noted)
    monkeypatch.setattr(machine, "cores", lambda: 2)

    measured = floor.measure(database_url, steps.append, SMALL, requests_s=0.3)

    meta = measured.as_meta()
    parts = ("request_us", "hello_us", "booking_us", "booking_client_us", "booking_server_us", "attempt_us")
    assert all(meta[part] > 0 for part in parts)
    assert meta["cores"] == 2
    assert len(steps) == 2
    servers, users = (
        [command[3] for command in commands if command[1:3] == ["-m", f"slotrush.floor.{module}"]]
        for module in ("hello", "bare_user")
    )
    assert len(servers) == 2
    assert len(set(users)) == 2, "each on a server's port of its own"


def test_a_user_that_cannot_be_measured_is_a_stack_error_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def gone(_: int) -> Iterator[tuple[int, int]]:
        yield 9, 2**22 + 1

    monkeypatch.setattr(requests, "hello_server", gone)

    with pytest.raises(StackError, match=r"(?s)bare Locust user failed \(code 1\).*NoSuchProcess"):
        requests.measure_requests(0.2, pairs=1)


def test_the_benchmark_books_and_is_refused_and_leaves_no_database(database_url: str) -> None:
    before = asyncio.run(_databases(database_url))

    cost = booking.measure_booking(database_url, SMALL)

    assert cost.attempts == SMALL.transactions
    assert 0.9 * SMALL.slots < cost.booked <= SMALL.slots
    assert asyncio.run(_databases(database_url)) == before


def test_a_benchmark_that_fails_leaves_no_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = asyncio.run(_databases(database_url))
    monkeypatch.setattr(booking, "_pgbench", lambda: "false")

    with pytest.raises(StackError, match="pgbench failed"):
        booking.measure_booking(database_url, SMALL)

    assert asyncio.run(_databases(database_url)) == before


def test_a_database_that_does_not_answer_is_a_stack_error() -> None:
    with pytest.raises(StackError, match="could not be measured"):
        booking.measure_booking("postgresql://postgres@127.0.0.1:9/postgres", SMALL)


def test_the_script_draws_a_patient_a_slot_and_a_key() -> None:
    script = booking.pgbench_script("-- $1 is the patient\nSELECT $1, $2, $3\n", SMALL)

    assert "random(1, 200)" in script
    assert "random(1, 50)" in script
    assert "$" not in script
    assert script.endswith(":key::text;\n")


def test_a_statement_without_one_of_the_parameters_is_refused() -> None:
    with pytest.raises(StackError, match=r"no parameter \$3"):
        booking.pgbench_script("SELECT $1, $2", SMALL)


async def _cpu_readings(url: str, backends: int) -> list[float]:
    """The server's CPU at first and after each of some backends that worked and ended."""
    observer = await asyncpg.connect(url)
    try:
        postmaster = booking.local_postmaster(await observer.fetchval("SELECT pg_backend_pid()"))
        assert postmaster is not None
        readings = [booking.server_cpu_s(postmaster)]
        for _ in range(backends):
            worker = await asyncpg.connect(url)
            await worker.execute("SELECT sum(n) FROM generate_series(1, 300000) AS n")
            await worker.close()
            readings.append(booking.server_cpu_s(postmaster))
        return readings
    finally:
        await observer.close()


def test_the_cpu_of_a_server_keeps_that_of_backends_that_ended(database_url: str) -> None:
    readings = asyncio.run(_cpu_readings(database_url, backends=5))

    assert readings == sorted(readings)
    assert readings[-1] > readings[0]


def test_a_pid_that_is_no_postgres_of_this_machine_is_not_measured() -> None:
    assert booking.local_postmaster(os.getpid()) is None
    assert booking.local_postmaster(2**22 + 1) is None
