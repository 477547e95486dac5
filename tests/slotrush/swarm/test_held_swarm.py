"""A real swarm of two workers, one of which is slow itself: its run says so, and when."""

import json
import time
from contextlib import closing
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from slotrush.report.verdict import Kind, judge
from slotrush.runs import record
from slotrush.summary import Summary, summarise
from slotrush.swarm import Plan
from slotrush.swarm.start import Swarm, SwarmOptions
from tests.locustfiles.scripted_server import ScriptedServer, json_answer

pytestmark = [pytest.mark.long, pytest.mark.alone]  # the run judges whether its workers had it for themselves
LOCUSTFILE = Path(__file__).with_name("held_swarm.py")
HELD_S = (3, 6)
USERS = 30
LIMIT_S = 60
AGENDA = json.dumps({"total": 1, "free": 1, "slots": [{"id": "0", "starts_at": "2027-01-01T12:00:00Z", "minutes": 30}]})


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("held")
    people = [{"id": str(k), "specialty": "cardiology", "token": f"t{k}"} for k in range(USERS)]
    bank = folder / "bank.json"
    bank.write_text(json.dumps({"patients": people, "doctors": people[:1]}))
    with ScriptedServer(repeat(json_answer(200, AGENDA.encode()))).serving() as server:  # type: ignore[arg-type]
        plan = Plan(
            scenario="held",
            model="closed",
            host=server.url,
            sessions=str(bank),
            users=USERS,
            doctors=1,
            seed=1,
            think="exponential:0.3",
            run_time_s=9,
            run_dir=str(folder / "run"),
        )
        swarm = Swarm(SwarmOptions(LOCUSTFILE, plan, workers=2))
        try:
            swarm.start()
            deadline_s = time.monotonic() + LIMIT_S
            while swarm.poll() is None and time.monotonic() < deadline_s:
                time.sleep(0.1)
        finally:
            swarm.stop(grace_s=30)
    assert swarm.poll() == 0, swarm.log_end()
    with closing(record.open_record(folder / "run")) as run:
        record.merge_parts(run, record.part_paths(folder / "run"))
        return summarise(run)


def test_the_run_is_invalid_and_names_the_stretch_in_which_its_worker_was_late(summary: Summary) -> None:
    begin_s, end_s = HELD_S  # to a second or so: the other worker may be late beside it, for want of a core
    largest = summary.generator.faults[0]

    assert abs(largest.from_s - begin_s) <= 1
    assert end_s - 1 <= largest.until_s <= end_s + 2
    assert "worker0" in largest.workers
    assert largest.lag_ms > 200
    assert not summary.valid
    assert largest.sentence in summary.measuring_faults


def test_the_percentile_that_it_distorted_is_named_with_what_it_would_have_been(summary: Summary) -> None:
    distortion = summary.generator.faults[0].distortion

    assert distortion is not None
    assert distortion.without_ms < distortion.reported_ms - 200


def test_the_verdict_refuses_to_judge_it_by_its_times(summary: Summary) -> None:
    verdict = judge(replace(summary, incomplete=()))  # nothing was audited here

    assert verdict.kind is Kind.INVALID
    assert verdict.reasons[0].fault == summary.generator.faults[0]


def test_the_workers_are_told_apart(summary: Summary) -> None:
    held, other = summary.generator.by_worker

    assert (held.worker, other.worker) == ("worker0", "worker1")
    assert held.loop_lag_ms is not None
    assert other.loop_lag_ms is not None
    assert held.loop_lag_ms.max > other.loop_lag_ms.max
    assert held.cpu_share is not None
    assert other.cpu_share is not None
    assert held.cpu_share > other.cpu_share
