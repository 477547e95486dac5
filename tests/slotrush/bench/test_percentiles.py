"""The comparison with wrk: what wrk adds to its times, how a table is read, and that both see the same."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slotrush.bench.percentiles import PERCENTS, Measured, as_wrk_counts, main, measure_client, slow_server, table
from slotrush.bench.slow_server import DELAYS, MEDIAN_S, SIGMA, lognormal_delays_s
from tests.commands import run_within

BENCH = [sys.executable, "-m", "slotrush.bench.percentiles"]


def test_a_long_wait_counts_the_requests_that_were_not_made_meanwhile() -> None:
    assert as_wrk_counts([(10, 5), (19, 1)], interval_us=10) == {10: 5, 19: 1}
    assert as_wrk_counts([(35, 2)], interval_us=10) == {35: 2, 25: 2, 15: 2}
    assert as_wrk_counts([(30, 1), (20, 1)], interval_us=10) == {30: 1, 20: 2}


def test_a_table_has_the_medians_of_the_rounds_and_of_their_ratios() -> None:
    wrk = [Measured(1, (1_000.0 * n, 2_000.0, 4_000.0)) for n in (1, 2, 4)]
    ours = [Measured(1, (1_000.0 * n, 2_000.0, 4_040.0), (500.0, 600.0, 700.0)) for n in (1, 3, 4)]

    lines = table(wrk, ours)

    assert [line.split()[0] for line in lines[1:]] == [f"p{percent}" for percent in PERCENTS]
    assert lines[1].split() == ["p50", "2.00", "ms", "3.00", "ms", "1.0000", "1.0000", "to", "1.5000", "0.50", "ms"]
    assert lines[3].split() == ["p99", "4.00", "ms", "4.04", "ms", "1.0100", "1.0100", "to", "1.0100", "0.70", "ms"]


def test_the_delays_have_the_percentiles_of_their_distribution() -> None:
    delays = sorted(lognormal_delays_s())

    assert delays[DELAYS // 2] == pytest.approx(MEDIAN_S, rel=0.01)
    assert delays[round(0.8413 * DELAYS)] == pytest.approx(MEDIAN_S * math.exp(SIGMA), rel=0.01)
    assert lognormal_delays_s() == lognormal_delays_s()


def test_the_client_measures_the_delays_of_the_server() -> None:
    with slow_server(connections=50) as port:
        measured = measure_client(port, connections=50, seconds=2)

    assert measured.requests > DELAYS
    assert 0.95 * MEDIAN_S * 1e6 < measured.plain_us[0] < 3 * MEDIAN_S * 1e6, "a busy machine adds to it"
    assert measured.as_wrk_us[2] > measured.plain_us[2]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_and_the_client_take_turns() -> None:
    command = [*BENCH, "--rounds", "1", "--seconds", "1", "--connections", "20"]

    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    requests, head, *rows = finished.stdout.splitlines()
    assert requests.startswith("20 connections; ")
    assert "wrk" in head
    assert [row.split()[0] for row in rows] == ["p50", "p90", "p99"]


def test_without_wrk_it_says_what_to_install(tmp_path: Path) -> None:
    finished = run_within(main, environment=os.environ | {"PATH": str(tmp_path)})

    assert finished.returncode == 2
    assert "wrk: it is not installed" in finished.stderr
    assert "apt-get install wrk" in finished.stderr


def test_sizes_of_nothing_are_refused() -> None:
    finished = run_within(main, "--connections", "0", environment=os.environ)

    assert finished.returncode == 2
    assert "at least 1" in finished.stderr
