"""The record of a swarm for which Locust was started by hand."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from slotrush.runs import record
from slotrush.swarm.by_hand import begin_record
from slotrush.swarm.plan import Plan

PLAN = Plan("soak", "closed", "http://127.0.0.1:1", "sessions.json", users=12, doctors=3, seed=7, think="none")


def _begun(plan: Plan, run_dir: Path) -> dict[str, object]:
    begin_record(replace(plan, run_dir=str(run_dir)), workers=4)
    with closing(record.open_record(run_dir)) as run:
        return record.get_meta(run)


def test_the_record_says_what_was_played_and_on_what(tmp_path: Path) -> None:
    meta = _begun(PLAN, tmp_path / "soak-1")

    assert (meta["run_id"], meta["scenario"], meta["seed"]) == ("soak-1", "soak", 7)
    assert meta["options"] == {
        "patients": 12,
        "doctors": 3,
        "slots": 0,
        "model": "closed",
        "think": "none",
        "arrivals": None,
        "run_time_s": None,
        "workers": 4,
    }
    assert meta["machine"] != {}


def test_a_record_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    with closing(record.create(tmp_path / record.RECORD_NAME)) as run:
        record.put_meta(run, run_id="begun by slotrush swarm")

    assert _begun(PLAN, tmp_path) == {"run_id": "begun by slotrush swarm"}


def test_the_path_of_a_trace_stays_out_of_the_record(tmp_path: Path) -> None:
    meta = _begun(replace(PLAN, model="open", arrivals="trace:/home/somebody/bookings.csv"), tmp_path)

    assert "somebody" not in str(meta)
