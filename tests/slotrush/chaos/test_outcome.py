"""What became of faults, by the record of a run that is written here second by second."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.audit import INVARIANTS
from slotrush.chaos import outcome
from slotrush.chaos.outcome import Outcome
from slotrush.runs import hdr, record

BEGAN_S = 1_800_000_000
LOAD_S = 60
PER_S = 40


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A load of a minute in which everything went well."""
    with closing(record.create(tmp_path / "run.sqlite")) as connection:
        record.put_meta(connection, scenario="steady_day")
        record.add_event(connection, BEGAN_S * 1_000_000, "start")
        record.add_event(connection, (BEGAN_S + LOAD_S) * 1_000_000, "ended")
        for second in range(LOAD_S):
            answer(connection, second)
        connection.executemany("INSERT INTO audit VALUES (?, ?, 9, 0)", INVARIANTS.items())
        yield connection


def answer(run: sqlite3.Connection, second: int, bad: int = 0, response_ms: int = 5) -> None:
    """What the clients of one second got."""
    times = hdr.encode([response_ms * 1000] * PER_S)
    with run:
        run.execute(
            "INSERT INTO latency VALUES ('w', 'GET /v1/agendas/{doctor}', ?, ?, ?, 0, ?, ?)"
            " ON CONFLICT DO UPDATE SET good = excluded.good, bad = excluded.bad, response_hdr = excluded.response_hdr",
            (BEGAN_S + second, PER_S - bad, bad, times, times),
        )


def do(run: sqlite3.Connection, number: int, fault: str, at_s: float, over_s: float | None = None) -> None:
    """A fault, and when it was over."""
    detail = {"number": number, "fault": fault}
    at_us = BEGAN_S * 1_000_000 + int(at_s * 1e6)
    record.add_event(run, at_us, record.FAULT_EVENT, json.dumps(detail | {"hit": "app-1"}))
    if over_s is not None:
        record.add_event(run, at_us + int(over_s * 1e6), record.HEALED_EVENT, json.dumps(detail))


def test_a_fault_costs_what_failed_until_the_system_was_back(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 20.5, over_s=2.25)
    for second, bad in ((20, 10), (21, 20), (22, 4)):
        answer(run, second, bad)

    found = outcome.note(run)

    [episode] = found.episodes
    assert (episode.fault, episode.hit, episode.at_s, episode.over_s) == ("kill-replica", "app-1", 20.5, 2.25)
    assert (episode.back_s, episode.requests, episode.availability) == (3, 3 * PER_S, 1 - 34 / (3 * PER_S))
    assert (found.passed, episode.seen_s) == (True, LOAD_S - 20)
    assert record.get_meta(run)[outcome.META_KEY] == json.loads(json.dumps(found.as_meta()))


def test_slow_answers_are_a_cost_too(run: sqlite3.Connection) -> None:
    do(run, 1, "freeze-replica", 20, over_s=25)
    for second in range(20, 27):
        answer(run, second, response_ms=900)
    [episode] = outcome.read(run).episodes
    assert (episode.back_s, episode.availability) == (7, 1.0)


def test_arrivals_that_found_nobody_free_are_as_bad_as_requests_that_failed(run: sqlite3.Connection) -> None:
    do(run, 1, "freeze-replica", 20, over_s=10)
    with run:
        for second in range(LOAD_S):
            dropped = 5 if 22 <= second < 31 else 0
            run.execute(
                "INSERT INTO generator_health VALUES ('w', ?, x'', 0, 0, 0, 0, 0, 40, ?)", (BEGAN_S + second, dropped)
            )
    [episode] = outcome.read(run).episodes
    assert (episode.back_s, episode.availability) == (11, 1.0)


def test_who_is_back_too_late_or_never_has_not_passed(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 10, over_s=1)
    for second in range(10, 25):
        answer(run, second, bad=20)
    late = outcome.read(run)
    assert (late.episodes[0].back_s, late.episodes[0].back_within_s, late.passed) == (15, 10, False)

    for second in range(25, LOAD_S):
        answer(run, second, bad=20)
    never = outcome.read(run)
    assert (never.episodes[0].back_s, never.passed) == (None, False)
    assert never.episodes[0].requests == (LOAD_S - 10) * PER_S


def test_each_of_two_faults_has_its_own_time(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 10, over_s=1)
    do(run, 2, "restart-postgres", 25, over_s=1)
    for second in (10, 25, 26, 27):
        answer(run, second, bad=20)
    found = outcome.read(run)
    assert [(episode.back_s, episode.back_within_s) for episode in found.episodes] == [(1, 10), (3, 20)]
    assert Outcome.from_meta(json.loads(json.dumps(found.as_meta()))) == found


def test_of_faults_at_once_each_is_over_when_both_are(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 10, over_s=1)
    do(run, 2, "kill-valkey", 12, over_s=1)
    for second in range(10, 16):
        answer(run, second, bad=20)
    found = outcome.read(run).episodes
    assert [episode.back_s for episode in found] == [6, 4]
    assert [episode.back_within_s for episode in found] == [17, 15], "as long as the slower of the two may take"


def test_a_broken_promise_is_no_pass(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 20, over_s=1)
    with run:
        run.execute("UPDATE audit SET broken = 1 WHERE invariant = 'lost_acknowledged'")
    found = outcome.read(run)
    assert (found.clean, found.passed) == (False, False)


def test_nothing_is_known_of_a_run_without_audit_or_load(run: sqlite3.Connection) -> None:
    do(run, 1, "kill-replica", 20, over_s=1)
    with run:
        run.execute("DELETE FROM audit")
    assert not outcome.read(run).passed
    with run:
        run.execute("DELETE FROM latency")
    assert outcome.read(run) == Outcome((), None, 0)
