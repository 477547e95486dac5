"""`slotrush sweep`, as it is typed: what it refuses before anything starts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slotrush.capacity.scaling_law import Law
from slotrush.cli import app
from slotrush.sweep import sweeping
from slotrush.sweep.model import Settings
from tests.slotrush.sweep.swept import Laboratory, measured


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *words])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--replicas", "1,two"), "it is no list of numbers"),
        (("--replicas", "2,2", "--cpu", "none"), "different numbers from 1 to 64"),
        (("--replicas", "0", "--cpu", "none"), "different numbers from 1 to 64"),
        (("--cpu", "much"), "it is no amount of CPU"),
        (("--cpu", "none", "--probe-s", "10"), "from 25 to 3600"),
        (("--cpu", "none", "--tolerance", "0"), "cannot be reached"),
        (("--cpu", "none", "--tests", "0"), "cannot be reached"),
        (("--cpu", "none", "--workers", "0"), "less than 1"),
        (("--cpu", "none", "--rounds", "0"), "less than 1"),
        (("--cpu", "none", "--seed", "-2000"), "--seed -2000: it must be from 0 to"),
        (("--cpu", "none", "--slo", "/nowhere.yaml"), "cannot be read"),
        (("--cpu", f"{os.cpu_count()}000m", "--replicas", "8"), "replicas would have"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and "--cpu" not in value[0] else None,
)
def test_bad_input_ends_with_2_and_says_why(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    result = run(*words, "--results", str(tmp_path))
    assert result.exit_code == 2
    assert complaint in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_sweep_cannot_be_resumed(tmp_path: Path) -> None:
    result = run("--resume", str(tmp_path))
    assert result.exit_code == 2
    assert "cannot be read" in result.output


def test_a_sweep_that_is_complete_is_only_shown_again(tmp_path: Path) -> None:
    sweep = measured(Settings(cpu_quota_m=None, replicas=(1, 2)), Laboratory(law=Law(1_500.0, 0.1, 0.0)))
    sweeping.keep(sweep, tmp_path)
    result = run("--resume", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "no scaling law: the replicas had no CPU quota" in result.output


def test_swarms_that_were_not_audited_leave_it_undecided(tmp_path: Path) -> None:
    sweep = measured(Settings(replicas=(1,)), Laboratory())
    sweeping.keep(sweep.having(replace(sweep.points[0], audits=())), tmp_path)
    result = run("--resume", str(tmp_path))
    assert result.exit_code == 3, result.output
    assert "not yet" in result.output


@pytest.mark.parametrize(
    ("words", "named"),
    [(("--cpu", "50m"), "--cpu"), (("--replicas", "1,2,4"), "--replicas"), (("--seed", "2"), "--seed")],
)
def test_a_sweep_goes_on_as_it_was_begun(tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    sweeping.keep(measured(Settings(replicas=(1,)), Laboratory()), tmp_path)
    before = (tmp_path / "sweep.json").read_bytes()
    result = run("--resume", str(tmp_path), *words)
    assert result.exit_code == 2
    assert f"{named} beside --resume: a sweep goes on as it was begun" in " ".join(result.output.split())
    assert (tmp_path / "sweep.json").read_bytes() == before


def test_more_tests_of_none_are_refused(tmp_path: Path) -> None:
    sweeping.keep(measured(Settings(replicas=(1,)), Laboratory()), tmp_path)
    result = run("--resume", str(tmp_path), "--tests", "0")
    assert result.exit_code == 2
    assert "cannot be reached" in result.output
