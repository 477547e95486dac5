"""Requests are counted as the objective says: in time, answered as promised, in the window, of the class."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.gate import tally
from slotrush.gate.window import Window
from slotrush.runs import hdr, record
from slotrush.slo import TimedFrom

WINDOW = Window(first_s=100, last_s=102, stages=False, rule="")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(record.create(tmp_path / record.RECORD_NAME)) as connection:
        yield connection


def cell(
    run: sqlite3.Connection,
    second: int,
    response_ms: Sequence[float],
    service_ms: Sequence[float] | None = None,
    *,
    worker: str = "worker-0",
    endpoint: str = "GET /",
    bad: int = 0,
    refused: int = 0,
) -> None:
    blobs = [hdr.encode(time_ms * 1000 for time_ms in times) for times in (response_ms, service_ms or response_ms)]
    good = len(response_ms) - bad - refused
    run.execute("INSERT INTO latency VALUES (?,?,?,?,?,?,?,?)", (worker, endpoint, second, good, bad, refused, *blobs))


def fast(run: sqlite3.Connection, threshold_ms: float, timed_from: TimedFrom = TimedFrom.INTENDED_START) -> float:
    return float(tally.in_time(run, WINDOW, lambda _: True, threshold_ms, timed_from).good.sum())


@pytest.mark.parametrize(
    ("times_ms", "threshold_ms", "count"),
    [
        ([1, 299, 301, 5_000], 300, 2),
        ([0.5, 0.999, 1.001], 1, 2),
        ([300, 300, 299.5], 300, 1),  # 300 and 299.9 are not told apart, and are not surely under 300
        ([1, 2], 700_000, 2),
        ([], 300, 0),
    ],
    ids=["around it", "small", "exactly it", "beyond the histogram", "none"],
)
def test_those_under_the_threshold_are_counted(
    run: sqlite3.Connection, times_ms: list[float], threshold_ms: float, count: int
) -> None:
    cell(run, 100, times_ms)

    assert fast(run, threshold_ms) == count


def test_response_time_counts_unless_service_time_is_asked_for(run: sqlite3.Connection) -> None:
    cell(run, 100, [900, 900, 10], [10, 10, 10])

    assert fast(run, 500) == 1
    assert fast(run, 500, TimedFrom.SENDING) == 3


def test_who_is_turned_away_quickly_is_not_answered_in_time(run: sqlite3.Connection) -> None:
    cell(run, 100, [1] * 10, bad=2, refused=3)

    assert fast(run, 500) == 5


def test_of_the_fast_ones_those_that_failed_do_not_count(run: sqlite3.Connection) -> None:
    cell(run, 100, [1] * 5 + [9_000] * 5, refused=3)

    assert fast(run, 500) == 2


def test_a_failure_that_was_slow_is_not_taken_off_below_nothing(run: sqlite3.Connection) -> None:
    cell(run, 100, [9_000] * 10, bad=10)

    assert fast(run, 500) == 0


def test_only_the_window_and_the_class_count(run: sqlite3.Connection) -> None:
    for second in (99, 100, 102, 103):
        cell(run, second, [1] * 10, bad=1)
        cell(run, second, [1] * 7, endpoint="POST /")

    counted = tally.answered(run, WINDOW, lambda endpoint: endpoint == "GET /")

    assert counted.total[:, 0].tolist() == [10, 0, 10]
    assert counted.good[:, 0].tolist() == [9, 0, 9]


def test_workers_are_kept_apart_and_endpoints_added_up(run: sqlite3.Connection) -> None:
    for worker, count in (("worker-0", 3), ("worker-1", 5)):
        cell(run, 101, [1] * count, worker=worker)
        cell(run, 101, [1], worker=worker, endpoint="POST /")

    counted = tally.answered(run, WINDOW, lambda _: True)

    assert counted.total.tolist() == [[0, 0], [4, 6], [0, 0]]
    assert counted.requests == 10
    assert tally.requests_per_second(run, WINDOW).tolist() == [0, 10, 0]


def test_without_traffic_there_are_no_requests(run: sqlite3.Connection) -> None:
    assert tally.answered(run, WINDOW, lambda _: True).requests == 0
