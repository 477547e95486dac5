"""The verdict on a run with faults, and how it is said."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush.chaos.catalogue import FAULTS, Planned
from slotrush.chaos.outcome import Episode, Outcome
from slotrush.chaos.showing import COLUMNS, cells, judge, lines, spoiled, unexplained
from slotrush.runs import record
from slotrush.summary import summarise
from slotrush.summary.model import Fault as GeneratorFault
from tests.slotrush.report import synthetic

PLANNED = (Planned("kill-replica", 10.0),)
EPISODE = Episode("kill-replica", "app-1", 10.2, 1.5, 2, 10, 30, 120, 0.975)
CLEAN = {"double_bookings": 0, "lost_acknowledged": 0, "notifications_missing": 0, "notifications_doubled": 0}
GOOD = Outcome((EPISODE,), CLEAN, sent_again=3)
LATE = replace(GOOD, episodes=(replace(EPISODE, back_s=11),))
NEVER = replace(GOOD, episodes=(replace(EPISODE, back_s=None),))
ENDED = replace(GOOD, episodes=(replace(EPISODE, back_s=None, seen_s=12),))
BROKEN = replace(GOOD, broken=CLEAN | {"lost_acknowledged": 2})


@pytest.mark.parametrize(
    ("outcome", "incomplete", "spoiled", "exit_code", "reason"),
    [
        pytest.param(GOOD, [], [], 0, None, id="back in time and nothing lost"),
        pytest.param(LATE, [], [], 1, "back after 11 s, and 10 s are allowed", id="late"),
        pytest.param(NEVER, [], [], 1, "did not hold again", id="never back"),
        pytest.param(ENDED, [], [], 3, "ended before the system had to be back", id="nobody could tell"),
        pytest.param(BROKEN, [], [], 1, "2 broken: lost_acknowledged", id="a promise broken"),
        pytest.param(BROKEN, ["cut short"], ["busy"], 1, "2 broken", id="a promise broken in a bad run"),
        pytest.param(GOOD, ["cut short"], [], 3, "cut short", id="a run that lacks something"),
        pytest.param(replace(GOOD, broken=None), [], [], 3, "no audit", id="no audit"),
        pytest.param(replace(GOOD, episodes=()), [], [], 3, "1 of 1 faults were not done", id="a fault was not done"),
        pytest.param(LATE, [], ["the generator was busy"], 4, "the generator was busy", id="the generator spoiled it"),
    ],
)
def test_the_verdict(
    outcome: Outcome, incomplete: list[str], spoiled: list[str], exit_code: int, reason: str | None
) -> None:
    judged = judge(PLANNED, outcome, incomplete, spoiled)
    assert judged.exit_code == exit_code
    assert (judged.reasons == ()) if reason is None else any(reason in one for one in judged.reasons)


def test_a_worker_that_was_killed_on_purpose_is_no_lack() -> None:
    assert unexplained(["worker-lost"], [Planned("kill-worker", 5)]) == []
    assert unexplained(["worker-lost"], PLANNED) != []
    assert unexplained(["worker-lost", "no-audit"], [Planned("kill-worker", 5)]) == ["the audit was not done"]


def test_arrivals_that_a_fault_cost_do_not_make_the_run_invalid(tmp_path: Path) -> None:
    with closing(record.open_record(synthetic.write_run(tmp_path / "run"))) as run:
        sound = summarise(run)
    dropped = GeneratorFault("dropped", 10, 20, ("worker0",), 50, 0.1, 1.0, 0.2, 0.0, None)
    late = replace(dropped, cause="held", lag_ms=500.0)
    generator = replace(sound.generator, faults=(late, dropped))
    reasons = (late.sentence, dropped.sentence, "the clocks differ")
    found = replace(sound, generator=generator, valid=False, invalid_reasons=reasons)
    assert spoiled(sound) == []
    assert spoiled(found) == [late.sentence, "the clocks differ"]


def test_each_fault_has_its_line() -> None:
    said = dict(zip(COLUMNS, cells(EPISODE), strict=True))
    assert said == {
        "at": "10 s",
        "fault": "kill-replica",
        "hit": "app-1",
        "requests": "120",
        "available": "97.50%",
        "back after": "2 s",
        "allowed": "10 s",
    }
    assert dict(zip(COLUMNS, cells(NEVER.episodes[0]), strict=True))["back after"] == "not"


def test_what_was_lost_is_said_first() -> None:
    assert lines(BROKEN, judge(PLANNED, BROKEN, [], []))[0] == (
        "acknowledged writes lost: 2; double bookings: 0; mails lost: 0, doubled: 0"
        " (sent again under the same Message-ID: 3)"
    )
    assert "unknown" in lines(replace(GOOD, broken=None), judge(PLANNED, GOOD, [], []))[0]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_says_what_it_does_and_what_it_may_cost(name: str) -> None:
    kind = FAULTS[name]
    assert kind.name == name
    assert kind.title
    assert kind.effect
    assert kind.back_within_s >= kind.lasts_s, "nobody could say before that it is over"
