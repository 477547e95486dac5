"""What was fed comes out: histograms, ledger, health."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slotrush.runs import hdr, record
from slotrush.swarm import TAKEN, Attempt, Recorder, Verdict
from slotrush.swarm.health import HealthSecond

NOON_US = 1_700_000_000_000_000
Part = Callable[[str], sqlite3.Connection]


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return lambda name: record.create(tmp_path / record.PARTS_FOLDER / f"{name}.sqlite")


def attempt(key: str, outcome: str = "acknowledged", reason: str = "") -> Attempt:
    known = outcome != "unknown"
    return Attempt(
        key=key,
        action="request",
        actor="p1",
        subject="s1",
        intended_us=NOON_US,
        sent_us=NOON_US + 5,
        answered_us=NOON_US + 9 if known else None,
        outcome=outcome,  # type: ignore[arg-type]
        status=201 if known else 0,
        reason=reason,
        appointment="a1" if outcome == "acknowledged" else None,
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    times=st.lists(
        st.tuples(st.integers(0, 3_000_000), st.integers(1, 900_000), st.integers(1, 900_000)), min_size=1, max_size=60
    )
)
def test_histograms_hold_every_time_that_was_fed(
    tmp_path_factory: pytest.TempPathFactory, times: list[tuple[int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("fed") / "w.sqlite"
    recorder = Recorder("w", record.create(path))
    endpoint = recorder.endpoint("GET /x")
    for answered_us, waited_us, served_us in sorted(times):
        at_us = NOON_US + answered_us
        endpoint.answered(at_us - waited_us - served_us, at_us - served_us, at_us)
    recorder.close()

    with closing(sqlite3.connect(path)) as written:
        rows = written.execute("SELECT second, good, bad, refused, response_hdr, service_hdr FROM latency").fetchall()
    expected_response, expected_service = hdr.new_histogram(), hdr.new_histogram()
    for _, waited_us, served_us in times:
        expected_response.record_value(waited_us + served_us)
        expected_service.record_value(served_us)
    assert hdr.merge(row[4] for row in rows).encode() == expected_response.encode()
    assert hdr.merge(row[5] for row in rows).encode() == expected_service.encode()
    assert sum(row[1] for row in rows) == len(times)
    assert {row[0] for row in rows} == {(NOON_US + answered_us) // 1_000_000 for answered_us, _, _ in times}


def test_a_second_that_is_flushed_in_pieces_is_added_up(part: Part) -> None:
    connection = part("w")
    recorder = Recorder("w", connection)
    endpoint = recorder.endpoint("POST /x")
    for verdict in Verdict:
        endpoint.answered(NOON_US, NOON_US + 10, NOON_US + 30, verdict)
        recorder.take_cells()
        recorder.flush_latency()

    rows = connection.execute("SELECT good, bad, refused, response_hdr FROM latency").fetchall()

    assert [row[:3] for row in rows] == [(1, 1, 1)]
    assert hdr.merge([rows[0][3]]).total_count == 3


def test_cells_wait_for_a_quiet_moment_and_are_reported_once(part: Part) -> None:
    connection = part("w")
    recorder = Recorder("w", connection)
    recorder.endpoint("GET /x").answered(NOON_US, NOON_US, NOON_US + 30)

    taken, again = recorder.take_cells(), recorder.take_cells()

    assert ([cell.count for cell in taken], again) == ([1], [])
    assert connection.execute("SELECT count(*) FROM latency").fetchone() == (0,)
    recorder.flush_latency()
    assert connection.execute("SELECT count(*) FROM latency").fetchone() == (1,)


def test_the_ledger_keeps_every_sending_in_small_transactions(part: Part) -> None:
    connection = part("w")
    recorder = Recorder("w", connection)
    for number in range(5):
        recorder.wrote(attempt(f"k{number}"))
    recorder.wrote(attempt("k0", "unknown", "time-out"))
    recorder.wrote(attempt("k1", "refused", TAKEN))

    assert list(recorder.flush_attempts(rows_at_once=3)) == [3, 3, 1]

    rows = connection.execute("SELECT key, worker, outcome, answered_us, reason, appointment FROM ledger").fetchall()
    assert len(rows) == 7
    assert ("k0", "w", "unknown", None, "time-out", None) in rows
    assert ("k4", "w", "acknowledged", NOON_US + 9, "", "a1") in rows
    tally = recorder.tally
    assert (tally.attempts, tally.acknowledged, tally.taken) == (7, 5, 1)


def test_the_parts_of_two_workers_merge_into_one_record(part: Part, tmp_path: Path) -> None:
    for worker in ("worker0", "worker1"):
        recorder = Recorder(worker, part(worker))
        recorder.wrote(attempt(f"key of {worker}"))
        recorder.endpoint("GET /x").answered(NOON_US, NOON_US, NOON_US + 1000)
        recorder.write_health(HealthSecond(NOON_US // 1_000_000, (10, 20), 1, 2, 3, 4, 5, 6, 7))
        recorder.add_event(NOON_US, "base")
        recorder.close()

    with closing(record.create(tmp_path / record.RECORD_NAME)) as whole:
        assert record.merge_parts(whole, record.part_paths(tmp_path)) == 2
        for table in ("ledger", "latency", "generator_health", "events"):
            assert whole.execute(f"SELECT count(*) FROM {table}").fetchone() == (2,)


def test_without_a_part_it_only_counts() -> None:
    recorder = Recorder("w", None)
    recorder.wrote(attempt("k"))
    recorder.endpoint("GET /x").answered(NOON_US, NOON_US, NOON_US + 1, Verdict.BAD)
    recorder.close()

    assert (recorder.tally.attempts, recorder.tally.errors, recorder.last_answer_us) == (1, 1, NOON_US + 1)
