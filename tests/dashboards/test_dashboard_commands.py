"""`slotrush dashboards build` and `check`, and `python -m dashboards`, as they are typed."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboards.all import GENERATED
from slotrush import REPOSITORY, slo
from slotrush.cli import app


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["dashboards", *words])


def test_the_committed_files_are_in_step() -> None:
    assert run("check").exit_code == 0


def test_files_are_checked_built_and_then_in_step(tmp_path: Path) -> None:
    before = run("check", "--output", str(tmp_path))
    built = run("build", "--output", str(tmp_path))
    again = run("build", "--output", str(tmp_path))

    assert (before.exit_code, built.exit_code, again.exit_code) == (1, 0, 0)
    assert "Run: slotrush dashboards build" in before.stdout
    assert "6 of 6 were as they should be" in again.stdout
    assert run("check", "--output", str(tmp_path)).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in GENERATED.glob("*.*")}


def test_other_objectives_are_not_those_of_the_committed_files(tmp_path: Path) -> None:
    other = tmp_path / "slo.yaml"
    other.write_text(slo.load().path.read_text().replace("fasterThanMs: 500", "fasterThanMs: 1000"))

    result = run("check", "--slo", str(other))

    assert (result.exit_code, "rules.yaml" in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("former", "new", "said"),
    [
        ("fasterThanMs: 500", "fasterThanMs: 450", "fasterThanMs 450 is no bound of the histogram"),
        ("POST /v1/appointments\n", "appointments*\n", "the pattern appointments* is not METHOD"),
        ("target: 0.999", "target: often", "often"),
    ],
    ids=["no bound", "no method", "no objective"],
)
def test_objectives_of_which_no_rule_can_be_made_are_told_with_their_line(
    tmp_path: Path, former: str, new: str, said: str
) -> None:
    other = tmp_path / "slo.yaml"
    other.write_text(slo.load().path.read_text().replace(former, new))

    result = run("build", "--slo", str(other), "--output", str(tmp_path / "made"))

    assert result.exit_code == 2
    assert said in result.stderr
    assert "slo.yaml:" in result.stderr
    assert not (tmp_path / "made").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = run("build", "--output", str(tmp_path / "file" / "made"))

    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)


def test_the_module_draws_the_pictures_too(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "dashboards", str(tmp_path)], cwd=REPOSITORY, check=True, timeout=60)

    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(path.stem for path in GENERATED.glob("*.json"))
