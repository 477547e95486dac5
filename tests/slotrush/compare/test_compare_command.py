"""`slotrush compare` as a user runs it, on recorded runs with planted differences: exit codes, refusals, files."""

import json
from pathlib import Path
from typing import Any

import junitparser
import pytest

from tests.slotrush.compare.recorded import MACHINE, recorded
from tests.slotrush.gate.test_gate_command import complains
from tests.slotrush.gate.written import BOOK, REQUESTS, Second
from tests.typed import typed

LOAD_S = 40
RACE_S = 10


def all_fail(endpoint: str, _second: int) -> Second:
    """As quickly as they were answered well."""
    return Second(bad=REQUESTS[endpoint])


def bookings_fail(endpoint: str, _second: int) -> Second:
    return Second(refused=REQUESTS[endpoint] if endpoint == BOOK else 0)


@pytest.mark.parametrize(
    ("candidate", "exit_code", "told"),
    [
        ({}, 0, "Passed: no figure is worse"),
        ({"app_cpu_us": 300}, 1, "CPU of app per request: even the lower end"),
        ({"statements": 3.0}, 1, "SQL statements per request: even the lower end"),
        ({"fate": all_fail}, 1, "Requests that failed: even the lower end"),
        ({"fate": bookings_fail}, 1, "Requests that failed: even the lower end"),
        ({"broken": 2, "lag_ms": 5_000}, 1, "the audit of the candidate found 2 promises broken"),
        ({"fate": lambda *_: Second(slow=2), "lag_ms": 5_000}, 4, "Invalid: a run measured its load generator"),
    ],
    ids=["as before", "CPU", "statements", "all fail", "bookings fail", "broken promise", "invalid"],
)
def test_two_runs_end_with_an_exit_code(tmp_path: Path, candidate: dict[str, Any], exit_code: int, told: str) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", number=1, load_s=LOAD_S, **candidate)

    finished = typed("compare", "base", "candidate", cwd=tmp_path)

    assert finished.returncode == exit_code, finished.stdout + finished.stderr
    assert told in finished.stdout
    assert "so few runs do not show how much runs differ" in finished.stdout


def test_eight_runs_of_each_side_are_pairs_and_show_a_small_difference(tmp_path: Path) -> None:
    sides: dict[str, list[str]] = {"base": [], "candidate": []}
    for number in range(8):
        for side, cpu_us in (("base", 180), ("candidate", 200)):
            name = f"{side}-{number}"
            recorded(tmp_path / name, number=number, load_s=25, app_cpu_us=cpu_us + number)
            sides[side].append(name)

    finished = typed("compare", *map(",".join, sides.values()), cwd=tmp_path)

    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "8 pairs of runs" in finished.stdout
    assert "CPU of app per request: even the lower end" in finished.stdout


@pytest.mark.parametrize("cut_short", ["base", "candidate"])
def test_nothing_passes_in_a_run_that_was_cut_short(tmp_path: Path, cut_short: str) -> None:
    for number, side in enumerate(("base", "candidate")):
        recorded(tmp_path / side, number=number, load_s=LOAD_S, ended=side != cut_short)

    finished = typed("compare", "base", "candidate", cwd=tmp_path)

    assert finished.returncode == 3, finished.stdout + finished.stderr
    assert f"it held until then, but {cut_short}: the run was interrupted" in finished.stdout


