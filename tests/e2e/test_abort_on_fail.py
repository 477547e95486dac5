"""A race that cannot keep an objective any more ends there, and what was recorded is kept."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from slotrush import slo

SIZES = ("--patients", 400, "--slots", 80, "--doctors", 8, "--no-floor")


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """Objectives of which one cannot be kept: a booking takes more than a thousandth of a millisecond."""
    file = tmp_path / "strict.yaml"
    text = slo.load().path.read_text()
    file.write_text(text.replace("bookings-latency: {fasterThanMs: 10000}", "bookings-latency: {fasterThanMs: 0.001}"))
    return file


@pytest.mark.long
@pytest.mark.alone
def test_it_says_which_objective_and_keeps_the_data(slotrush: Any, strict: Path, tmp_path: Path) -> None:
    ended: subprocess.CompletedProcess[str] = slotrush("race", *SIZES, "--abort-on-fail", "--slo", strict)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "bookings-latency is beyond saving" in ended.stdout
    assert "Failed: an objective was beyond saving" in ended.stdout
    (run,) = (tmp_path / "results").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert "aborted" in summary["incomplete"]
    assert summary["audit"]["clean"] is True
    assert (summary["beyond_saving"][0]).startswith("bookings-latency is beyond saving")
    assert "bookings-latency is beyond saving" in (run / "report.pt-BR.html").read_text()

    judged: subprocess.CompletedProcess[str] = slotrush("gate", "latest", "--slo", strict)

    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "ended early" in judged.stdout


ENDLESS = """
from locustfiles.clinic import Patient
from locustfiles.people import preflight
from slotrush.swarm.scenario import Scenario
from slotrush.swarm.locust_events import install

install(Scenario("mine", "just looking", "closed"), preflight)
"""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("race", "--slo", "slo.yaml"), "only --abort-on-fail reads it here"),
        (("race", "--abort-on-fail", "--slo", "none.yaml"), "the file cannot be read"),
        (("swarm", "breakpoint", "--abort-on-fail"), "goes on until an objective breaks anyway"),
        (("swarm", "mine.py", "--abort-on-fail"), "the load has no end"),
    ],
    ids=["nothing to abort", "no such objectives", "until broken", "without end"],
)
def test_what_cannot_be_watched_is_refused(
    typed: Any, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "mine.py").write_text(ENDLESS)
    refused: subprocess.CompletedProcess[str] = typed(*arguments)
    assert refused.returncode == 2
    assert problem in refused.stderr
    assert not (tmp_path / "results").exists()
