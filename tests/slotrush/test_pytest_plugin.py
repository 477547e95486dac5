"""What the pytest plugin does without a swarm; tests/e2e/test_objectives.py uses it for what it is there for."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTCOME_OF_BAD_INPUT = 1
OUTCOME_OF_BAD_USE = 4
WIDE = "400"
"""Columns: messages stand in the last lines as a whole."""


def suite(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a team's test suite of one file, in a folder of its own and with no plugin but ours."""
    (folder / "test_team.py").write_text(f"import pytest\n\n{test}\n")
    command = [sys.executable, "-m", "pytest", "-p", "slotrush.pytest_plugin", "-p", "no:cacheprovider"]
    bare = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": WIDE}
    return subprocess.run(
        [*command, "--strict-markers", *options],
        cwd=folder,
        env=bare | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_whoever_installs_slotrush_has_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"slotrush.pytest_plugin": "slotrush.pytest_plugin"}


def test_its_mark_and_options_explain_themselves(tmp_path: Path) -> None:
    assert "@pytest.mark.slo(scenario" in suite(tmp_path, "", "--markers").stdout
    assert "--slo-results=DIR" in suite(tmp_path, "", "--help").stdout


def test_a_suite_without_swarms_does_not_load_slotrush(tmp_path: Path) -> None:
    heavy = '{"numpy", "rich", "locust", "slotrush.run", "slotrush.gate"}'
    done = suite(tmp_path, f"import sys\ndef test_nothing():\n    assert not {heavy} & sys.modules.keys()")
    assert done.returncode == 0, done.stdout


def test_a_mark_that_nobody_looks_at_is_an_error(tmp_path: Path) -> None:
    done = suite(tmp_path, '@pytest.mark.slo("race")\ndef test_nothing():\n    pass')
    assert done.returncode == OUTCOME_OF_BAD_USE
    assert "test_nothing has the mark slo, but does not ask for the fixture slo_run" in done.stderr + done.stdout


BAD_INPUT = {
    "no_mark": ("(slo_run):\n    pass", "slo_run needs a mark with a scenario"),
    "no_such_scenario": ('(swarm):\n    swarm("rice")', "scenario rice: there is none of this name"),
    "no_such_option": ('(swarm):\n    swarm("race", patience=5)', "patience=5: there is no such option of a swarm"),
    "a_value": ('(swarm):\n    swarm("race", slots=5, doctors=9)', "9 doctors cannot publish at least one each"),
    "no_such_objectives": ('(swarm):\n    swarm("race", slo="no.yaml")', "no.yaml: the file cannot be read"),
    "of_another_model": ('(swarm):\n    swarm("soak", drop_window_s=1)', "soak is a closed scenario and has none"),
}


@pytest.fixture(scope="module")
def badly_used(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A suite with every kind of bad input, after it ran."""
    folder = tmp_path_factory.mktemp("badly_used")
    return folder, suite(folder, "\n\n".join(f"def test_{name}{rest}" for name, (rest, _) in BAD_INPUT.items()))


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_message(name: str, badly_used: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = badly_used
    assert done.returncode == OUTCOME_OF_BAD_INPUT
    (told,) = re.findall(rf"^(?:FAILED|ERROR) test_team.py::test_{name} - (.+)", done.stdout, re.MULTILINE)
    assert BAD_INPUT[name][1] in told
    assert "Traceback" not in done.stdout
    assert not (folder / "results").exists()


RECORDED = """from pathlib import Path

from slotrush import run, summary
from slotrush.runs import record
from tests.slotrush.gate.written import write_run


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    def play(options, console):
        broken = 1 if options.plays.slots == 9 else 0
        folder = write_run(options.results / f"run-{len(list(options.results.iterdir()))}", broken=broken)
        with record.open_finished(folder) as connection:
            return folder, summary.summarise(connection)

    monkeypatch.setattr(run, "run", play)


@pytest.mark.slo("race", patients=40, slots=10, doctors=2)
def test_kept(slo_run):
    slo_run.check()
    assert slo_run.passed


@pytest.mark.slo("race", patients=40, slots=10, doctors=2)
def test_the_same_run(slo_run):
    assert slo_run.folder.name == "run-0"
    assert slo_run.summary.audit.clean


@pytest.mark.slo("race", patients=40, slots=9, doctors=2)
def test_missed(slo_run):
    assert not slo_run.passed
    slo_run.check()
"""


def test_a_missed_objective_fails_the_test_and_each_run_is_told_in_a_line(tmp_path: Path) -> None:
    """No swarm is played: the runs were written down beforehand."""
    done = suite(tmp_path, RECORDED)

    assert done.returncode == OUTCOME_OF_BAD_INPUT, done.stdout + done.stderr
    assert "1 failed, 2 passed" in done.stdout
    assert "Failed: audit-clean: " in done.stdout
    assert done.stdout.count("Passed: every objective is met (mix, ") == 1
    missed = [line for line in done.stdout.splitlines() if line.startswith("Failed: an objective is missed (mix, ")]
    assert len(missed) == 2, "where the test failed, and in the end"
