"""Bad input: exit code 2 and one message that names the thing and the mend; nothing is started or left."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slotrush.runs import record


def complains(finished: Any, *words: str) -> None:
    assert finished.returncode == 2, finished.stdout + finished.stderr
    for word in words:
        assert word in finished.stderr, finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("race", "--patience", "3"), ("--patience",)),
        (("race", "--patients", "many"), ("--patients",)),
        (("race", "--patients", "0"), ("--patients 0", "from 1 to")),
        (("race", "--slots", "-5"), ("--slots -5",)),
        (("race", "--drop-window-s", "-1"), ("--drop-window-s",)),
        (("race", "--drop-window-s", "nan"), ("--drop-window-s",)),
        (("race", "--slots", "10", "--doctors", "20"), ("--slots 10", "--doctors")),
        (("race", "--slots", "1000", "--doctors", "2"), ("--slots 1000", "--doctors 5")),
        (("race", "--patients", "500000"), ("open files", "--workers", "fewer patients")),
        (("race", "--host", "http://127.0.0.1:9"), ("--sessions",)),
        (("up", "--patients", "0"), ("--patients 0",)),
        (("rase",), ("rase",)),
        (("audit", "nowhere"), ("nowhere", "neither a folder, nor a run in results")),
        (("report", "nowhere"), ("nowhere", "neither a folder, nor a run in results")),
    ],
)
def test_bad_options(typed: Any, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    complains(typed(*arguments), *words)
    assert not (tmp_path / "results").exists()


def test_a_busy_port(typed: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        complains(typed("race", "--patients", "10", "--port", port), f"port {port}", "another program")
    assert not any((tmp_path / "results").iterdir())


def test_an_unreachable_database(slotrush: Any) -> None:
    finished = slotrush("race", "--patients", "10", DATABASE_URL="postgresql://me:secret@127.0.0.1:9/none")
    complains(finished, "DATABASE_URL", "127.0.0.1:9")
    assert "secret" not in finished.stdout + finished.stderr


def test_an_unreachable_cache(typed: Any) -> None:
    complains(typed("race", "--patients", "10", REDIS_URL="redis://127.0.0.1:9/0"), "REDIS_URL", "127.0.0.1:9")


def test_a_strangers_server(typed: Any, tmp_path: Path) -> None:
    sessions = tmp_path / "sessions.json"
    sessions.write_text('{"patients": [], "doctors": []}')
    finished = typed("race", "--patients", "10", "--host", "https://clinic.example", "--sessions", sessions)
    complains(finished, "https://clinic.example", "targets.toml")


def test_a_corrupt_a_foreign_and_a_later_run_file(typed: Any, tmp_path: Path) -> None:
    corrupt = tmp_path / "corrupt.sqlite"
    corrupt.write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000)
    foreign = tmp_path / "foreign.sqlite"
    sqlite3.connect(foreign).execute("CREATE TABLE t (x)").connection.close()
    later = tmp_path / "later.sqlite"
    with closing(record.create(later)) as connection:
        connection.execute(f"PRAGMA user_version = {record.SCHEMA_VERSION + 1}")
    for path in (corrupt, foreign, later):
        for command in ("audit", "report"):
            before = path.read_bytes()
            complains(typed(command, path), str(path))
            assert path.read_bytes() == before
