"""Faults under load, from the command line: what was broken is back in time, and nothing that was told is lost."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slotrush.chaos.catalogue import FAULTS
from slotrush.runs import record
from tests.e2e.conftest import Slotrush

LIMIT_S = 400
"""A minute and more of it is for the mails of a notifier that was killed, which another one takes over then."""
SIZES = ("--users", 200, "--doctors", 20, "--slots", 1600, "--arrivals", "poisson:40")


@pytest.mark.long
@pytest.mark.alone
def test_the_system_is_back_in_time_with_nothing_lost(slotrush: Slotrush, tmp_path: Path) -> None:
    faults = ("kill-replica@5s", "kill-valkey@6s", "restart-postgres@8s")
    asked = [word for fault in faults for word in ("--fault", fault)]

    ran = slotrush("chaos", "steady_day", *asked, *SIZES, "--results", "results", "--json", "chaos.json")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads((tmp_path / "chaos.json").read_text())
    assert [one["fault"] for one in told["episodes"]] == [fault.partition("@")[0] for fault in faults]
    assert all(one["back_s"] <= one["back_within_s"] and one["over_s"] is not None for one in told["episodes"])
    assert set(told["broken"].values()) == {0}
    (run_dir,) = (tmp_path / "results").iterdir()
    with closing(record.open_record(run_dir)) as run:
        events = [name for (name,) in run.execute("SELECT name FROM events WHERE name IN ('fault', 'healed')")]
        meta: dict[str, Any] = record.get_meta(run)
        lost = run.execute("SELECT count(*) FROM ledger WHERE outcome = 'unknown' OR status >= 500").fetchone()[0]
    assert (events.count("fault"), events.count("healed")) == (3, 3)
    assert meta["chaos"]["episodes"] == told["episodes"]
    assert meta["options"]["faults"] == list(faults)
    assert "fault restart-postgres is over" in ran.stdout
    assert lost > 0, "the faults were not to be seen at all, so nothing was tried"


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_loses_nothing(slotrush: Slotrush, tmp_path: Path, fault: str) -> None:
    asked = ("--fault", f"{fault}@5s", *SIZES, "--results", "results", "--json", "chaos.json")
    ran = slotrush("chaos", "steady_day", *asked, timeout_s=LIMIT_S)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [episode] = json.loads((tmp_path / "chaos.json").read_text())["episodes"]
    assert episode["fault"] == fault
    assert episode["hit"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("steady_day", "--fault", "kill-everything"), "Use one of: kill-replica"),
        (("steady_day", "--fault", "kill-replica@10s", "--run-time", "20s"), "Use --run-time 30s or more"),
        (("steady_day",), "Add --fault or --random"),
        (("steady_day", "--fault", "kill-replica", "--random", "2"), "Add --fault or --random"),
        (("no_such_day", "--fault", "kill-replica"), "there is none of this name"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(
    typed: Slotrush, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    ran = typed("chaos", *arguments, "--results", "results")
    assert ran.returncode == 2
    assert words in ran.stderr
    assert not (tmp_path / "results").exists()


def test_all_faults_are_listed(typed: Slotrush) -> None:
    ran = typed("chaos")
    assert ran.returncode == 0
    assert "kill-replica" in ran.stdout
    assert "back within" in ran.stdout
