"""A disk that is full, or nearly so; tests/e2e/test_survival.py has a real one."""

import errno
import shutil
import sqlite3
from pathlib import Path

import pytest

from slotrush import disk
from slotrush.errors import BadInputError, StackError


def test_there_is_room_on_this_disk_or_the_tests_could_not_run(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    disk.require_room(tmp_path / "results" / "not" / "made" / "yet")
    disk.check(tmp_path)


def test_what_the_parts_hold_must_fit_again_to_be_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "parts" / "worker0.sqlite"
    part.parent.mkdir()
    with part.open("wb") as file:
        file.truncate(shutil.disk_usage(tmp_path).free // 2)  # sparse: takes no room itself
    with pytest.raises(StackError, match="is full"):
        disk.check(tmp_path)

    part.unlink()
    monkeypatch.setattr(disk, "SPARE_BYTES", shutil.disk_usage(tmp_path).total)
    with pytest.raises(BadInputError, match="MiB left"):
        disk.require_room(tmp_path)


def test_a_file_that_goes_while_they_are_counted_counts_no_more(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "worker0.sqlite-wal").symlink_to(tmp_path / "gone")  # named, but not there

    disk.check(tmp_path)


def full(pages: int = 2) -> sqlite3.Error:
    """What SQLite says when there is no more room."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    return caught.value


def test_errors_of_a_full_disk_become_one_that_says_so(tmp_path: Path) -> None:
    merging = BadInputError("part worker0", "it cannot be read", "Move it away")
    merging.__cause__ = full()
    for error in (OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EDQUOT, "Quota"), full(), merging):
        with pytest.raises(StackError, match=r"is full.*slotrush report"), disk.said_when_full(tmp_path):
            raise error


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    for error in (
        OSError(errno.EACCES, "Permission denied"),
        sqlite3.OperationalError("no such table"),
        BadInputError("--users 0", "it must be more", "Give another"),
    ):
        with pytest.raises(type(error)) as caught, disk.said_when_full(tmp_path):
            raise error
        assert caught.value is error
