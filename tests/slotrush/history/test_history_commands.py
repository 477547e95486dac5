"""`slotrush baseline accept` and `slotrush trend` as a user runs them, on recorded runs with a planted change."""

import json
from pathlib import Path
from typing import Any

import pytest

from slotrush.history.baseline import load
from tests.slotrush.compare.recorded import recorded
from tests.slotrush.gate.test_gate_command import complains
from tests.slotrush.gate.written import Second
from tests.typed import typed

LOAD_S = 25
STEADY_LOAD_S = 40
"""Long enough for the blocks that a comparison of two runs takes."""
SMALL_BYTES = 8_192


def test_a_clean_run_is_accepted_as_a_small_file_that_tells_it_all(tmp_path: Path) -> None:
    recorded(tmp_path / "results" / "mine", load_s=LOAD_S)

    finished = typed("baseline", "accept", "mine", cwd=tmp_path)

    assert finished.returncode == 0, finished.stderr
    (path,) = (tmp_path / "results" / "baselines").iterdir()
    assert path.name == "2026-11-01T10-00-00-mix.json"
    assert path.stat().st_size < SMALL_BYTES
    found = load(path)
    assert (found.commit, found.machine, found.load["users"]) == ("a" * 40, "2 x Abacus", 100)
    assert found.failed is not None
    assert (found.failed.figure, found.lacking) == (0, ())
    amounts = {figure.name: blocks for figure, blocks in found.figures.items()}
    assert amounts["app-cpu"] == pytest.approx([180] * len(amounts["app-cpu"]), rel=0.01)
    complains(typed("baseline", "accept", "mine", cwd=tmp_path), "there is one already")


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"broken": 1}, "1 promises broken"),
        ({"fate": lambda *_: Second(slow=2), "lag_ms": 5_000}, "it measured wrongly"),
        ({"ended": False}, "it is not whole: the run was interrupted"),
        ({"audited": False}, "it has no audit"),
        ({"commit": ""}, "does not know its commit"),
    ],
    ids=["broken promise", "invalid", "cut short", "no audit", "no commit"],
)
def test_a_run_that_is_no_measure_for_others_is_not_accepted(tmp_path: Path, run: dict[str, Any], told: str) -> None:
    recorded(tmp_path / "results" / "mine", load_s=LOAD_S, **run)

    complains(typed("baseline", "accept", "mine", cwd=tmp_path), told)

    assert not (tmp_path / "results" / "baselines").exists()


def test_a_baseline_takes_the_place_of_its_run(tmp_path: Path) -> None:
    recorded(tmp_path / "results" / "old", load_s=STEADY_LOAD_S)
    typed("baseline", "accept", "old", cwd=tmp_path)
    recorded(tmp_path / "results" / "new", number=1, load_s=STEADY_LOAD_S, app_cpu_us=300)
    (path,) = (tmp_path / "results" / "baselines").iterdir()

    finished = typed("compare", path, "new", cwd=tmp_path)

    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "CPU of app per request: even the lower end" in finished.stdout


@pytest.mark.long
def test_the_trend_names_the_commit_with_which_a_figure_changed(tmp_path: Path) -> None:
    for number in range(14):
        cpu_us = (180 if number < 8 else 216) + number % 3
        commit = f"{number:02}" * 20
        recorded(tmp_path / "results" / f"run-{number}", number=number, commit=commit, load_s=LOAD_S, app_cpu_us=cpu_us)
        assert typed("baseline", "accept", f"run-{number}", cwd=tmp_path).returncode == 0

    finished = typed("trend", cwd=tmp_path)

    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0] == "mix on 2 x Abacus: 14 runs"
    worse = [line for line in lines if line.strip().startswith("worse")]
    assert len(worse) == 1
    assert "CPU of app per request grew by 2" in worse[0]
    assert "with commit 0808080808 (the run before was of 0707070707)" in worse[0]
    page = (tmp_path / "results" / "history.html").read_text()
    assert f'data-change="app-cpu" data-commit="{"08" * 20}"' in page
    assert page.count("<svg") >= 5
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_history_of_few_runs_says_so_and_none_is_bad_input(tmp_path: Path) -> None:
    complains(typed("trend", cwd=tmp_path), "there is none", "baseline accept")
    recorded(tmp_path / "results" / "mine", load_s=LOAD_S)
    typed("baseline", "accept", "mine", cwd=tmp_path)

    finished = typed("trend", cwd=tmp_path)

    assert finished.returncode == 0
    assert "too few to tell" in finished.stdout


def test_a_file_that_is_no_baseline_is_bad_input(tmp_path: Path) -> None:
    baselines = tmp_path / "results" / "baselines"
    baselines.mkdir(parents=True)
    broken = baselines / "broken.json"
    broken.write_text("{}")
    complains(typed("trend", cwd=tmp_path), "broken.json", "it is none")
    broken.write_text(json.dumps({"schema_version": 99}))
    complains(typed("trend", cwd=tmp_path), "schema version 99")
