"""What the master makes of its workers' reports."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from locust.rpc.protocol import Message

from slotrush.swarm.plan import Lineup, Plan
from slotrush.swarm.sessions import Role
from slotrush.swarm.standings import Answers, Report, Standings, percentile

RACE = Plan("race", "drop", "http://127.0.0.1:1", "s.json", users=10, doctors=2, seed=1, slots=4, drop_window_s=1.0)
SOAK = replace(RACE, scenario="soak", model="closed", slots=0, drop_window_s=0.0, think="none", run_time_s=5.0)

wire: Any = Message  # untyped in Locust


def standings_of(plan: Plan = RACE, players: dict[Role, int] | None = None) -> Standings:
    return Standings(plan, 2, players or {"patient": plan.users})


def answered(**times_ms: int) -> dict[str, Answers]:
    """So many good answers of one endpoint after so many ms: answered(ms10=3)."""
    times = {int(name.removeprefix("ms")): count for name, count in times_ms.items()}
    return {"GET /x": Answers(sum(times.values()), 0, 0, times)}


def test_messages_survive_the_wire() -> None:
    report = Report(1, connected=2, answers=answered(ms10=3, ms250=1), writes={("request", "refused"): 2})
    lineup = Lineup(replace(SOAK, arrivals="poisson:1"), 1, 2, {"Patient": 9.0}, {"Patient": [5, 5]})

    def over_the_wire(content: dict[str, Any]) -> dict[str, Any]:
        received: dict[str, Any] = wire.unserialize(wire("any", content, "worker").serialize()).data
        return received

    assert Report.of_message(over_the_wire(report.as_message())) == report
    assert Lineup.of_message(over_the_wire(lineup.as_message())) == lineup


def test_the_phases_of_a_drop_follow_each_other() -> None:
    standings = standings_of()
    standings.add(Report(0, connected=5))
    assert (standings.phase(0), standings.all_connected) == ("connecting", False)
    standings.add(Report(1, connected=5))
    assert standings.all_connected

    standings.start_at(1_000)

    assert (standings.phase(999), standings.phase(1_000)) == ("waiting", "racing")
    standings.add(Report(0, done=5, published=1, last_answer_us=3_000))
    standings.add(Report(1, done=5, last_answer_us=2_000))
    assert not standings.all_done  # a doctor has no answer yet
    standings.add(Report(1, done=5, published=1, last_answer_us=2_500))
    assert (standings.phase(4_000), standings.last_answer_us) == ("drained", 3_000)


def test_a_swarm_without_a_drop_runs_until_its_time_is_over_or_somebody_ends_it() -> None:
    timed, endless = standings_of(SOAK), standings_of(replace(SOAK, run_time_s=None))
    for standings in (timed, endless):
        standings.start_at(1_000_000)

    assert (timed.phase(5_999_999), timed.phase(6_000_000)) == ("running", "ended")
    assert endless.phase(10**15) == "running"

    endless.finish()

    assert endless.phase(10**15) == "ended"


@pytest.mark.parametrize(("lost", "needed"), [(0, 4), (1, 6)])
def test_nobody_waits_for_the_people_of_a_lost_worker(lost: int, needed: int) -> None:
    """Each role is handed round by itself: of 3 doctors, 1 receptionist and 6 patients the first worker has 2, 1, 3."""
    standings = standings_of(SOAK, {"doctor": 3, "staff": 1, "patient": 6})

    standings.lose(lost)
    standings.add(Report(1 - lost, connected=needed - 1))
    assert not standings.all_connected
    standings.add(Report(1 - lost, connected=needed))

    assert standings.all_connected


def test_a_drop_is_over_when_all_are_done_who_are_still_there() -> None:
    standings = standings_of()
    standings.start_at(0)
    standings.add(Report(0, done=5, published=1))
    assert not standings.all_done

    standings.lose(1)

    assert standings.all_done


def test_live_figures_are_of_all_workers_and_rates_since_the_last_look() -> None:
    standings = standings_of()
    standings.live(1_000_000)
    standings.add(Report(0, attempts=6, acknowledged=2, taken=3, gave_up=1, errors=1, answers=answered(ms10=5)))
    standings.add(Report(1, attempts=4, acknowledged=1, taken=3, answers=answered(ms200=1)))

    live = standings.live(3_000_000)

    assert (live["attempts"], live["attempts_per_s"], live["slots_left"]) == (10, 5.0, 1)
    assert (live["requests"], live["requests_per_s"]) == (6, 3.0)
    assert (live["taken"], live["gave_up"], live["errors"]) == (6, 1, 1)
    assert live["response_ms"] == {"p50": 10, "p99": 200}


def test_arrivals_and_those_that_were_dropped_are_counted_over_all_workers() -> None:
    standings = standings_of(SOAK)
    standings.add(Report(0, arrivals=10, dropped=1))
    standings.add(Report(1, arrivals=12, dropped=2))
    standings.add(Report(0, arrivals=20, dropped=1))

    live = standings.live(1)

    assert (live["arrivals"], live["dropped"]) == (standings.arrivals, standings.dropped) == (32, 3)


def test_the_start_begins_the_percentiles_anew() -> None:
    standings = standings_of()
    standings.add(Report(0, answers=answered(ms900=50)))
    standings.start_at(1)
    standings.add(Report(0, answers=answered(ms10=1)))

    assert standings.live(2)["response_ms"] == {"p50": 10, "p99": 10}


def test_users_are_unreachable_only_once_nobody_tries_any_more() -> None:
    standings = standings_of()
    standings.add(Report(0, connected=5, unreachable=2))
    assert standings.unreachable == 0
    standings.add(Report(1, connected=3))
    assert standings.unreachable == 2


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 1), (0.51, 5), (1.0, 9)])
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(share: float, value: int) -> None:
    assert percentile(Counter({1: 2, 5: 1, 9: 1}), share) == value


def test_the_percentile_of_nothing_is_zero() -> None:
    assert percentile(Counter(), 0.5) == 0
