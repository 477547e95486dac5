"""Locust as a process: what is refused, how it ends, what it leaves."""

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.swarm.plan import Plan
from slotrush.swarm.scenario import locustfile
from slotrush.swarm.start import Swarm, SwarmOptions, command
from tests.slotrush.swarm.little_clinic import LOCUSTFILE, PATIENTS, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import LIMIT_S, little_plan, over, recorded, swarming, wait_for


@pytest.fixture
def plan(tmp_path: Path, free_port: int) -> Plan:
    """A small race against a port where nothing listens."""
    people = [{"id": f"{k}", "specialty": "cardiology", "token": f"t{k}"} for k in range(5)]
    bank = tmp_path / "bank.json"
    bank.write_bytes(orjson.dumps({"patients": people, "doctors": people[:2]}))
    return Plan(
        scenario="little",
        model="drop",
        host=f"http://127.0.0.1:{free_port}",
        sessions=str(bank),
        users=5,
        doctors=2,
        seed=1,
        slots=4,
        drop_window_s=0.1,
        run_dir=str(tmp_path / "run"),
    )


@pytest.fixture
def deaf(plan: Plan) -> SwarmOptions:
    """Patients who find no target: unlike those of a scenario of ours, they do not look before they start."""
    return SwarmOptions(LOCUSTFILE, replace(plan, model="closed", users=5, doctors=2, run_time_s=600.0))


