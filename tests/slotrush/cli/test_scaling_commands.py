"""`slotrush simulate` and `slotrush scale-check` on this machine, as they are typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slotrush.cli import app
from tests.slotrush.gate.written import write_run


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


def test_a_rush_that_two_replicas_bear_ends_with_0(tmp_path: Path) -> None:
    code, output = run(
        *("simulate", "--patients", 5000, "--cpu-ms", 0.5),
        *("--json", tmp_path / "rush.json", "--chart", tmp_path / "rush.svg"),
    )

    assert code == 0, output
    assert "5,000" in output
    assert "holds" in output
    assert json.loads((tmp_path / "rush.json").read_text())["answers"][0]["holds"] is True
    assert (tmp_path / "rush.svg").read_text().startswith("<svg")


def test_of_several_one_that_fails_is_enough_to_end_with_1() -> None:
    code, output = run("simulate", "--patients", "5000,300000", "--cpu-ms", 1, "--requests", 1)

    assert code == 1
    assert "300,000" in output
    assert "does not hold" in output


def test_a_run_says_what_requests_cost_and_how_many_a_patient_makes(tmp_path: Path) -> None:
    write_run(tmp_path / "run")

    code, output = run("simulate", "--patients", 5000, "--from", tmp_path / "run")

    assert code == 0, output
    assert "CPU per request from run run: reads" in output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--cpu-ms", "1", "--patients", "many"), "it is no list of whole numbers"),
        (("--patients", "10"), "it must be said once what a request costs"),
        (("--cpu-ms", "1", "--from", "latest"), "it must be said once what a request costs"),
        (("--from", "nowhere"), "nowhere"),
        (("--cpu-ms", "0"), "it must be above 0"),
        (("--cpu-ms", "1", "--start-s", "-1"), "it must be from 0 s to an hour"),
        (("--cpu-ms", "1", "--seed", "-1"), "--seed -1: it must be from 0 to"),
        (("--cpu-ms", "1", "--hpa-file", "nowhere.yaml"), "nowhere.yaml"),
        (("--cpu-ms", "1", "--replicas", "50"), "it must be from 1 to 20"),
        (("--cpu-ms", "1", "--patients", "10", "--json", "/nowhere/a.json"), "it cannot be written"),
    ],
    ids=["patients", "no cost", "two costs", "no run", "no time", "start", "seed", "manifest", "replicas", "json"],
)
def test_bad_input_of_a_simulation_is_named(words: tuple[str, ...], problem: str) -> None:
    code, output = run("simulate", *words)

    assert code == 2, output
    assert problem in output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "it is not said what is played"),
        (("nowhere",), "there is none of this name"),
        (("soak",), "depends on the answers"),
        (("spike", "--cpu", "much"), "it is no amount of CPU"),
        (("spike", "--compression", "0"), "it must be from 1 to 60"),
        (("spike", "--arrivals", "often"), "often"),
        (("spike", "--since", "2026-11-21T15:00:00Z"), "without --prometheus"),
        (("spike", "--from", "nowhere"), "nowhere"),
        (("spike", "--from", "docs"), "docs"),
    ],
    ids=[
        "nothing",
        "scenario",
        "closed",
        "cpu",
        "compression",
        "arrivals",
        "window",
        "source",
        "a source without a run",
    ],
)
def test_bad_input_of_a_check_here_is_named_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    code, output = run("scale-check", *words, "--results", tmp_path)

    assert code == 2, output
    assert problem in output
    assert list(tmp_path.iterdir()) == []
