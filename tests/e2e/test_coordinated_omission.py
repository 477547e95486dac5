"""A stall is felt by everyone who is due while it lasts, not only by those whose request is under way.

The server stalls for S seconds in every period of P, and answers after D otherwise. It is asked evenly over whole
periods, so the moment at which an answer would be ready is uniform over the period; if it is φ into a stall, the answer
comes S - φ later. Hence P(response > x) = (S + D - x) / P for D < x < S + D, and the share q of the responses takes at
most x = S + D - (1 - q) P if that is more than D, and D otherwise.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from slotrush.runs import hdr
from tests.e2e.stalling_server import PERIOD_S, STALL_S

pytestmark = pytest.mark.alone  # it measures
ROOT: Final = Path(__file__).parents[2]
DELAY_S: Final = 0.1
"""Long enough for 2 % of it to be more than what a busy machine adds to an answer."""
MANY, MANY_LOAD = f"/{DELAY_S * 1e3:.0f}", "constant:200"
ONE, ONE_LOAD = "/0", "constant:100"
LIMIT_S: Final = 60


def predicted_ms(share: float, delay_s: float) -> float:
    return max(STALL_S + delay_s - (1 - share) * PERIOD_S, delay_s) * 1e3


@pytest.fixture(scope="module")
def stalling_server() -> Iterator[str]:
    """The port."""
    command = [sys.executable, "-m", "tests.e2e.stalling_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


@dataclass(frozen=True)
class Load:
    """What a worker wrote down of both schedules, which ran at the same time and for so long."""

    part: Path
    seconds: float


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long)], ids=["a period", "two periods"])
def load(stalling_server: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Load:
    part, seconds = tmp_path_factory.mktemp("parts") / "worker0.sqlite", request.param * PERIOD_S
    arguments = [stalling_server, str(part), str(seconds), MANY, MANY_LOAD, ONE, ONE_LOAD]
    command = [sys.executable, "-m", "tests.e2e.scheduled_load", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, timeout=seconds + LIMIT_S)
    return Load(part, seconds)


def measured(load: Load, column: str, path: str) -> hdr.Percentiles:
    with closing(sqlite3.connect(load.part)) as rows:
        blobs = rows.execute(f"SELECT {column} FROM latency WHERE endpoint = ?", (f"GET {path}",))
        return hdr.percentiles_ms(hdr.merge(blob for (blob,) in blobs))


def test_a_stall_has_the_percentiles_that_arithmetic_predicts(load: Load) -> None:
    response = measured(load, "response_hdr", MANY)

    assert response.count == 200 * load.seconds
    assert response.p50 == pytest.approx(predicted_ms(0.5, DELAY_S), rel=0.02)
    assert response.p99 == pytest.approx(predicted_ms(0.99, DELAY_S), rel=0.02)
    assert response.p999 == pytest.approx(predicted_ms(0.999, DELAY_S), rel=0.02)


def test_one_who_asks_late_is_counted_from_when_they_were_due(load: Load) -> None:
    """To within 5 %: each request also waits for those that were due before it, and are asked first."""
    response = measured(load, "response_hdr", ONE)

    assert response.count == 100 * load.seconds
    assert response.p99 == pytest.approx(predicted_ms(0.99, 0), rel=0.05)
    assert response.p999 == pytest.approx(predicted_ms(0.999, 0), rel=0.05)


def test_the_service_time_of_one_request_at_a_time_hides_the_stall(load: Load) -> None:
    """Of 1,000 requests one was under way in a stall: the other 99 that were due in it do not show."""
    service = measured(load, "service_hdr", ONE)

    assert service.max == pytest.approx(STALL_S * 1e3, rel=0.02)
    assert service.p999 < predicted_ms(0.99, 0) / 10
