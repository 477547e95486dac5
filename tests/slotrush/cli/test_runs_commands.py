"""`slotrush runs …` and `slotrush export`, as they are typed."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slotrush.cli import app
from tests.slotrush.archive.kept import age, keep
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("originals")
    for day in (10, 11, 12):
        keep(results, f"race-{day}", day)
    return results


@pytest.fixture
def results(originals: Path, tmp_path: Path) -> Path:
    return shutil.copytree(originals, tmp_path / "results")


def run(results: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--results", str(results)])


def names(results: Path) -> list[str]:
    return sorted(path.name for path in results.iterdir())


def test_the_list_has_every_run_the_newest_first(results: Path) -> None:
    lines = run(results, "runs", "list").stdout.splitlines()

    assert [line.split()[0] for line in lines if line.startswith("race-")] == ["race-12", "race-11", "race-10"]


def test_the_list_for_machines_has_the_faults_too(results: Path) -> None:
    (results / "race-11" / "run.sqlite").write_text("spoiled " * 1000)

    listed = {entry["run_id"]: entry for entry in json.loads(run(results, "runs", "list", "--json").stdout)}

    assert listed["race-12"]["availability"] == 1.0
    assert "cannot be read as SQLite" in listed["race-11"]["fault"]


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    found = run(tmp_path, "runs", "list")

    assert (found.exit_code, found.stdout.splitlines()[0][:18]) == (0, "there is no run in")


@pytest.mark.parametrize("words", [("show", "race-11"), ("compare", "race-10", "race-11")], ids=["show", "compare"])
def test_a_run_is_shown_and_compared_for_people_and_for_machines(words: tuple[str, ...], results: Path) -> None:
    people, machines = run(results, "runs", *words), run(results, "runs", *words, "--json")

    assert (people.exit_code, machines.exit_code) == (0, 0)
    assert "race-11" in people.stdout
    assert "race-11" in json.dumps(json.loads(machines.stdout))


def test_latest_is_the_newest(results: Path) -> None:
    assert json.loads(run(results, "runs", "show", "latest", "--json").stdout)["run_id"] == "race-12"


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "show", "nope"),
        ("runs", "compare", "latest", "nope"),
        ("export", "nope"),
        ("export", "latest", "--output", "/nowhere/at/all.json"),
        ("export", "latest", "--format", "xml"),
        ("runs", "prune"),
        ("runs", "prune", "--keep", "-1"),
        ("runs", "prune", "--older-than", "soon"),
        ("runs", "prune", "--keep", "1"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_bad_input(words: tuple[str, ...], results: Path) -> None:
    found = run(results, *words)

    assert found.exit_code == 2
    assert found.stderr
    assert names(results) == ["race-10", "race-11", "race-12"]


def test_a_dry_run_removes_nothing(results: Path) -> None:
    found = run(results, "runs", "prune", "--keep", "1", "--dry-run")

    assert found.stdout.splitlines() == ["would go  race-11", "would go  race-10"]
    assert names(results) == ["race-10", "race-11", "race-12"]


def test_pruning_keeps_the_newest_and_whatever_is_no_run(results: Path) -> None:
    (results / "README.md").touch()
    shutil.copytree(results / "race-10", results / "examples" / "race-09")

    found = run(results, "runs", "prune", "--keep", "1", "--yes")

    assert found.exit_code == 0
    assert "removed: 2," in found.stdout
    assert names(results) == ["README.md", "examples", "race-12"]


def test_pruning_leaves_a_run_that_is_being_written(results: Path) -> None:
    synthetic.write_partial(results / "race-going-on", "drop")
    age(synthetic.write_partial(results / "race-given-up", "drop"), 7200)

    found = run(results, "runs", "prune", "--keep", "0", "--yes")

    assert "stays  race-going-on" in found.stdout
    assert names(results) == ["race-going-on"]


@pytest.mark.parametrize(("file_format", "beginning"), [
    ("json", '{\n"format": "slotrush-run"'),
    ("csv", "metric_name,timestamp,metric_value,endpoint"),
    ("openmetrics", "# TYPE slotrush_run_info gauge\n"),
])  # fmt: skip
def test_an_export_goes_to_a_file_or_through_a_pipe(
    file_format: str, beginning: str, results: Path, tmp_path: Path
) -> None:
    output = tmp_path / "exported"

    piped = run(results, "export", "latest", "--format", file_format)
    written = run(results, "export", "latest", "--format", file_format, "--output", str(output))

    assert piped.stdout.startswith(beginning)
    assert (written.stdout, output.read_text()) == ("", piped.stdout)
    assert names(tmp_path) == ["exported", "results"]