def test_importing_the_starter_does_not_import_locust() -> None:
    code = "import sys, slotrush.swarm, slotrush.swarm.start; sys.exit(bool({'locust', 'gevent'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "thing"),
    [
        pytest.param({"users": 0}, "--users 0", id="users"),
        pytest.param({"slots": -1}, "--slots -1", id="slots"),
        pytest.param({"slots": 0}, "--slots 0", id="no slots at a drop"),
        pytest.param({"doctors": 0}, "--doctors 0", id="doctors"),
        pytest.param({"drop_window_s": -0.5}, "--drop-window-s -0.5", id="drop window"),
        pytest.param({"users": 6}, "has 5 patients", id="patients of the bank"),
        pytest.param({"doctors": 3}, "has 2 doctors", id="doctors of the bank"),
        pytest.param({"sessions": "/nowhere/bank.json"}, "/nowhere/bank.json", id="bank"),
        pytest.param({"host": "http://example.org"}, "example.org", id="stranger"),
        pytest.param({"think": "often"}, "often", id="think time"),
        pytest.param({"run_time_s": -1.0}, "--run-time -1", id="run time"),
        pytest.param({"model": "open"}, "--arrivals", id="open without arrivals"),
        pytest.param({"model": "open", "arrivals": "poisson:x"}, "poisson:x", id="arrivals"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(plan: Plan, change: dict[str, Any], thing: str) -> None:
    with pytest.raises(BadInputError, match=thing):
        Swarm(SwarmOptions(locustfile("race"), replace(plan, **change)))


def test_no_workers_are_bad_input(plan: Plan) -> None:
    with pytest.raises(BadInputError, match="--workers 0"):
        Swarm(SwarmOptions(locustfile("race"), plan, workers=0))


def test_only_what_a_load_model_has_is_on_the_command_line(plan: Plan) -> None:
    drop = command(SwarmOptions(LOCUSTFILE, plan), 5557)
    open_ = command(SwarmOptions(LOCUSTFILE, replace(plan, model="open", arrivals="poisson:1", run_time_s=2.6)), 5557)

    assert {"--slots", "--drop-window-s", "--headless"} <= set(drop)
    assert not {"--arrivals", "--think-time", "--model", "--run-time"} & set(drop)
    assert {"--arrivals", "--model"} <= set(open_)
    assert open_[open_.index("--run-time") + 1] == "3s"


def test_metrics_are_for_this_machine_unless_an_address_is_named(plan: Plan) -> None:
    plain, wide = (
        command(SwarmOptions(LOCUSTFILE, one), 5557) for one in (plan, replace(plan, metrics_address="0.0.0.0"))
    )

    assert [words[words.index("--metrics-address") + 1] for words in (plain, wide)] == ["127.0.0.1", "0.0.0.0"]


@pytest.mark.long
def test_users_who_get_no_answer_end_the_swarm_and_what_was_recorded_is_kept(deaf: SwarmOptions) -> None:
    swarm = Swarm(deaf)
    swarm.start()
    processes = [psutil.Process(pid) for pid in swarm.pids()]
    processes += processes[0].children(recursive=True)
    try:
        wait_for(lambda: swarm.poll() is not None)
    finally:
        swarm.stop(grace_s=10)

    assert (swarm.poll(), swarm.pids()) == (1, [])
    assert "5 users could not connect" in swarm.log_path.read_text()
    assert len(processes) == 3
    assert not any(process.is_running() for process in processes)
    with closing(record.open_record(deaf.run_dir)) as run:
        assert record.merge_parts(run, record.part_paths(deaf.run_dir)) == 3
        assert run.execute("SELECT sum(good), sum(bad) >= 25 FROM latency").fetchone() == (0, 1)
        assert {"connect", "base", "clock", "stopped"} == set(record.event_times(run))
    assert json.loads((deaf.run_dir / "live.json").read_text())["phase"] == "connecting"


def test_stopping_early_writes_the_parts_and_leaves_no_process(deaf: SwarmOptions) -> None:
    swarm = Swarm(deaf)
    swarm.start()
    root = psutil.Process(swarm.pids()[0])
    processes = [root, *root.children(recursive=True)]

    swarm.stop(grace_s=30)

    assert swarm.poll() is not None
    assert not any(process.is_running() for process in processes)
    for part in record.part_paths(deaf.run_dir):
        with closing(sqlite3.connect(part)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    swarm.stop(grace_s=30)


@pytest.mark.long
def test_a_swarm_ends_with_its_starter(deaf: SwarmOptions) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from slotrush.swarm.plan import Plan; from slotrush.swarm.start import *;"
        f"swarm = Swarm(SwarmOptions(Path({str(deaf.locustfile)!r}), {deaf.plan!r}));"
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


def test_a_folder_with_a_swarm_in_it_is_refused(deaf: SwarmOptions) -> None:
    record.create(deaf.run_dir / record.PARTS_FOLDER / "worker0.sqlite").close()

    with pytest.raises(BadInputError, match="recorded there already"):
        Swarm(deaf)


def test_what_only_locust_finds_wrong_is_bad_input_too(deaf: SwarmOptions) -> None:
    swarm = Swarm(deaf)
    Path(deaf.plan.sessions).write_text("{}")

    with pytest.raises(BadInputError, match="no lists `patients`") as refusal:
        swarm.start()

    assert refusal.value.thing == f"sessions {deaf.plan.sessions}"
    assert swarm.poll() == 2


def test_a_target_that_is_something_else_is_found_out_before_the_swarm(plan: Plan) -> None:
    with LittleClinic().open() as clinic:  # which does not know who somebody is
        swarm = Swarm(SwarmOptions(locustfile("race"), replace(plan, host=clinic.url)))

        with pytest.raises(BadInputError, match="GET /v1/me"):
            swarm.start()


def test_a_port_for_the_metrics_that_is_taken_is_bad_input(tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank.json")
    with LittleClinic().open() as clinic, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        swarm = Swarm(
            SwarmOptions(LOCUSTFILE, little_plan(clinic.url, bank, tmp_path / "run", metrics_port=port), workers=1)
        )
        with pytest.raises(BadInputError, match=f"metrics port {port}"):
            swarm.start()
    assert swarm.poll() == 2


@pytest.mark.long
def test_tags_leave_out_tasks_and_who_has_none_left(tmp_path: Path) -> None:
    """Without tasks to choose from, a user would fail at every turn."""
    bank, run_dir = write_bank(tmp_path / "bank.json"), tmp_path / "run"
    with LittleClinic().open() as clinic:
        plan = little_plan(clinic.url, bank, run_dir, users=PATIENTS, run_time_s=2.0)
        with swarming(plan, workers=1, extra=("--tags", "write")) as swarm:
            assert over(swarm) == 0, swarm.log_end()

    assert "could not connect" not in swarm.log_path.read_text()
    with recorded(run_dir) as run:
        actors = {actor for (actor,) in run.execute("SELECT actor FROM ledger")}
        assert len(actors) > PATIENTS // 2
        reads = run.execute("SELECT sum(good) FROM latency WHERE endpoint LIKE 'GET%'").fetchone()
        assert reads == (plan.users,)  # everyone looks around, and then only writes


def test_tags_that_leave_nothing_to_do_are_bad_input(tmp_path: Path) -> None:
    with LittleClinic().open() as clinic:
        plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), tmp_path / "run")
        swarm = Swarm(SwarmOptions(LOCUSTFILE, plan, workers=1, extra=("--tags", "none")))
        with pytest.raises(BadInputError, match="--tags"):
            swarm.start()


@pytest.mark.long
def test_an_open_load_ends_with_its_last_arrival(tmp_path: Path) -> None:
    """Although it was given ten minutes: nobody comes any more."""
    bank, run_dir = write_bank(tmp_path / "bank.json", staff=1), tmp_path / "run"
    with LittleClinic().open() as clinic:
        plan = little_plan(
            clinic.url, bank, run_dir, model="open", arrivals="constant:20@2s", run_time_s=600.0, users=16
        )
        with swarming(plan) as swarm:
            assert over(swarm) == 0, swarm.log_end()

    with recorded(run_dir) as run:
        assert run.execute("SELECT sum(arrivals), sum(dropped) FROM generator_health").fetchone() == (40, 0)
        ((start_us, end_us),) = run.execute(
            "SELECT (SELECT at_us FROM events WHERE name = 'start'), (SELECT at_us FROM events WHERE name = 'ended')"
        ).fetchall()
        assert end_us - start_us == 2_000_000


def test_arrivals_that_find_everybody_busy_are_dropped_and_counted(tmp_path: Path) -> None:
    bank, run_dir = write_bank(tmp_path / "bank.json"), tmp_path / "run"
    with LittleClinic().open() as clinic:
        clinic.answers_after_s = 1.0
        plan = little_plan(clinic.url, bank, run_dir, model="open", arrivals="constant:50@3s", users=6)
        with swarming(plan) as swarm:
            assert over(swarm) == 0, swarm.log_end()

    live = json.loads((run_dir / "live.json").read_text())
    with recorded(run_dir) as run:
        due, dropped = run.execute("SELECT sum(arrivals), sum(dropped) FROM generator_health").fetchone()
        sent = run.execute("SELECT sum(good) FROM latency").fetchone()[0] - plan.users
    assert due == 150
    assert dropped >= 100
    assert due - dropped == sent
    assert (live["arrivals"], live["dropped"]) == (due, dropped)
