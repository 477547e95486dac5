"""A real race, small: 500 patients, 100 slots, the whole stack."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import junitparser
import psutil
import pytest

from slotrush import errors, slo

pytestmark = pytest.mark.alone  # the run judges whether it had the machine for itself
PATIENTS, SLOTS, DOCTORS = 500, 100, 10
SIZES = ("--patients", PATIENTS, "--slots", SLOTS, "--doctors", DOCTORS, "--drop-window-s", "0.5")
FEW = ("--patients", 60, "--slots", 12, "--doctors", 3)


def race(results: Path, *options: object) -> Path:
    """The folder of one race. One that says nothing of the system, as its generator was disturbed, is run once more."""
    finished = play(results / "first", *options)
    if finished.returncode == errors.EXIT_INVALID_RUN:
        finished = play(results / "second", *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    *_, run = sorted(results.glob("*/*"))
    (run / "stdout.txt").write_text(finished.stdout)
    return run


def play(results: Path, *options: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    command = [sys.executable, "-m", "slotrush", "race", *map(str, options), "--results", str(results)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL
    )


def summary_of(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One race that the tests below look at from all sides. Nothing is compared with the floor: that takes 15 s."""
    return race(tmp_path_factory.mktemp("results"), *SIZES, "--replicas", 2, "--no-floor")


@pytest.fixture
def summary(run: Path) -> Any:
    return summary_of(run)


def rows(run: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(run / "run.sqlite")) as record:
        return record.execute(sql).fetchall()


def test_every_slot_is_sold_exactly_once_and_the_audit_is_clean(summary: Any) -> None:
    assert summary["race"]["sold"] == summary["race"]["sold_once"] == summary["race"]["slots"] == SLOTS
    assert summary["audit"]["clean"] is True
    assert summary["audit"]["checked"]["lost_acknowledged"] >= SLOTS
    assert summary["audit"]["checked"]["notifications_missing"] == 2 * SLOTS
    assert summary["valid"] is True


def test_no_request_failed(summary: Any) -> None:
    assert summary["availability"] == 1.0
    assert {(one["bad"], one["refused"]) for one in summary["requests"].values()} == {(0, 0)}
    assert set(summary["requests"]) == {
        "GET /v1/doctors",
        "GET /v1/doctors/{id}/agenda",
        "POST /v1/slots",
        "POST /v1/appointments",
    }


def test_every_attempt_is_in_the_ledger_with_its_outcome(run: Path, summary: Any) -> None:
    outcomes = dict(rows(run, "SELECT outcome, count(*) FROM ledger WHERE action = 'request' GROUP BY 1"))
    assert outcomes["acknowledged"] == SLOTS
    assert sum(outcomes.values()) == summary["race"]["attempts"]
    assert rows(run, "SELECT count(*), sum(created) FROM ledger WHERE action = 'publish'") == [(DOCTORS, SLOTS)]
    assert rows(run, "SELECT count(DISTINCT worker) FROM ledger") == [(2,)]
    assert rows(run, "SELECT count(*) FROM ledger WHERE sent_us < intended_us") == [(0,)]


def test_every_patient_who_got_nothing_saw_the_end(run: Path) -> None:
    """Nobody was left waiting: whoever did not win was told 'taken', or found nothing free."""
    winners = rows(
        run, "SELECT count(DISTINCT actor) FROM ledger WHERE action = 'request' AND outcome = 'acknowledged'"
    )
    assert winners == [(SLOTS,)]
    (live,) = [json.loads((run / "live.json").read_text())]
    assert live["phase"] == "drained"
    assert live["acknowledged"] + live["gave_up"] == PATIENTS


def test_response_time_counts_from_the_intended_start(summary: Any) -> None:
    for endpoint in summary["requests"].values():
        for percentile, service_ms in endpoint["service_ms"].items():
            assert endpoint["response_ms"][percentile] >= service_ms * 0.99


def test_where_the_time_goes_is_accounted_for(summary: Any) -> None:
    for component in ("generator", "proxy", "app", "postgres", "valkey", "notifier", "mailbox", "harness"):
        assert summary["cost"][component]["peak_memory_bytes"] > 0, component
    for component in ("generator", "proxy", "app", "postgres"):
        assert summary["cost"][component]["cpu_us_per_attempt"] > 0, component


@pytest.mark.long
def test_the_drain_is_compared_with_the_floor_of_before_and_after(tmp_path: Path) -> None:
    """The parts are looked at for each change: tests/slotrush/floor, test_racing_commands.py and test_summary.py."""
    run = race(tmp_path, *FEW, "--replicas", 1)
    summary = summary_of(run)
    [(noted,)] = rows(run, "SELECT value FROM meta WHERE key = 'floor'")

    assert summary["floor"]["request_us"] > 0
    assert len(json.loads(noted)["measured"]) == 2
    assert summary["race"]["drain_ratio"] > 0


def test_the_reports_are_written_in_both_languages(run: Path, summary: Any) -> None:
    for name, word in (("report.html", "Passed"), ("report.pt-BR.html", "Aprovad")):
        page = (run / name).read_text()
        assert word in page
        assert summary["run_id"] in page
        assert "<svg" in page


def test_plain_lines_tell_the_story_where_there_is_no_terminal(run: Path) -> None:
    told = (run / "stdout.txt").read_text()
    for words in ("patients connect and browse", "waiting for the drop", "every patient has been answered", "Passed"):
        assert words in told
    assert "\x1b[" not in told


def test_nothing_is_left_behind(run: Path) -> None:
    assert run.name not in " ".join(
        " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    )
    assert not (run / "parts").exists() or not any((run / "parts").iterdir())


def test_the_audit_can_be_repeated_and_fails_when_the_record_is_bent(run: Path, slotrush: Any) -> None:
    again = slotrush("audit", run)
    assert again.returncode == 0, again.stdout + again.stderr
    bent = run.parent / "bent.sqlite"
    bent.write_bytes((run / "run.sqlite").read_bytes())
    with closing(sqlite3.connect(bent)) as record, record:
        ((lost,),) = record.execute("SELECT id FROM stored_appointments LIMIT 1").fetchall()
        record.execute("DELETE FROM stored_appointments WHERE id = ?", (lost,))
    failed = slotrush("audit", bent)
    assert failed.returncode == 1
    assert lost in failed.stdout


@pytest.mark.parametrize(
    ("changes", "exit_code", "told"),
    [
        ({}, 3, "availability: the interval has the objective in it"),
        ({"target: 0.999": "target: 0.9", "target: 0.99\n": "target: 0.9\n"}, 0, "Passed: every objective is met"),
        ({"atMost: 268435456": "atMost: 1000000"}, 1, "Failed: an objective is missed"),
    ],
    ids=["so few requests cannot show three nines", "passed", "failed"],
)
def test_the_gate_holds_it_against_the_objectives(
    run: Path, slotrush: Any, tmp_path: Path, changes: dict[str, str], exit_code: int, told: str
) -> None:
    text = slo.load().path.read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / "slo.yaml").write_text(text)

    judged = slotrush("gate", run, "--slo", "slo.yaml", "--junit", "gate.xml")

    assert judged.returncode == exit_code, judged.stdout + judged.stderr
    assert told in judged.stdout
    assert sum(suite.tests for suite in junitparser.JUnitXml.fromfile(str(tmp_path / "gate.xml"))) == 8
