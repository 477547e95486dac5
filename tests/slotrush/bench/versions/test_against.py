"""`slotrush gate --against` for real: two stacks side by side, and its bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import typed

ROOT = Path(__file__).parents[4]
EXIT_CODES = (0, 1, 3)
"""Passed, failed, undecided: which, is a matter of the machine and of what the working tree holds."""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "either a run or two versions"),
        (("some-run", "--against", "HEAD"), "either a run or two versions"),
        (("--against", "HEAD", "--slo", "mine.yaml"), "either a run or two versions"),
        (("--against", "no-such-branch"), "git knows no such commit"),
        (("--against", "HEAD", "--pairs", "3"), "Give an even number from 16"),
    ],
    ids=["nothing", "both", "objectives", "no commit", "pairs"],
)
def test_what_it_cannot_do_is_bad_input(arguments: tuple[str, ...], told: str) -> None:
    finished = typed("gate", *arguments, cwd=ROOT)

    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert told in " ".join(finished.stderr.split())


@pytest.mark.long
def test_the_working_tree_is_held_against_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "found.json"

    finished = subprocess.run(
        [sys.executable, "-m", "slotrush", "gate", "--against", "HEAD", "--pairs", "16", "--json", str(path)],
        cwd=ROOT,
        env=os.environ | {"LOCUST_SKIP_MONKEY_PATCH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode in EXIT_CODES, finished.stdout + finished.stderr
    found = json.loads(path.read_text())
    assert found["exit_code"] == finished.returncode
    figures = {one["name"]: one for one in found["figures"]}
    assert {"app-cpu-bookings", "postgres-cpu-bookings", "memory", "p50-reads", "p90-bookings"} <= figures.keys()
    assert figures["statements-bookings"]["base"] >= 1
    assert figures["app-cpu-bookings"]["pairs"] == 16
    assert 0.2 < figures["app-cpu-bookings"]["ratio"] < 5
    assert found["base"].startswith("HEAD (")
