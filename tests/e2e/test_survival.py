"""What a run leaves when it cannot go on: everything killed at once, or no room on the disk."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from slotrush import disk
from slotrush.runs import record
from tests.e2e.conftest import Slotrush

LOAD = (
    *("steady_day", "--users", "200", "--doctors", "20", "--slots", "1600", "--arrivals", "poisson:60"),
    *("--run-time", "60s"),
)
SMALL_DISK_MIB = 128
SCRAPS_BYTES = 4096


@contextmanager
def loading(results: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A swarm that has been at work for some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "slotrush", "swarm", *LOAD, "--results", str(results)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: bool(ledgers(results)) and all(rows > 20 for rows in ledgers(results)))
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ledgers(results: Path) -> list[int]:
    """How many attempts each worker has written down."""
    return [rows(part) for part in results.glob("*/parts/*.sqlite") if part.stem != "master"]


def rows(part: Path) -> int:
    try:
        with closing(record.open_record(part)) as connection:
            return int(connection.execute("SELECT count(*) FROM ledger").fetchone()[0])
    except Exception:  # it is just being made
        return 0


def wait_for(condition: Callable[[], bool], within_s: float = 90) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.05)


def kill_everything(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """As a power cut does to the processes: all at once, whoever would clean up after another too."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.suspend()  # so that nobody notices another's end first
    for member in family:
        member.kill()
    return family


def recorded(run_dir: Path) -> tuple[int, int, int]:
    """Attempts, latencies and seconds of the generator in a record, read as any reader does."""
    with closing(record.open_finished(run_dir)) as run:
        attempts, answers, seconds = (
            int(run.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("ledger", "latency", "generator_health")
        )
    return attempts, answers, seconds


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where a stack puts its data, which its janitor removes unless it is killed too; PostgreSQL's user may enter."""
    with tempfile.TemporaryDirectory(prefix="slotrush-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.long
def test_killing_everything_at_once_leaves_a_record_that_can_be_read(
    slotrush: Slotrush, tmp_path: Path, temporary: Path, environment: dict[str, str]
) -> None:
    results = tmp_path / "results"
    with loading(results, environment | {"TMPDIR": str(temporary)}) as process:
        before = sum(ledgers(results))
        family = kill_everything(process)
        wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
    (run_dir,) = results.iterdir()
    attempts, _, seconds = recorded(run_dir)
    assert attempts >= before
    assert seconds > 0
    reported = slotrush("report", run_dir)
    assert reported.returncode == 3, reported.stdout + reported.stderr
    assert "Incomplete" in reported.stdout
    assert (run_dir / "report.html").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, for which one must be root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={SMALL_DISK_MIB}m"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "slotrush", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, left_bytes: int) -> None:
    """Another program writes, until so much is left."""
    with (folder / "of-somebody-else").open("wb") as file:
        while (spare := shutil.disk_usage(folder).free - left_bytes) > 0:
            try:
                file.write(bytes(min(spare, 2**20)))
                file.flush()
            except OSError:  # the last page
                return


@pytest.mark.long
@pytest.mark.parametrize(
    "left_bytes",
    [
        pytest.param(disk.SPARE_BYTES // 2, id="it gets full"),
        pytest.param(0, id="it is full from one moment to the next"),
    ],
)
def test_a_full_disk_is_said_and_the_record_can_be_read(
    slotrush: Slotrush, small_disk: Path, environment: dict[str, str], left_bytes: int
) -> None:
    with loading(small_disk, environment) as process:
        before = sum(ledgers(small_disk))
        fill(small_disk, left_bytes)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "is full" in output
    assert "Traceback" not in output

    (small_disk / "of-somebody-else").unlink()
    (run_dir,) = small_disk.iterdir()
    attempts, _, _ = recorded(run_dir)
    assert attempts >= before
    reported = slotrush("report", run_dir)
    assert reported.returncode == 3, reported.stdout + reported.stderr


def test_no_run_begins_on_a_disk_that_is_all_but_full(slotrush: Slotrush, small_disk: Path) -> None:
    fill(small_disk, SCRAPS_BYTES)
    ran = slotrush("swarm", *LOAD, "--results", small_disk / "results")
    assert ran.returncode == 2
    assert "MiB left" in ran.stderr
    assert not (small_disk / "results").exists()
