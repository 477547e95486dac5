"""Locust as a process: what is refused, how it ends, what it leaves."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import psutil
import pytest

from slotrush.errors import BadInputError, StackError
from slotrush.runs import record
from slotrush.swarm.start import Swarm, SwarmOptions

LIMIT_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true"
        time.sleep(0.05)


@pytest.fixture
def options(tmp_path: Path, free_port: int) -> SwarmOptions:
    """A small race against a port where nothing listens."""
    people = [{"id": f"{k}", "specialty": "cardiology", "token": f"t{k}"} for k in range(5)]
    bank = tmp_path / "bank.json"
    bank.write_bytes(orjson.dumps({"patients": people, "doctors": people[:2]}))
    return SwarmOptions(
        run_dir=tmp_path / "run",
        base_url=f"http://127.0.0.1:{free_port}",
        sessions=bank,
        patients=5,
        slots=4,
        doctors=2,
        drop_window_s=0.1,
        seed=1,
    )


def test_importing_the_starter_does_not_import_locust() -> None:
    code = "import sys, slotrush.swarm, slotrush.swarm.start; sys.exit(bool({'locust', 'gevent'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "thing"),
    [
        ({"patients": 0}, "--patients 0"),
        ({"slots": -1}, "--slots -1"),
        ({"doctors": 0}, "--doctors 0"),
        ({"drop_window_s": -0.5}, "--drop-window-s -0.5"),
        ({"workers": 0}, "--workers 0"),
        ({"patients": 6}, "has 5 patients"),
        ({"doctors": 3}, "has 2 doctors"),
        ({"sessions": Path("/nowhere/bank.json")}, "/nowhere/bank.json"),
        ({"base_url": "http://example.org"}, "example.org"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    options: SwarmOptions, change: dict[str, object], thing: str
) -> None:
    with pytest.raises(BadInputError, match=thing):
        Swarm(replace(options, **change))  # type: ignore[arg-type]


def test_a_target_that_does_not_answer_ends_the_swarm_and_keeps_what_was_recorded(options: SwarmOptions) -> None:
    swarm = Swarm(options)
    swarm.start()
    processes = [psutil.Process(pid) for pid in swarm.pids()]
    processes += processes[0].children(recursive=True)
    try:
        wait_for(lambda: swarm.poll() is not None)
    finally:
        swarm.stop(grace_s=10)

    assert (swarm.poll(), swarm.pids()) == (1, [])
    assert "5 patients could not connect" in swarm.log_path.read_text()
    assert len(processes) == 3
    assert not any(process.is_running() for process in processes)
    with closing(record.create(options.run_dir / record.RECORD_NAME)) as run:
        assert record.merge_parts(run, record.part_paths(options.run_dir)) == 3
        assert run.execute("SELECT sum(good), sum(bad) >= 25 FROM latency").fetchone() == (0, 1)
        assert {"connect", "base", "stopped"} == set(record.event_times(run))
    assert json.loads((options.run_dir / "live.json").read_text())["phase"] == "connecting"


def test_stopping_early_writes_the_parts_and_leaves_no_process(options: SwarmOptions) -> None:
    swarm = Swarm(options)
    swarm.start()
    root = psutil.Process(swarm.pids()[0])
    processes = [root, *root.children(recursive=True)]

    swarm.stop(grace_s=30)

    assert swarm.poll() is not None
    assert not any(process.is_running() for process in processes)
    for part in record.part_paths(options.run_dir):
        with closing(sqlite3.connect(part)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    swarm.stop(grace_s=30)


def test_a_swarm_ends_with_its_starter(options: SwarmOptions) -> None:
    code = (
        "import sys, time; from pathlib import Path; from slotrush.swarm.start import *;"
        f"swarm = Swarm(SwarmOptions(run_dir=Path({str(options.run_dir)!r}), base_url={options.base_url!r},"
        f" sessions=Path({str(options.sessions)!r}), patients=5, slots=4, doctors=2, drop_window_s=0.1, seed=1));"
        "swarm.start(); print(*swarm.pids(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        root = psutil.Process(int(starter.stdout.readline()))
        processes = [root, *root.children(recursive=True)]
        starter.kill()

    _, alive = psutil.wait_procs(processes, timeout=LIMIT_S)

    assert alive == []


def test_a_folder_with_a_race_in_it_is_refused(options: SwarmOptions) -> None:
    record.create(options.run_dir / record.PARTS_FOLDER / "worker0.sqlite").close()

    with pytest.raises(BadInputError, match="recorded there already"):
        Swarm(options)


def test_a_swarm_that_cannot_start_says_why(options: SwarmOptions) -> None:
    swarm = Swarm(options)
    options.sessions.write_text("{}")

    with pytest.raises(StackError, match="no lists `patients`"):
        swarm.start()
    assert swarm.poll() == 2
