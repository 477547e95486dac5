"""Pruning removes old runs, and nothing else whatever is in the folder."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slotrush.archive import pruning
from slotrush.archive.pruning import Candidate
from slotrush.errors import BadInputError
from tests.slotrush.archive.kept import NOW_S, age, keep
from tests.slotrush.report import synthetic

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def candidate(day: int | None, *, is_being_written: bool = False) -> Candidate:
    began = datetime(2026, 11, day, tzinfo=UTC) if day is not None else None
    return Candidate(Path(f"run-{day}"), began, is_being_written)


FOUR = [candidate(20), candidate(15), candidate(10), candidate(5)]


def days(paths: tuple[Path, ...]) -> list[int]:
    return [int(path.name.removeprefix("run-")) for path in paths]


@pytest.mark.parametrize(("keep_newest", "older_days", "going"), [
    (2, None, [10, 5]),
    (0, None, [20, 15, 10, 5]),
    (9, None, []),
    (None, 10, [10, 5]),
    (None, 11, [5]),
    (3, 1, [5]),
    (1, 12, [5]),
])  # fmt: skip
def test_a_run_goes_when_no_rule_keeps_it(keep_newest: int | None, older_days: int | None, going: list[int]) -> None:
    older_than = timedelta(days=older_days) if older_days is not None else None

    assert days(pruning.plan(FOUR, keep_newest, older_than, NOW).going) == going


def test_without_a_rule_nothing_is_planned() -> None:
    with pytest.raises(BadInputError, match=r"--keep N, --older-than 30d"):
        pruning.plan(FOUR, None, None, NOW)


def test_what_is_being_written_stays_and_is_named() -> None:
    plan = pruning.plan([candidate(20), candidate(10, is_being_written=True), candidate(5)], 0, None, NOW)

    assert (days(plan.going), days(plan.being_written)) == ([20, 5], [10])


def test_a_run_whose_start_is_unknown_is_not_taken_for_old() -> None:
    unknown = [candidate(None)]

    assert pruning.plan(unknown, None, timedelta(days=1), NOW).going == ()
    assert pruning.plan(unknown, 0, None, NOW).going == (Path("run-None"),)


@pytest.mark.parametrize(
    ("text", "age_s"), [("30d", 2_592_000), ("12h", 43_200), ("1.5m", 90), ("2w", 1_209_600), ("0s", 0)]
)
def test_ages_are_read(text: str, age_s: float) -> None:
    assert pruning.parse_age(text).total_seconds() == age_s


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "30 days", "1e3d", "9999999d"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="such as 30d"):
        pruning.parse_age(text)


def test_only_runs_are_candidates_the_newest_first(tmp_path: Path) -> None:
    keep(tmp_path, "race-old", 10)
    keep(tmp_path, "race-new", 12)
    shutil.copytree(tmp_path / "race-new", tmp_path / "examples" / "race-kept")
    shutil.copytree(tmp_path / "race-new", tmp_path / "baselines")
    (tmp_path / "linked").symlink_to(tmp_path / "race-old")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "run.sqlite").write_text("no database" * 100)
    age(synthetic.write_partial(tmp_path / "race-going-on", "drop"), 1)

    found = {candidate.folder.name: candidate for candidate in pruning.candidates(tmp_path, NOW_S)}

    assert list(found) == ["race-going-on", "race-new", "race-old"]
    assert [candidate.is_being_written for candidate in found.values()] == [True, False, False]
    assert found["race-new"].began == datetime(2026, 11, 12, 14, 26, 40, tzinfo=UTC)


def test_a_run_of_another_version_of_the_record_can_go(tmp_path: Path) -> None:
    run = keep(tmp_path, "race-old", 10)
    synthetic.edit(run, "PRAGMA user_version = 1")

    assert [candidate.folder for candidate in pruning.candidates(tmp_path, NOW_S)] == [run]


def test_removing_takes_the_whole_folder_and_nothing_that_is_linked(tmp_path: Path) -> None:
    run = keep(tmp_path, "race-old", 10)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (run / "logs").mkdir()
    (run / "logs" / "app.log").touch()
    (run / "linked").symlink_to(precious)

    pruning.remove(run)

    assert not run.exists()
    assert (precious / "file").exists()


def test_a_removal_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    run = keep(tmp_path, "race-old", 10)
    for path in run.iterdir():
        if path.name != "run.sqlite":
            path.unlink()

    assert [candidate.folder for candidate in pruning.candidates(tmp_path, NOW_S)] == [run]
    pruning.remove(run)
    assert not run.exists()


def test_what_is_not_a_run_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()

    with pytest.raises(BadInputError, match="it is not a run's folder"):
        pruning.remove(tmp_path / "notes")
    assert (tmp_path / "notes").exists()
