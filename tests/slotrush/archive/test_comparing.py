"""Runs side by side: every figure of each with its ratio to the first, and what must be minded when reading them."""

from pathlib import Path

import pytest

from slotrush.archive import comparing, reading, tables
from slotrush.archive.comparing import Comparison, Line
from tests.slotrush.archive.kept import keep
from tests.slotrush.archive.screen import on_screen
from tests.slotrush.report import synthetic

SMALL = {"cores": 2, "memory_bytes": 2**33, "cpu_model": "A Processor"}
LARGE = {"cores": 8, "memory_bytes": 2**35, "cpu_model": "A Processor"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    keep(results, "first", 10, machine=SMALL)
    keep(results, "alike", 11, machine=SMALL)
    keep(results, "elsewhere", 12, machine=LARGE, seed=7)
    slow = keep(results, "slow", 13, machine=SMALL, invalid_reasons=["the loop was late"])
    synthetic.edit(
        slow,
        "UPDATE events SET at_us = at_us + 6000000 WHERE name = 'drained'",
        "UPDATE latency SET bad = 1, good = good - 1 WHERE endpoint = 'POST /v1/appointments'",
    )
    return results


def compared(results: Path, *names: str) -> Comparison:
    return comparing.compare([reading.read_summary(results / name) for name in names])


def line(comparison: Comparison, name: str) -> Line:
    return next(line for line in comparison.lines if line.name == name)


def test_each_figure_has_its_ratio_to_the_first_runs(results: Path) -> None:
    found = compared(results, "first", "slow", "alike")

    assert line(found, "drain").values == (6.0, 12.0, 6.0)
    assert line(found, "drain").ratios == (2.0, 1.0)


def test_there_is_no_ratio_to_nothing_or_of_nothing() -> None:
    assert Line("drain", "s", True, (None, 2.0, None)).ratios == (None, None)
    assert Line("bad answers", "count", True, (0, 2.0, 0)).ratios == (None, None)


def test_what_differs_beside_the_figures_is_told(results: Path) -> None:
    found = compared(results, "first", "elsewhere")

    assert {difference.name: difference.values for difference in found.conditions} == {"seed": (42, 7)}
    assert {difference.name for difference in found.machines} == {"cores", "memory_bytes"}


def test_another_port_is_no_other_target_but_another_host_is(tmp_path: Path) -> None:
    hosts = ["http://127.0.0.1:8080", "http://127.0.0.1:9090", "https://staging.example"]
    for place, base_url in enumerate(hosts):
        target = {"commit": "6b9fd2a", "replicas": 2, "cpu_quota_m": None, "base_url": base_url}
        keep(tmp_path, str(place), 10, target=target)

    assert not compared(tmp_path, "0", "1").conditions
    (difference,) = compared(tmp_path, "0", "2").conditions
    assert (difference.name, difference.values) == ("target host", ("127.0.0.1", "staging.example"))


def test_on_different_machines_the_figures_that_depend_on_them_are_marked(results: Path) -> None:
    text = on_screen(tables.comparison_view(compared(results, "first", "elsewhere")), 160)

    lines = text.splitlines()
    assert any(line.startswith("p99 of bookings *") for line in lines)
    assert any(line.startswith("drain against the floor  ") for line in lines)
    assert "these runs were made on different ones" in text


def test_on_the_same_machine_nothing_is_marked(results: Path) -> None:
    text = on_screen(tables.comparison_view(compared(results, "first", "alike")), 160)

    assert "*" not in text
    assert "machine" not in text


def test_a_run_that_is_not_valid_is_named(results: Path) -> None:
    text = on_screen(tables.comparison_view(compared(results, "first", "slow")), 160)

    assert "slow is not valid: the loop was late" in text


def test_runs_of_different_kinds_are_compared_in_what_they_share(results: Path, tmp_path: Path) -> None:
    other = synthetic.write_run(tmp_path / "other", scenario="browse")
    synthetic.edit(other, "DELETE FROM events WHERE name = 'drop'", "DELETE FROM latency WHERE endpoint LIKE 'POST%'")

    found = comparing.compare([reading.read_summary(results / "first"), reading.read_summary(other)])

    assert line(found, "attempts").values == (synthetic.ATTEMPTS, None)
    assert line(found, "p99 of bookings").ratios == (None,)
    assert line(found, "p99 of reads").ratios == (1.0,)


def test_for_machines_it_is_all_there(results: Path) -> None:
    plain = comparing.as_plain(compared(results, "first", "slow"))

    assert plain["runs"] == ["first", "slow"]
    figure = next(figure for figure in plain["figures"] if figure["name"] == "drain")
    assert (figure["values"], figure["ratios"], figure["machine_dependent"]) == ((6.0, 12.0), (2.0,), True)
