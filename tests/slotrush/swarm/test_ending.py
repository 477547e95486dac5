"""However and whenever a swarm ends, everything is written: also what nobody knows the outcome of."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slotrush.errors import StackError
from slotrush.swarm import start
from slotrush.swarm.master import ANSWER_GRACE_S
from tests.slotrush.swarm.little_clinic import DOCTORS, PATIENTS, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import (
    events,
    forked,
    little_plan,
    live_phase,
    locust,
    over,
    recorded,
    swarming,
    wait_for,
)


@pytest.fixture
def clinic() -> Iterator[LittleClinic]:
    with LittleClinic().open() as clinic:
        yield clinic


@pytest.mark.parametrize("phase", ["connecting", "running"])
def test_a_swarm_that_is_interrupted_has_a_whole_record_of_what_there_was(
    tmp_path: Path, clinic: LittleClinic, phase: str
) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=600.0)
    clinic.answers_after_s = 2.5 if phase == "connecting" else 0.0
    with swarming(plan) as swarm:
        wait_for(lambda: live_phase(run_dir) == phase)
        swarm.stop(grace_s=30)

    with recorded(run_dir) as run:
        started = [] if phase == "connecting" else ["connected", "start"]
        assert events(run) == ["connect", *started, "stopped"]
        assert run.execute("SELECT count(*) FROM lost_actors").fetchone() == (0,)
        assert run.execute("SELECT count(DISTINCT worker) FROM generator_health").fetchone() == (2,)
    assert list((run_dir / "parts").iterdir()) == []


def test_a_master_that_hangs_is_noticed_and_one_whose_record_is_gone_ends_nevertheless(
    tmp_path: Path, clinic: LittleClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=2.0)
    monkeypatch.setattr(start, "SILENT_MAX_S", 1.5)
    with swarming(plan) as swarm:
        wait_for(lambda: live_phase(run_dir) == "running")
        master = psutil.Process(swarm.pids()[0])
        master.suspend()
        with pytest.raises(StackError, match="nothing was heard of the swarm for 2 s"):
            checked_until_it_complains(swarm)
        (run_dir / "parts" / "master.sqlite").unlink()
        master.resume()

        assert over(swarm) == 1
    assert "the record of the swarm cannot be finished" in swarm.log_path.read_text()


def checked_until_it_complains(swarm: start.Swarm) -> None:
    for _ in range(600):
        swarm.check()
        time.sleep(0.1)


@pytest.mark.long
def test_at_the_end_who_has_asked_is_answered_and_nobody_asks_anything_more(
    tmp_path: Path, clinic: LittleClinic
) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=3.0)
    with swarming(plan) as swarm:
        wait_for(lambda: live_phase(run_dir) == "running")
        clinic.answers_after_s = 2.0
        assert over(swarm) == 0, swarm.log_end()

    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "ended", "stopped"]
        ((ended_us,),) = run.execute("SELECT at_us FROM events WHERE name = 'ended'").fetchall()
        last_sent_us, last_answered_us = run.execute("SELECT max(sent_us), max(answered_us) FROM ledger").fetchone()
        assert last_sent_us < ended_us + 1_000_000
        assert last_answered_us > ended_us
        assert run.execute("SELECT count(*) FROM ledger WHERE outcome = 'unknown'").fetchone() == (0,)


@pytest.mark.long
def test_who_interrupts_the_end_need_not_wait_for_the_last_answers(tmp_path: Path, clinic: LittleClinic) -> None:
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=3.0)
    with swarming(plan) as swarm:
        wait_for(lambda: live_phase(run_dir) == "running")
        clinic.answers_after_s = ANSWER_GRACE_S - 5
        wait_for(lambda: live_phase(run_dir) == "ended")
        began_s = time.monotonic()
        swarm.stop(grace_s=60)
        took_s = time.monotonic() - began_s

    assert took_s < ANSWER_GRACE_S - 10
    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "ended", "stopped"]
        assert run.execute("SELECT count(*) > 0 FROM ledger WHERE outcome = 'unknown'").fetchone() == (1,)
        assert run.execute("SELECT count(*) FROM lost_actors").fetchone() == (0,)


@pytest.mark.parametrize("processes", [pytest.param(0, marks=pytest.mark.long), 2])
def test_plain_locust_keeps_a_record_too_and_can_be_interrupted(
    tmp_path: Path, clinic: LittleClinic, processes: int
) -> None:
    run_dir, log = tmp_path / "run", tmp_path / "log"
    bank = write_bank(tmp_path / "bank.json")
    options = ["--headless", "--host", clinic.url, "--sessions", bank, "--run-dir", run_dir, "--users", 15]
    with locust([*options, *forked(processes)], log) as process:
        wait_for(lambda: live_phase(run_dir) == "running")
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(60)
        took_s = time.monotonic() - began_s

    assert took_s < 20, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()
    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "stopped"], log.read_text()
        assert run.execute("SELECT count(DISTINCT actor) FROM ledger").fetchone()[0] <= PATIENTS + DOCTORS
