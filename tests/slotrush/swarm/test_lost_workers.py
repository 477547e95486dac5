"""A worker that is lost in mid-run: the swarm goes on, and the record says what it lacks."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from slotrush.runs import record
from slotrush.summary import summarise
from tests.slotrush.swarm.little_clinic import DOCTORS, PATIENTS, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import (
    events,
    little_plan,
    live_phase,
    over,
    recorded,
    swarming,
    wait_for,
    worker_processes,
)


@pytest.fixture(scope="module")
def clinic() -> Iterator[LittleClinic]:
    with LittleClinic().open() as clinic:
        yield clinic


def flushed(run_dir: Path) -> bool:
    """Whether each worker has written some of its ledger."""
    return live_phase(run_dir) == "running" and all(
        record.open_record(part).execute("SELECT count(*) FROM ledger").fetchone()[0] > 2
        for part in record.part_paths(run_dir)
        if part.stem != "master"
    )


@pytest.mark.long
def test_the_swarm_goes_on_without_a_worker_that_was_killed(tmp_path: Path, clinic: LittleClinic) -> None:
    run_dir = tmp_path / "run"
    with swarming(little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=8.0)) as swarm:
        wait_for(lambda: flushed(run_dir))
        worker_processes(swarm)[0].kill()
        assert over(swarm) == 0, swarm.log_end()

    assert "is lost" in swarm.log_path.read_text()
    with recorded(run_dir) as run:
        assert events(run).count("worker-lost") == 1
        ((detail,),) = run.execute("SELECT detail FROM events WHERE name = 'worker-lost'").fetchall()
        lost = json.loads(detail)["worker"]
        theirs = {f"patient-{k}" for k in range(lost, PATIENTS, 2)} | {f"doctor-{k}" for k in range(lost, DOCTORS, 2)}
        assert {actor for (actor,) in run.execute("SELECT actor FROM lost_actors")} == theirs
        by_worker = dict(run.execute("SELECT worker, max(sent_us) FROM ledger GROUP BY worker"))
        assert by_worker.keys() == {"worker0", "worker1"}
        assert by_worker[f"worker{1 - lost}"] > by_worker[f"worker{lost}"]
        assert "worker-lost" in summarise(run).incomplete


@pytest.mark.long
def test_a_swarm_without_workers_ends(tmp_path: Path, clinic: LittleClinic) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=600.0)
    with swarming(plan, workers=1) as swarm:
        wait_for(lambda: live_phase(run_dir) == "running")
        worker_processes(swarm)[0].kill()
        assert over(swarm) == 1

    assert swarm.log_end().splitlines()[-2].endswith("all workers are lost")  # and not Locust's tables, which follow
    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "worker-lost", "stopped"]


@pytest.mark.long
def test_a_worker_that_is_told_to_leave_has_written_everything(tmp_path: Path, clinic: LittleClinic) -> None:
    run_dir = tmp_path / "run"
    with swarming(little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=4.0)) as swarm:
        wait_for(lambda: flushed(run_dir))
        worker_processes(swarm)[0].send_signal(signal.SIGTERM)
        assert over(swarm) == 0, swarm.log_end()

    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "worker-lost", "ended", "stopped"]
        assert run.execute("SELECT count(*) FROM lost_actors").fetchone() == (0,)


@pytest.mark.long
def test_nobody_waits_for_the_users_of_a_worker_that_is_killed_while_they_connect(
    tmp_path: Path, clinic: LittleClinic
) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=2.0)
    clinic.answers_after_s = 3.0
    try:
        with swarming(plan) as swarm:
            worker_processes(swarm)[0].kill()
            wait_for(lambda: live_phase(run_dir) == "running")
            clinic.answers_after_s = 0.0
            assert over(swarm) == 0, swarm.log_end()
    finally:
        clinic.answers_after_s = 0.0
    with recorded(run_dir) as run:
        assert events(run) == ["connect", "worker-lost", "connected", "start", "ended", "stopped"]
