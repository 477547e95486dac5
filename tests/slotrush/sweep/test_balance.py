"""Little's law on the two records of a run's bookings."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.gate.window import Window
from slotrush.runs import hdr, record
from slotrush.sweep.balance import ENDPOINT, little

WINDOW = Window(1_000, 1_019, stages=False, rule="")
PER_S, TIME_S = 10, 0.2


def written(folder: Path, ledger_time_s: float = TIME_S) -> sqlite3.Connection:
    """Half a minute of bookings that begin evenly, each of which takes as long as the ledger says."""
    connection = record.create(folder / record.RECORD_NAME)
    for second in range(995, 1_025):
        blob = hdr.encode([TIME_S * 1e6] * PER_S)
        connection.execute(
            "INSERT INTO latency VALUES ('w', ?, ?, ?, 0, 0, ?, ?)", (ENDPOINT, second, PER_S, blob, blob)
        )
        for number in range(PER_S):
            begun_us = round((second + number / PER_S) * 1e6)
            connection.execute(
                "INSERT INTO ledger (key, worker, action, actor, subject, intended_us, sent_us, answered_us, outcome,"
                " status) VALUES (?, 'w', 'request', 'a', 's', ?, ?, ?, 'acknowledged', 201)",
                (f"{second}-{number}", begun_us, begun_us, begun_us + round(ledger_time_s * 1e6)),
            )
    return connection


def test_two_records_of_the_same_bookings_agree(tmp_path: Path) -> None:
    with closing(written(tmp_path)) as connection:
        check = little(connection, WINDOW)

    assert check is not None
    assert check.expected == pytest.approx(PER_S * TIME_S, rel=2e-3)
    assert check.disagreement == pytest.approx(0, abs=2e-3)


def test_records_that_contradict_each_other_do_not(tmp_path: Path) -> None:
    with closing(written(tmp_path, ledger_time_s=1.5 * TIME_S)) as connection:
        check = little(connection, WINDOW)

    assert check is not None
    assert check.disagreement == pytest.approx(0.5, abs=5e-3)


def test_without_bookings_there_is_nothing_to_check(tmp_path: Path) -> None:
    with closing(record.create(tmp_path / record.RECORD_NAME)) as connection:
        assert little(connection, WINDOW) is None
