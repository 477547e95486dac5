"""What the master makes of its workers' reports."""

from collections import Counter
from typing import Any

import pytest
from locust.rpc.protocol import Message

from slotrush.swarm.standings import Lineup, RaceOptions, Report, Standings, percentile

OPTIONS = RaceOptions("http://127.0.0.1:1", "s.json", patients=10, doctors=2, slots=4, drop_window_s=1.0, seed=1)


wire: Any = Message  # untyped in Locust


def test_messages_survive_the_wire() -> None:
    report = Report(1, connected=2, times_ms={10: 3, 250: 1})
    lineup = Lineup(OPTIONS, 1, 2)

    def over_the_wire(content: dict[str, Any]) -> dict[str, Any]:
        received: dict[str, Any] = wire.unserialize(wire("any", content, "worker").serialize()).data
        return received

    assert Report.of_message(over_the_wire(report.as_message())) == report
    assert Lineup.of_message(over_the_wire(lineup.as_message())) == lineup


def test_the_phases_follow_each_other() -> None:
    standings = Standings(OPTIONS)
    standings.add(Report(0, connected=5))
    assert (standings.phase(0), standings.all_connected) == ("connecting", False)
    standings.add(Report(1, connected=5))
    assert standings.all_connected

    standings.drop_at(1_000)

    assert (standings.phase(999), standings.phase(1_000)) == ("waiting", "racing")
    standings.add(Report(0, done=5, published=1, last_answer_us=3_000))
    standings.add(Report(1, done=5, last_answer_us=2_000))
    assert not standings.all_done  # a doctor has no answer yet
    standings.add(Report(1, done=5, published=1, last_answer_us=2_500))
    assert (standings.phase(4_000), standings.last_answer_us) == ("drained", 3_000)


def test_live_figures_are_of_all_workers_and_rates_since_the_last_look() -> None:
    standings = Standings(OPTIONS)
    standings.live(1_000_000)
    standings.add(Report(0, attempts=6, acknowledged=2, taken=3, gave_up=1, errors=1, times_ms={10: 5}))
    standings.add(Report(1, attempts=4, acknowledged=1, taken=3, times_ms={200: 1}))

    live = standings.live(3_000_000)

    assert (live["attempts"], live["attempts_per_s"], live["slots_left"]) == (10, 5.0, 1)
    assert (live["taken"], live["gave_up"], live["errors"]) == (6, 1, 1)
    assert live["response_ms"] == {"p50": 10, "p99": 200}


def test_the_drop_begins_the_percentiles_anew() -> None:
    standings = Standings(OPTIONS)
    standings.add(Report(0, times_ms={900: 50}))
    standings.drop_at(1)
    standings.add(Report(0, times_ms={10: 1}))

    assert standings.live(2)["response_ms"] == {"p50": 10, "p99": 10}


def test_patients_are_unreachable_only_once_nobody_tries_any_more() -> None:
    standings = Standings(OPTIONS)
    standings.add(Report(0, connected=5, unreachable=2))
    assert standings.unreachable == 0
    standings.add(Report(1, connected=3))
    assert standings.unreachable == 2


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 1), (0.51, 5), (1.0, 9)])
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(share: float, value: int) -> None:
    assert percentile(Counter({1: 2, 5: 1, 9: 1}), share) == value


def test_the_percentile_of_nothing_is_zero() -> None:
    assert percentile(Counter(), 0.5) == 0
