"""What a seed asks for, and what is told of it; the runs themselves are tests/e2e/test_chaos.py's."""

from itertools import pairwise
from typing import Any

import pytest

from slotrush.bench.soak_faults import FAULTS_MAX, SCENES, TOGETHER_S, exit_code, markdown, trial
from slotrush.chaos.catalogue import FAULTS, FIRST_S, load_s, parse
from slotrush.cli.racing import played
from slotrush.swarm.scenario import SCENARIOS

NAMES = tuple(FAULTS)
EPISODE = {
    **{"fault": "kill-replica", "hit": "app-1", "at_s": 10.0, "over_s": 1.5, "back_s": 2, "back_within_s": 10},
    "seen_s": 30,
    **{"requests": 120, "availability": 0.975},
}
CLEAN = {"double_bookings": 0, "lost_acknowledged": 0, "notifications_missing": 0, "notifications_doubled": 0}


def told(number: int, code: int, *reasons: str) -> dict[str, Any]:
    return {
        **{"number": number, "command": "chaos steady_day --fault kill-replica@10s", "took_s": 90.0, "run_id": "r"},
        **{"exit_code": code, "reasons": list(reasons), "episodes": [EPISODE], "broken": CLEAN, "sent_again": 0},
    }


def test_a_seed_and_a_number_make_the_same_run_again() -> None:
    several = [trial(7, number, NAMES) for number in range(1, 30)]
    assert several == [trial(7, number, NAMES) for number in range(1, 30)]
    assert several != [trial(8, number, NAMES) for number in range(1, 30)]


def test_everything_comes_up_in_time_alone_and_together() -> None:
    several = [trial(1, number, NAMES) for number in range(1, 200)]
    assert {fault.name for one in several for fault in one.faults} == set(NAMES)
    assert {one.scenario for one in several} == {scenario for scenario, _ in SCENES}
    assert {len(one.faults) for one in several} == set(range(1, FAULTS_MAX + 1))
    together = [one for one in several if len(one.faults) > 1 and one.faults[-1].at_s <= FIRST_S + TOGETHER_S]
    assert 0.2 < len(together) / len(several) < 0.6
    for one in several:
        assert all(before.at_s <= after.at_s for before, after in pairwise(one.faults))


@pytest.mark.parametrize("number", range(1, 30))
def test_a_run_is_a_command_that_there_is(number: int) -> None:
    one = trial(1, number, NAMES)
    words = one.command
    assert words[:2] == ("chaos", one.scenario)
    faults = [after for before, after in pairwise(words) if before == "--fault"]
    assert parse(faults) == one.faults
    assert played(one.scenario, {"run_time_s": load_s(one.faults)}).run_time_s == load_s(one.faults)
    assert SCENARIOS[one.scenario].model != "drop", "a drop is over before anybody could tell"


@pytest.mark.parametrize(
    ("codes", "expected"), [((0, 0), 0), ((0, 4, 3), 0), ((0, 1), 1), ((4, 3), 3), ((), 3)], ids=str
)
def test_one_failure_fails_it_and_what_could_not_be_judged_does_not(codes: tuple[int, ...], expected: int) -> None:
    assert exit_code([told(number, code) for number, code in enumerate(codes)]) == expected


def test_the_tally_says_what_was_done_and_how_to_do_it_again() -> None:
    runs = [told(1, 0), told(2, 1, "1 broken: lost_acknowledged"), told(3, 4, "a worker was late | by 2 s")]
    text = markdown({"seed": 5, "minutes": 4.5, "commit": "abc", "machine": {"cores": 2}, "runs": runs})
    assert "scripts/soak-faults --minutes 4.5 --seed 5`: 3 runs in 4 minutes, 1 passed, 1 failed, 0 undecided" in text
    assert "| `kill-replica` | 3 | 360 | 97.50% | 2 s, 2 s | 10 s | 0 | 0 | 0 | 0 | 0 |" in text
    assert "| 2 | failed | `slotrush chaos steady_day --fault kill-replica@10s` | 1 broken: lost_acknowledged |" in text
    assert "a worker was late / by 2 s" in text


def test_the_tally_of_a_few_kinds_of_faults_says_which() -> None:
    told_s = {"seed": 1, "minutes": 5, "commit": "abc", "machine": {"cores": 2}, "runs": [told(1, 0)]}
    assert "--minutes 5 --seed 1 --fault step-clock`: 1 runs" in markdown(told_s | {"only": ["step-clock"]})
    assert {one.name for number in range(9) for one in trial(1, number, ["step-clock"]).faults} == {"step-clock"}
