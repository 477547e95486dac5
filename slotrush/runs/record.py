"""Opening, creating and merging run records. The schema is `schema.sql` beside this file."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from slotrush.errors import BadInputError
from slotrush.runs.opened import opened_files

APPLICATION_ID: Final = 1397511250
SCHEMA_VERSION: Final = 3
RECORD_NAME: Final = "run.sqlite"
PARTS_FOLDER: Final = "parts"
STATEMENTS_EVENT: Final = "statements"
"""Events of this name hold how many SQL statements the database has executed so far: {"total": …}."""
FAULT_EVENT: Final = "fault"
HEALED_EVENT: Final = "healed"
"""A fault was done to the target, and is over: {"number": …, "fault": …}, of the first also what it {"hit": …}."""
_LOCKED_S: Final = 30
"""How long to wait for another process that is writing."""
_MERGED_TABLES: Final = ("events", "latency", "ledger", "generator_health", "lost_actors")


def create(path: Path) -> sqlite3.Connection:
    """Create an empty record (or part) at `path` and return a connection to it.

    Raises FileExistsError when there is one already: a record is never overwritten.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_LOCKED_S, check_same_thread=False)
    _set_up(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(files("slotrush.runs").joinpath("schema.sql").read_text())
    connection.commit()
    return connection


def open_record(path: Path) -> sqlite3.Connection:
    """Open the record of a run: `path` is the file, or the run's folder.

    Raises BadInputError when it is not there, not SQLite, not a run record, or of another schema version.
    """
    file = path / RECORD_NAME if path.is_dir() else path
    if not file.is_file():
        raise BadInputError(
            f"run {path}", f"there is no run record at {file}", "Name a folder under results/, or its run.sqlite"
        )
    connection = sqlite3.connect(file, timeout=_LOCKED_S, check_same_thread=False)
    try:
        _set_up(connection)
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        healthy = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.DatabaseError as error:
        connection.close()
        raise BadInputError(
            f"run {file}", f"it cannot be read as SQLite ({error})", "The file is corrupt or something else"
        ) from error
    problem = None
    if application_id != APPLICATION_ID:
        problem = "it is an SQLite file, but not a slotrush run record"
    elif version != SCHEMA_VERSION:
        problem = f"it has schema version {version}, this slotrush reads version {SCHEMA_VERSION}"
    elif not healthy:
        problem = "it is damaged: SQLite's quick_check fails"
    if problem:
        connection.close()
        raise BadInputError(f"run {file}", problem, "Record the run again, or use the slotrush that wrote it")
    return connection


def put_meta(connection: sqlite3.Connection, **values: Any) -> None:
    """Store JSON-able values under their names."""
    with connection:
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [(key, json.dumps(value)) for key, value in values.items()],
        )


def get_meta(connection: sqlite3.Connection) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}


def add_event(connection: sqlite3.Connection, at_us: int, name: str, detail: str = "") -> None:
    with connection:
        connection.execute("INSERT INTO events VALUES (?, ?, ?)", (at_us, name, detail))


def add_lost_actors(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """People whose worker is gone: what they did last is in no ledger."""
    with connection:
        connection.executemany("INSERT INTO lost_actors VALUES (?) ON CONFLICT DO NOTHING", [(one,) for one in ids])


def event_times(connection: sqlite3.Connection) -> dict[str, int]:
    """The first time of each event, by name."""
    return dict(connection.execute("SELECT name, min(at_us) FROM events GROUP BY name"))


def load_began_us(events: Mapping[str, int]) -> int | None:
    """When everyone began, by the first times of a run's events: at the drop, or at the start of another load."""
    return events.get("drop", events.get("start"))


def load_ended_us(events: Mapping[str, int]) -> int | None:
    """When it was over: at the last answer of a drop, or at the end of another load."""
    return events.get("drained", events.get("ended"))


def merge_parts(connection: sqlite3.Connection, parts: Iterable[Path]) -> int:
    """Move what the workers wrote into the record, remove the parts, and return how many there were.

    Each part is copied and its removal follows the commit, so an interruption at any point can be repeated:
    a part that was already merged is recognised by its name in `meta`.
    Raises BadInputError for a part that cannot be read; those before it are merged, it and the rest stay.
    """
    merged = 0
    connection.execute("PRAGMA synchronous = FULL")  # a part is removed once its copy is on the disk, not before
    for part in sorted(parts):
        marker = f"merged:{part.stem}"
        if connection.execute("SELECT 1 FROM meta WHERE key = ?", (marker,)).fetchone() is None:
            try:
                _copy_part(connection, part, marker)
            except sqlite3.DatabaseError as error:
                raise BadInputError(
                    f"part {part}", f"it cannot be read ({error})", "Move it away to do without what it holds"
                ) from error
            merged += 1
        for leftover in (part, part.with_name(part.name + "-wal"), part.with_name(part.name + "-shm")):
            leftover.unlink(missing_ok=True)
    return merged


def _copy_part(connection: sqlite3.Connection, part: Path, marker: str) -> None:
    connection.execute("ATTACH ? AS part", (str(part),))
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM part.sqlite_master WHERE type = 'table'")}
        with connection:
            if tables.issuperset(_MERGED_TABLES):  # else its worker was killed before it could write anything
                for table in _MERGED_TABLES:
                    connection.execute(f"INSERT INTO main.{table} SELECT * FROM part.{table}")
            connection.execute("INSERT INTO meta VALUES (?, 'true')", (marker,))
    finally:
        connection.execute("DETACH part")


def part_paths(run_dir: Path) -> list[Path]:
    return sorted((run_dir / PARTS_FOLDER).glob("*.sqlite"))


def goes_on(run_dir: Path) -> bool:
    """Whether parts of the run may still be written: there are some, and other processes have files of it open."""
    return bool(part_paths(run_dir) and opened_files(run_dir))


def open_finished(path: Path) -> sqlite3.Connection:
    """Open a run's record with every part merged, also when the run itself died before doing so.

    Raises BadInputError as `open_record` does, and for a run that goes on: it would lose its parts.
    """
    connection = open_record(path)
    run_dir = path if path.is_dir() else path.parent
    parts = part_paths(run_dir)
    if parts:
        with closing(connection):
            if goes_on(run_dir):
                raise BadInputError(f"run {run_dir}", "it is still being recorded", "Wait for its end, or stop it")
            merge_parts(connection, parts)
        connection = open_record(path)
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
