"""Runs are found by name, and known to be runs, and to be still written, by what is on the disk."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.archive import folders, reading
from slotrush.errors import BadInputError
from slotrush.runs.opened import opened_files
from tests.elsewhere import open_elsewhere
from tests.slotrush.archive.kept import NOW_S, age, keep
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    keep(results, "race-b", 10)
    keep(results, "race-a", 12)
    keep(results, "race-c", 11)
    return results


def is_being_written(folder: Path) -> bool:
    return folders.is_being_written(folder, NOW_S, opened_files(folder))


def test_a_run_is_found_by_its_folder_its_record_its_id_and_as_the_latest(results: Path) -> None:
    run = results / "race-a"

    for name in (str(run), str(run / "run.sqlite"), "race-a", "latest"):
        assert folders.find(name, results) == run


def test_an_unknown_run_is_named_with_the_newest_ones(results: Path) -> None:
    with pytest.raises(BadInputError, match=r"run race-z: .*The newest are: race-a, race-c, race-b"):
        folders.find("race-z", results)


def test_there_is_no_latest_without_runs(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="run latest: there is no run"):
        folders.find("latest", tmp_path)
    with pytest.raises(BadInputError, match="there is no such folder"):
        folders.find("latest", tmp_path / "nowhere")


def test_only_real_folders_of_runs_are_runs(results: Path, tmp_path: Path) -> None:
    run = shutil.copytree(results / "race-a", tmp_path / "race-a")
    for name in ("examples", "baselines", ".hidden"):
        shutil.copytree(run, tmp_path / name)
    (tmp_path / "linked").symlink_to(results / "race-b")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").touch()

    assert folders.newest_first(tmp_path) == [run]


@pytest.mark.parametrize("content", [b"", b"no database" * 100], ids=["empty", "text"])
def test_a_file_that_is_no_record_makes_no_run(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(content)

    assert not folders.is_run(tmp_path)


def test_an_sqlite_file_of_something_else_makes_no_run(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as foreign:
        foreign.execute("CREATE TABLE meta (key, value)")

    assert not folders.is_run(tmp_path)


def test_a_concluded_run_is_not_being_written_however_fresh(results: Path, tmp_path: Path) -> None:
    run = age(shutil.copytree(results / "race-a", tmp_path / "run"), 1)

    assert not is_being_written(run)


@pytest.mark.parametrize(("file", "ago_s", "expected"), [
    ("live.json", 2, True),
    ("parts/worker-0.sqlite", 2, True),
    ("live.json", 3600, False),
])  # fmt: skip
def test_a_run_without_a_report_is_being_written_as_long_as_its_files_change(
    file: str, ago_s: float, expected: bool, tmp_path: Path
) -> None:
    run = age(synthetic.write_partial(tmp_path / "run", "drop"), 7200)
    (run / file).parent.mkdir(exist_ok=True)
    (run / file).touch()
    for path in ((run / file), (run / file).parent, run):
        os.utime(path, (NOW_S - ago_s,) * 2)

    assert is_being_written(run) is expected


def test_reading_a_run_does_not_make_it_look_written(tmp_path: Path) -> None:
    run = age(synthetic.write_partial(tmp_path / "run", "drop"), 7200)
    reading.read_summary(run)
    folders.began_at(run)

    assert run.stat().st_mtime > NOW_S
    assert not is_being_written(run)


def test_a_run_that_is_reported_on_but_goes_on_is_being_written(results: Path, tmp_path: Path) -> None:
    run = age(shutil.copytree(results / "race-a", tmp_path / "run"), 7200)
    (run / "live.json").touch()
    os.utime(run / "live.json", (NOW_S - 2,) * 2)

    assert is_being_written(run)


def test_a_run_whose_files_another_process_has_open_is_being_written(results: Path) -> None:
    run = results / "race-b"
    with open_elsewhere(run / "run.sqlite"):
        assert is_being_written(run)
        assert not is_being_written(results / "race-a")


def test_the_size_is_what_the_files_take(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    before = folders.size_bytes(tmp_path)
    (tmp_path / "logs" / "app.log").write_bytes(os.urandom(100_000))
    os.sync()

    assert 100_000 <= folders.size_bytes(tmp_path) - before < 150_000