def test_what_is_worse_in_a_run_that_was_cut_short_is_worse(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", number=1, load_s=LOAD_S, ended=False, app_cpu_us=300)

    assert typed("compare", "base", "candidate", cwd=tmp_path).returncode == 1


def test_of_short_races_several_make_up_enough_blocks(tmp_path: Path) -> None:
    for number, name in enumerate(("base-1", "base-2", "candidate-1", "candidate-2")):
        recorded(tmp_path / name, number=number, load_s=RACE_S, scenario="race")

    one = typed("compare", "base-1", "candidate-1", cwd=tmp_path)
    two = typed("compare", "base-1,base-2", "candidate-1,candidate-2", cwd=tmp_path)

    assert one.returncode == 3, one.stdout + one.stderr
    assert "5 pairs of blocks are too few to be judged: it takes 2 runs of each side at least" in one.stdout
    assert two.returncode == 0, two.stdout + two.stderr
    assert "too few" not in two.stdout


def test_runs_of_another_scenario_or_load_are_refused(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "other", load_s=LOAD_S, scenario="steady_day")
    recorded(tmp_path / "larger", load_s=LOAD_S, patients=200)

    complains(typed("compare", "base", "other", cwd=tmp_path), "steady_day", "Compare runs of one scenario")
    complains(typed("compare", "base", "larger", cwd=tmp_path), "users 200 and not 100", "the same load")
    complains(typed("compare", "base", "none", cwd=tmp_path, RESULTS="."), "none")


def test_between_classes_of_machines_only_what_does_not_depend_on_them_is_compared(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", load_s=LOAD_S, machine=MACHINE | {"cores": 64}, app_cpu_us=900)

    finished = typed("compare", "base", "candidate", "--json", "found.json", cwd=tmp_path)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "different classes of machines (2 x Abacus and 64 x Abacus)" in finished.stdout
    outcomes = {one["name"]: one["outcome"] for one in json.loads((tmp_path / "found.json").read_text())["figures"]}
    assert outcomes["statements"] == outcomes["memory"] == "pass"
    assert outcomes["app-cpu"] == outcomes["p99-bookings"] == outcomes["failed"] == "skipped"


def test_where_more_fail_on_another_machine_nobody_knows_why(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", load_s=LOAD_S, machine=MACHINE | {"cores": 64}, fate=all_fail)

    finished = typed("compare", "base", "candidate", cwd=tmp_path)

    assert finished.returncode == 3, finished.stdout + finished.stderr
    assert "Requests that failed: more fails, but on a machine of another class" in finished.stdout


def test_all_files_are_written(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", load_s=LOAD_S, app_cpu_us=900)
    outputs = ("--junit", "new/compare.xml", "--json", "compare.json", "--markdown", "compare.md", "--github")

    finished = typed("compare", "base", "candidate", *outputs, cwd=tmp_path)

    assert finished.returncode == 1
    assert "::error title=CPU of app per request::" in finished.stdout
    suites = list(junitparser.JUnitXml.fromfile(str(tmp_path / "new/compare.xml")))
    assert [suite.failures for suite in suites] == [1]
    found = json.loads((tmp_path / "compare.json").read_text())
    assert (found["outcome"], found["exit_code"]) == ("fail", 1)
    assert "| ❌ Worse | CPU of app per request |" in (tmp_path / "compare.md").read_text()


def test_a_growing_share_of_failures_is_told_in_points_in_every_form(tmp_path: Path) -> None:
    recorded(tmp_path / "base", load_s=LOAD_S)
    recorded(tmp_path / "candidate", load_s=LOAD_S, fate=all_fail)

    finished = typed(
        "compare", "base", "candidate", "--json", "compare.json", "--markdown", "compare.md", "--github", cwd=tmp_path
    )

    told = "0.00% before, 100.00% now, interval +99.84 to +100.00 points, may grow by 0.5 points"
    assert f"::error title=Requests that failed::{told}".replace("%", "%25") in finished.stdout
    (failed,) = [
        one for one in json.loads((tmp_path / "compare.json").read_text())["figures"] if one["name"] == "failed"
    ]
    assert (failed["base"], failed["candidate"], failed["unit"]) == (0, 1, "share of requests")
    assert (failed["outcome"], failed["ratio"], failed["high"]) == ("fail", None, 1)
    assert "| ❌ Worse | Requests that failed | 0.00% | 100.00% |" in (tmp_path / "compare.md").read_text()
