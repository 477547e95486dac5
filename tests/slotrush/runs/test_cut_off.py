"""A worker or the master may die at any byte that it writes: whatever was committed is found again, once and whole."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.swarm import Attempt, Recorder

BATCHES: Final = st.lists(st.integers(1, 12), min_size=1, max_size=8)
"""Attempts per transaction."""
MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""For files that are written by the hundred: what the disk does is played here, so it need not do it."""
CUT: Final = st.floats(0, 1)
"""Which share of the write-ahead log had reached the disk."""


def attempt(number: int) -> Attempt:
    return Attempt(
        key=f"{number:05}",
        action="request",
        actor="p",
        subject="s",
        intended_us=1,
        sent_us=2,
        answered_us=3,
        outcome="acknowledged",
        status=201,
        reason="",
        appointment=f"a{number}",
    )


def log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def die(folder: Path, batches: list[int], cut: float, then: Path) -> int:
    """Write the batches as a worker does, and leave in `then` what is on the disk when the log is cut off there.

    How many attempts were committed by then.
    """
    part = folder / "worker0.sqlite"
    recorder = Recorder("worker0", record.create(part))
    written, commits = 0, [(log_of(part).stat().st_size, 0)]
    for size in batches:
        for number in range(written, written + size):
            recorder.wrote(attempt(number))
        assert list(recorder.flush_attempts(rows_at_once=size)) == [size]
        written += size
        commits.append((log_of(part).stat().st_size, written))
    start = commits[0][0]
    kept = start + round(cut * (commits[-1][0] - start))
    shutil.copy(part, then)
    log_of(then).write_bytes(log_of(part).read_bytes()[:kept])
    recorder.close()
    return max(number for size, number in commits if size <= kept)


def found(run: sqlite3.Connection) -> list[tuple[str, str]]:
    return run.execute("SELECT key, appointment FROM ledger ORDER BY rowid").fetchall()


def expected(count: int) -> list[tuple[str, str]]:
    return [(f"{number:05}", f"a{number}") for number in range(count)]


@settings(max_examples=40, deadline=None)
@given(BATCHES, CUT)
def test_what_a_worker_had_committed_when_it_died_is_found_and_nothing_else(batches: list[int], cut: float) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        run_dir = Path(folder) / "run"
        with closing(record.create(run_dir / record.RECORD_NAME)) as run:
            part = run_dir / record.PARTS_FOLDER / "worker0.sqlite"
            part.parent.mkdir()
            committed = die(Path(folder), batches, cut, part)
            assert record.merge_parts(run, record.part_paths(run_dir)) == 1
            assert found(run) == expected(committed)
            assert list(part.parent.iterdir()) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(BATCHES, min_size=1, max_size=3), CUT, CUT)
def test_a_master_that_dies_while_it_merges_can_begin_again(
    workers: list[list[int]], master_cut: float, worker_cut: float
) -> None:
    """Its own log is cut too: parts of which it is not sure stay, and are neither lost nor merged twice."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        committed: list[tuple[str, str]] = []
        with closing(record.create(before / record.RECORD_NAME)) as run:
            start = log_of(before / record.RECORD_NAME).stat().st_size
            (before / record.PARTS_FOLDER).mkdir()
            for number, batches in enumerate(workers):
                own = Path(folder) / str(number)
                own.mkdir()
                part = before / record.PARTS_FOLDER / f"worker{number}.sqlite"
                committed += expected(die(own, batches, worker_cut, part))
            shutil.copytree(before, after)
            record.merge_parts(run, record.part_paths(before))
            log = log_of(before / record.RECORD_NAME).read_bytes()
        log_of(after / record.RECORD_NAME).write_bytes(log[: start + round(master_cut * (len(log) - start))])
        with closing(record.open_finished(after)) as run:
            assert found(run) == committed
        with closing(record.open_finished(after)) as run:
            assert found(run) == committed, "a second look changes nothing"


@settings(max_examples=40, deadline=None)
@given(BATCHES, st.integers(0, 2**31), st.binary(min_size=1, max_size=64))
def test_a_part_with_wrong_bytes_is_refused_or_says_what_was_written(batches: list[int], at: int, wrong: bytes) -> None:
    """Never something else: of a damaged log SQLite keeps what is whole, as each of its frames has a checksum."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        run_dir = Path(folder) / "run"
        with closing(record.create(run_dir / record.RECORD_NAME)) as run:
            part = run_dir / record.PARTS_FOLDER / "worker0.sqlite"
            part.parent.mkdir()
            committed = die(Path(folder), batches, 1.0, part)
            log = bytearray(log_of(part).read_bytes())
            place = at % len(log)
            log[place : place + len(wrong)] = wrong[: len(log) - place]
            log_of(part).write_bytes(log)
            try:
                record.merge_parts(run, record.part_paths(run_dir))
            except BadInputError:
                assert found(run) == []
                assert part.exists()
                return
            assert found(run) == expected(len(found(run)))
            assert len(found(run)) <= committed


def test_a_part_is_not_removed_before_its_copy_is_on_the_disk(tmp_path: Path) -> None:
    """SQLite's FULL (2): with NORMAL a power failure might find both gone."""
    with closing(record.create(tmp_path / record.RECORD_NAME)) as run:
        record.merge_parts(run, [])
        assert run.execute("PRAGMA synchronous").fetchone() == (2,)
