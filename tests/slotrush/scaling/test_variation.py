"""How single requests vary, read off the quietest seconds of runs."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from slotrush import slo
from slotrush.runs import hdr, record
from slotrush.scaling import variation
from slotrush.slo import ALL_ENDPOINTS
from tests.slotrush.gate.written import READ, START_S, write_run

MS = 1000
QUIET_US = [1 * MS] * 40 + [2 * MS] * 40 + [3 * MS] * 10 + [500 * MS] * 10
"""Nine of ten take 1 to 3 ms; the tenth waited."""
BUSY_US = [90 * MS] * 80 + [400 * MS] * 20
QUIET_S, ALL_S = 10, 40


def loads() -> dict[float, float]:
    """Requests for each replica, by second: few in the first ones."""
    return {float(START_S + second): 10.0 if second < QUIET_S else 100.0 for second in range(ALL_S)}


def a_run(folder: Path) -> Path:
    """In which reads had nothing to wait for in the first seconds."""
    run_dir = write_run(folder)
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute("UPDATE latency SET service_hdr = ?", (hdr.encode(BUSY_US),))
        connection.execute(
            "UPDATE latency SET service_hdr = ? WHERE endpoint = ? AND second < ?",
            (hdr.encode(QUIET_US), READ, START_S + QUIET_S),
        )
    return run_dir


def test_requests_vary_as_in_the_quietest_seconds_and_those_that_waited_count_as_the_slowest_that_did_not(
    tmp_path: Path,
) -> None:
    found = variation.measured({a_run(tmp_path / "run"): loads()}, slo.load())["reads"]

    assert len(found) == variation.VALUES
    assert np.mean(found) == pytest.approx(1)
    # 40 % take 1 ms, 40 % take 2 ms, and the others count as 3 ms: 1.8 ms on average.
    assert found[0] == pytest.approx(1 / 1.8, rel=0.01)
    assert found[25] == pytest.approx(2 / 1.8, rel=0.01)
    assert found[-1] == pytest.approx(3 / 1.8, rel=0.01)


def test_the_quietest_seconds_are_those_of_all_runs(tmp_path: Path) -> None:
    busy = dict.fromkeys(loads(), 100.0)

    both = variation.measured(
        {a_run(tmp_path / "quiet"): loads(), a_run(tmp_path / "busy"): busy | {START_S + 1.0: 5.0}}, slo.load()
    )
    alone = variation.measured({a_run(tmp_path / "alone"): loads()}, slo.load())

    assert both["reads"] == alone["reads"]


def test_a_class_that_was_hardly_asked_for_is_left_out(tmp_path: Path) -> None:
    run_dir = a_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute("UPDATE latency SET service_hdr = ? WHERE endpoint <> ?", (hdr.encode([MS]), READ))

    # In ten quiet seconds two workers' single times of two classes.
    assert set(variation.measured({run_dir: loads()}, slo.load())) == {"reads", ALL_ENDPOINTS}


def test_without_runs_nothing_is_known() -> None:
    assert variation.measured({}, slo.load()) == {}
