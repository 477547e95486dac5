"""`slotrush gate` as a user runs it: every exit code, and every file, from recorded runs."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import junitparser
import pytest

from slotrush.runs import record
from tests.slotrush.gate.written import READ, Second, sometimes, write_run
from tests.typed import typed

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("run", "exit_code", "told"),
    [
        ({}, 0, "Passed: every objective is met"),
        ({"fate": lambda *_: Second(slow=2)}, 1, "Failed: an objective is missed"),
        ({"broken": 1, "lag_ms": 5_000}, 1, "promises broken: 1 lost_acknowledged"),
        ({"fate": sometimes(1, 0.04, READ, bad=2)}, 3, "availability: the interval has the objective in it"),
        ({"endpoints": (READ,)}, 3, "bookings-latency: no traffic: no request to bookings"),
        ({"ended": False}, 3, "the run was interrupted"),
        ({"fate": lambda *_: Second(slow=2), "lag_ms": 5_000}, 4, "Invalid: the load generator was the bottleneck"),
    ],
    ids=["passed", "failed", "broken promise", "undecided", "no traffic", "interrupted", "invalid"],
)
def test_a_recorded_run_ends_with_its_exit_code(tmp_path: Path, run: dict[str, Any], exit_code: int, told: str) -> None:
    run_dir = write_run(tmp_path / "run", **run)

    finished = typed("gate", run_dir, cwd=tmp_path)

    assert finished.returncode == exit_code, finished.stdout + finished.stderr
    assert told in finished.stdout


def complains(finished: subprocess.CompletedProcess[str], *words: str) -> None:
    assert finished.returncode == 2, finished.stdout + finished.stderr
    for word in words:
        assert word in finished.stderr, finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_latest_run_needs_no_name(tmp_path: Path) -> None:
    write_run(tmp_path / "results" / "a-run")
    assert typed("gate", "latest", cwd=tmp_path).returncode == 0
    assert typed("gate", "a-run", cwd=tmp_path).returncode == 0
    nowhere = typed("gate", "latest", "--results", "elsewhere", cwd=tmp_path)
    assert (nowhere.returncode, "there is no such folder" in nowhere.stderr) == (2, True)


def test_a_run_of_another_schema_version_is_bad_input(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=1)
    with closing(record.open_record(run_dir)) as connection:
        connection.execute(f"PRAGMA user_version = {record.SCHEMA_VERSION - 1}")

    complains(typed("gate", run_dir, cwd=tmp_path), "schema version", str(record.SCHEMA_VERSION))


def test_objectives_that_cannot_be_read_are_bad_input(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=1)
    (tmp_path / "mine.yaml").write_text("apiVersion: openslo/v1\nkind: Service\n")

    complains(typed("gate", run_dir, "--slo", "mine.yaml", cwd=tmp_path), "mine.yaml:2", "kind Service")
    complains(typed("gate", run_dir, "--slo", "none.yaml", cwd=tmp_path), "none.yaml", "cannot be read")


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    (tmp_path / "taken").touch()

    complains(typed("gate", run_dir, "--json", "taken/gate.json", cwd=tmp_path), "taken/gate.json", "cannot be")


def test_objectives_of_ones_own_are_judged_by(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    text = (ROOT / "slotrush/slo/slo.yaml").read_text().replace("atMost: 2000", "atMost: 150")
    (tmp_path / "mine.yaml").write_text(text)

    finished = typed("gate", run_dir, "--slo", "mine.yaml", "--github", cwd=tmp_path)

    assert finished.returncode == 1
    assert "::error title=CPU of the booking app per request,file=mine.yaml,line=" in finished.stdout


def test_all_files_are_written_and_the_steps_summary_is_added_to(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    step = tmp_path / "step.md"
    step.write_text("what came before\n")
    (tmp_path / "old.json").write_text("what came before")
    outputs = ("--junit", "new/gate.xml", "--json", "old.json", "--markdown", step)

    finished = typed("gate", run_dir, *outputs, cwd=tmp_path, GITHUB_STEP_SUMMARY=str(step))

    assert finished.returncode == 0, finished.stderr
    assert sum(suite.tests for suite in junitparser.JUnitXml.fromfile(str(tmp_path / "new/gate.xml"))) == 8
    assert json.loads((tmp_path / "old.json").read_text())["outcome"] == "pass"
    assert step.read_text().startswith("what came before\n## ✅ Passed")
