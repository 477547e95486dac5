"""Records are created once, opened with suspicion, and put together from parts without loss or doubling."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.runs import record
from tests.elsewhere import open_elsewhere


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "results" / "a-run"


@pytest.fixture
def run(run_dir: Path) -> Iterator[sqlite3.Connection]:
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        yield connection


def write_part(run_dir: Path, worker: str, keys: list[str]) -> Path:
    path = run_dir / record.PARTS_FOLDER / f"{worker}.sqlite"
    with closing(record.create(path)) as part, part:
        part.executemany(
            "INSERT INTO ledger (key, worker, action, actor, subject, intended_us, sent_us, outcome, status)"
            " VALUES (?, ?, 'request', 'p', 's', 1, 2, 'unknown', 0)",
            [(key, worker) for key in keys],
        )
        part.execute("INSERT INTO latency VALUES (?, 'GET /', 7, 1, 0, 0, x'00', x'00')", (worker,))
        part.execute("INSERT INTO generator_health VALUES (?, 7, x'00', 1, 1, 1, 1, 1, 0, 0)", (worker,))
        part.execute("INSERT INTO events VALUES (5, 'flushed', ?)", (worker,))
    return path


def keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM ledger ORDER BY key")]


def test_a_record_is_found_by_its_folder_and_by_its_file(run: sqlite3.Connection, run_dir: Path) -> None:
    record.put_meta(run, scenario="race", options={"patients": 5})

    for path in (run_dir, run_dir / record.RECORD_NAME):
        with closing(record.open_record(path)) as opened:
            assert record.get_meta(opened) == {"scenario": "race", "options": {"patients": 5}}


def test_a_record_is_never_overwritten(run: sqlite3.Connection, run_dir: Path) -> None:
    record.put_meta(run, scenario="race")

    with pytest.raises(FileExistsError):
        record.create(run_dir / record.RECORD_NAME)


def test_meta_keeps_the_last_value_and_events_their_first_time(run: sqlite3.Connection) -> None:
    record.put_meta(run, seed=1)
    record.put_meta(run, seed=2)
    for at_us in (30, 10, 20):
        record.add_event(run, at_us, "drop", "a detail")

    assert record.get_meta(run) == {"seed": 2}
    assert record.event_times(run) == {"drop": 10}


def test_parts_are_merged_once_and_removed(run: sqlite3.Connection, run_dir: Path) -> None:
    write_part(run_dir, "w1", ["a", "b"])
    write_part(run_dir, "w2", ["c"])

    assert record.merge_parts(run, record.part_paths(run_dir)) == 2

    assert keys(run) == ["a", "b", "c"]
    for table in ("latency", "generator_health", "events"):
        assert run.execute(f"SELECT count(*) FROM {table}").fetchone() == (2,)
    assert list((run_dir / record.PARTS_FOLDER).iterdir()) == []


def test_a_part_that_was_merged_before_an_interruption_is_not_merged_again(
    run: sqlite3.Connection, run_dir: Path
) -> None:
    part = write_part(run_dir, "w1", ["a"])
    copy = part.read_bytes()
    record.merge_parts(run, [part])
    part.write_bytes(copy)  # as if the removal had not happened any more

    assert record.merge_parts(run, record.part_paths(run_dir)) == 0
    assert keys(run) == ["a"]
    assert not part.exists()


def test_what_a_killed_worker_had_committed_is_merged(run: sqlite3.Connection, run_dir: Path) -> None:
    part = write_part(run_dir, "w1", ["a"])
    with closing(sqlite3.connect(part)) as worker:
        worker.execute("PRAGMA wal_autocheckpoint = 0")
        with worker:
            worker.execute("UPDATE ledger SET key = 'committed'")
        worker.execute("UPDATE ledger SET key = 'lost'")
        killed = run_dir / record.PARTS_FOLDER / "w2.sqlite"
        killed.write_bytes(part.read_bytes())
        killed.with_name("w2.sqlite-wal").write_bytes(part.with_name("w1.sqlite-wal").read_bytes())
        worker.rollback()

    record.merge_parts(run, [killed])

    assert keys(run) == ["committed"]


def test_a_worker_that_was_killed_before_it_wrote_anything_costs_nothing(
    run: sqlite3.Connection, run_dir: Path
) -> None:
    write_part(run_dir, "w2", ["a"])
    (run_dir / record.PARTS_FOLDER / "w1.sqlite").touch()

    assert record.merge_parts(run, record.part_paths(run_dir)) == 2
    assert keys(run) == ["a"]
    assert record.part_paths(run_dir) == []


def test_a_damaged_part_is_named_and_stays(run: sqlite3.Connection, run_dir: Path) -> None:
    damaged = write_part(run_dir, "w1", ["a"])
    damaged.write_bytes(b"no database at all" * 100)

    with pytest.raises(BadInputError, match=r"part .*w1\.sqlite: it cannot be read"):
        record.merge_parts(run, record.part_paths(run_dir))

    assert damaged.exists()
    assert keys(run) == []
    record.put_meta(run, still="usable")


def test_a_record_whose_run_died_is_opened_with_its_parts(run: sqlite3.Connection, run_dir: Path) -> None:
    run.close()
    write_part(run_dir, "w1", ["a"])

    with closing(record.open_finished(run_dir)) as finished:
        assert keys(finished) == ["a"]
    with closing(record.open_finished(run_dir / record.RECORD_NAME)) as again:
        assert keys(again) == ["a"]


def test_a_run_that_goes_on_keeps_its_parts(run: sqlite3.Connection, run_dir: Path) -> None:
    run.close()
    part = write_part(run_dir, "w1", ["a"])

    with open_elsewhere(part), pytest.raises(BadInputError, match="it is still being recorded"):
        record.open_finished(run_dir)

    assert part.exists()
    with closing(record.open_finished(run_dir)) as finished:
        assert keys(finished) == ["a"]


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nowhere: there is no run record"):
        record.open_record(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="there is no run record"):
        record.open_record(tmp_path)


def test_a_file_that_is_not_sqlite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    path.write_text("not a database, but long enough to be taken for one" * 50)

    with pytest.raises(BadInputError, match="cannot be read as SQLite"):
        record.open_record(path)


@pytest.mark.parametrize("content", ["CREATE TABLE meta (key, value)", ""], ids=["foreign", "empty"])
def test_a_foreign_sqlite_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.sqlite"
    with closing(sqlite3.connect(path)) as foreign:
        foreign.executescript(content)
    path.touch()

    with pytest.raises(BadInputError, match="not a slotrush run record"):
        record.open_record(path)


def test_a_record_of_another_version_is_refused(run: sqlite3.Connection, run_dir: Path) -> None:
    run.execute("PRAGMA user_version = 99")

    with pytest.raises(BadInputError, match=r"schema version 99, this slotrush reads version \d+"):
        record.open_record(run_dir)


def test_a_damaged_record_is_refused(run: sqlite3.Connection, run_dir: Path) -> None:
    with run:
        run.executemany("INSERT INTO events VALUES (?, 'event', ?)", [(n, "x" * 200) for n in range(2000)])
    run.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    run.close()
    path = run_dir / record.RECORD_NAME
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))

    with pytest.raises(BadInputError, match=r"damaged|cannot be read"):
        record.open_record(run_dir)
