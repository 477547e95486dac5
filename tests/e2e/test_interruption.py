"""However a race ends, nothing stays behind and what was measured is kept."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

SIZES = ("--patients", "60", "--slots", "20", "--doctors", "4", "--replicas", "1", "--proxies", "1", "--workers", "1")


@contextmanager
def racing(results: Path, environment: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """A race whose patients are connecting."""
    process = subprocess.Popen(
        [sys.executable, "-m", "slotrush", "race", *SIZES, "--no-floor", *options, "--results", str(results)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: bool(list(results.glob("*/live.json"))))
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition: Callable[[], bool], within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(lives, processes))


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_an_interrupted_race_keeps_its_results(
    number: signal.Signals, tmp_path: Path, environment: dict[str, str]
) -> None:
    with racing(tmp_path, environment) as process:
        parts = descendants(process)
        process.send_signal(number)
        output, _ = process.communicate(timeout=90)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    wait_for(lambda: all_gone(parts))
    (run,) = tmp_path.iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["valid"], summary["interrupted"]) == (False, True)
    assert (run / "report.html").exists()
    assert (run / "report.pt-BR.html").exists()


@pytest.mark.long
def test_a_part_that_dies_is_named_and_the_rest_is_stopped(tmp_path: Path, environment: dict[str, str]) -> None:
    with racing(tmp_path, environment) as process:
        parts = descendants(process)
        (postgres,) = [one for one in parts if one.name() == "postgres" and one.ppid() == process.pid]
        postgres.kill()
        output, _ = process.communicate(timeout=90)
    assert process.returncode == 1, output
    assert "postgres" in output
    assert "Traceback" not in output
    wait_for(lambda: all_gone(parts))
    (run,) = tmp_path.iterdir()
    assert json.loads((run / "summary.json").read_text())["valid"] is False


@pytest.mark.long
def test_a_killed_race_leaves_no_process_and_its_record_can_be_read(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with racing(tmp_path, environment) as process:
        parts = descendants(process)
        process.kill()
        process.wait(30)
    wait_for(lambda: all_gone(parts))
    (run,) = tmp_path.iterdir()
    reported = subprocess.run(
        [sys.executable, "-m", "slotrush", "report", str(run)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert reported.returncode == 3, reported.stdout + reported.stderr
    assert "Incomplete" in reported.stdout
