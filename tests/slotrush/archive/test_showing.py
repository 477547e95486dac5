"""One run on the terminal."""

from pathlib import Path

import pytest

from slotrush.archive import reading, tables
from tests.slotrush.archive.kept import keep
from tests.slotrush.archive.screen import on_screen
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = keep(tmp_path_factory.mktemp("results"), "race-a", 10)
    return on_screen(tables.run_view(5 * 2**20, reading.read_summary(run)), 140)


@pytest.mark.parametrize("expected", [
    "race-a",
    "race, seed 42",
    "2 replicas, commit 6b9fd2a",
    "2 workers, loop lag p99",
    "5\u00a0MiB",
    "All 500 slots were sold, each exactly once.",
    "2,400 attempts: 500 booked, 1,900 answered taken",
])  # fmt: skip
def test_what_the_run_was_and_what_it_amounts_to_is_said(expected: str, text: str) -> None:
    assert expected in text


def test_every_endpoint_has_its_counts_and_times(text: str) -> None:
    (line,) = [line for line in text.splitlines() if line.startswith("POST /v1/appointments")]

    assert line.split()[2:5] == ["2,400", "0", "0"]
    assert len(line.split("\u00a0")) == 7


def test_every_component_has_its_cost(text: str) -> None:
    assert set(synthetic.COMPONENTS) <= {line.split()[0] for line in text.splitlines() if line}


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop"])
def test_a_partial_run_is_shown_with_what_it_has(reached: str, tmp_path: Path) -> None:
    run = synthetic.write_partial(tmp_path / "run", reached)

    text = on_screen(tables.run_view(0, reading.read_summary(run)), 140)

    assert "audit was not done" in text
