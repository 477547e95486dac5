"""Many runs with faults, added up."""

from dataclasses import replace

import pytest

from slotrush.chaos.outcome import Episode, Outcome
from slotrush.chaos.tally import COLUMNS, Row, legend, markdown, rows

CLEAN = {"double_bookings": 0, "lost_acknowledged": 0, "notifications_missing": 0, "notifications_doubled": 0}
KILLED = Episode("kill-replica", "app-1", 10.0, 1.5, 2, 10, 60, requests=300, availability=0.99)
FROZEN = Episode("freeze-replica", "app-2", 40.0, 20.0, 0, 30, 60, requests=100, availability=1.0)
FIRST = Outcome((KILLED, FROZEN), CLEAN, sent_again=1)
SECOND = Outcome((replace(KILLED, back_s=5, requests=100, availability=0.95),), CLEAN | {"lost_acknowledged": 2}, 3)


def row(outcomes: list[Outcome], fault: str) -> Row:
    return next(one for one in rows(outcomes) if one.fault == fault)


def test_each_fault_that_was_tried_has_a_row_in_the_order_of_the_catalogue() -> None:
    assert [one.fault for one in rows([SECOND, FIRST])] == ["kill-replica", "freeze-replica"]
    assert rows([Outcome((), CLEAN, 0)]) == []


def test_requests_weigh_alike_whatever_run_they_are_of() -> None:
    killed = row([FIRST, SECOND], "kill-replica")
    assert (killed.tried, killed.requests, killed.back_s) == (2, 400, (2, 5))
    assert killed.availability == pytest.approx((0.99 * 300 + 0.95 * 100) / 400)


def test_what_was_lost_counts_for_every_fault_of_the_run() -> None:
    assert row([FIRST, SECOND], "kill-replica").lost_acknowledged == 2
    assert row([FIRST, SECOND], "kill-replica").sent_again == 4
    assert row([FIRST, SECOND], "freeze-replica").lost_acknowledged == 0


def test_nothing_is_said_of_what_no_audit_looked_at() -> None:
    unaudited = replace(FIRST, broken=None)
    assert row([SECOND, unaudited], "kill-replica").lost_acknowledged is None
    assert "unknown" in markdown(rows([unaudited]))


def test_a_system_that_never_came_back_is_counted() -> None:
    never = replace(FIRST, episodes=(replace(KILLED, back_s=None),))
    assert row([FIRST, never], "kill-replica").not_back == 1
    assert "| 2 s, 2 s (1 times not) |" in markdown(rows([FIRST, never]))
    assert "| (1 times not) |" in markdown(rows([never]))


def test_the_table_has_a_cell_for_every_column() -> None:
    head, rule, *lines = markdown(rows([FIRST, SECOND])).splitlines()
    assert head == f"| {' | '.join(COLUMNS)} |"
    assert {line.count("|") for line in (rule, *lines)} == {len(COLUMNS) + 1}
    assert lines[1] == "| `freeze-replica` | 1 | 100 | 100.00% | 0 s, 0 s | 30 s | 0 | 0 | 0 | 0 | 1 |"


def test_every_fault_in_the_table_is_explained() -> None:
    assert [line.partition(":")[0] for line in legend(rows([FIRST])).splitlines()] == [
        "- `kill-replica`",
        "- `freeze-replica`",
    ]
