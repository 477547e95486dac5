"""What a run leaves behind is passed on, to CI, to colleagues, to customers: no secret is in it, however packed."""

import base64
import gzip
import json
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest

from tests.attacks import Attacks
from tests.target_app.statements import rows_of

SIZES: Final = ("--patients", "20", "--slots", "6", "--doctors", "3", "--drop-window-s", "0.2", "--workers", "1")
SMALL: Final = ("--replicas", "1", "--proxies", "1", "--no-floor")
JUDGED: Final = (0, 3, 4)
"""Passed, not to be judged (a foreign target), or measured on a machine that was too busy: all leave a whole run."""
LOOK_S: Final = 0.5
PATTERNS: Final = {
    "a token": re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(rb"PRIVATE KEY|MC4CAQAwBQYDK2Vw"),
    "a password's hash": re.compile(rb"\$argon2id\$"),
    "a presigned URL": re.compile(rb"X-Amz-Signature="),
}
Packed = Callable[[bytes], bytes]
UNPACKERS: Final[tuple[Packed, ...]] = (gzip.decompress, zlib.decompress, base64.b64decode)
LAYERS_MAX: Final = 3


def unpacked(content: bytes, layers: int = LAYERS_MAX) -> Iterator[bytes]:
    """It, and whatever it may be a packed form of: histograms are base64 of zlib, for instance."""
    yield content
    if layers:
        for unpack in UNPACKERS:
            with suppress(ValueError, OSError, EOFError, zlib.error):
                yield from unpacked(unpack(content), layers - 1)


def contents(file: Path) -> Iterator[bytes]:
    """All that is in a file, the values of a database one by one too: raw, they may be spread over pages."""
    yield from unpacked(file.read_bytes())
    if file.read_bytes().startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        if isinstance(value, str | bytes):
                            yield from unpacked(value.encode() if isinstance(value, str) else value)


def forms(secret: str) -> set[bytes]:
    """As it is, and as base64 has it wherever in a text it stands."""
    shifted = (base64.b64encode(b"\0" * shift + secret.encode()) for shift in range(3))
    return {secret.encode(), *(coded[4:-4] for coded in shifted)}


def found(what: bytes, secrets: Mapping[str, str]) -> list[str]:
    named = [name for name, secret in secrets.items() if any(form in what for form in forms(secret))]
    return named + [name for name, pattern in PATTERNS.items() if pattern.search(what)]


def leaks(folder: Path, secrets: Mapping[str, str]) -> tuple[list[tuple[str, str]], int]:
    """(file, secret) of each one found, and how many pairs were looked at."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    leaked = {(file.name, name) for file in files for content in contents(file) for name in found(content, secrets)}
    return sorted(leaked), len(files) * (len(secrets) + len(PATTERNS))


@pytest.fixture
def secrets(stack: Any) -> dict[str, str]:
    """Of servers of the user's own."""
    return {"database": f"db{uuid4().hex}", "cache": f"cache{uuid4().hex}", "store": stack.objects.secret_access_key}


@pytest.fixture
def variables(stack: Any, secrets: dict[str, str]) -> Iterator[dict[str, str]]:
    """A database with a password in its URL, a cache with one, an object store."""
    name = f"marked_{uuid4().hex}"
    for statement in (
        f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{secrets['database']}'",
        f"CREATE DATABASE {name} OWNER {name}",
    ):
        rows_of(stack.database_url, statement)
    yield {
        "DATABASE_URL": _renamed(stack.database_url, f"{name}:{secrets['database']}", name),
        "REDIS_URL": _renamed(stack.redis_url, f"default:{secrets['cache']}", "9"),
        **stack.objects.environment(),
    }
    for statement in (f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}"):
        rows_of(stack.database_url, statement)


def _renamed(url: str, user: str, path: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{user}@{parts.hostname}:{parts.port}/{path}"


def arguments_of(pid: int) -> Iterator[str]:
    """Of a process and of all below it."""
    with suppress(psutil.NoSuchProcess):
        for each in (root := psutil.Process(pid), *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                yield " ".join(each.cmdline())


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str], secrets: dict[str, str]) -> Command:
    """Run slotrush and give its exit code and what it printed. All the time no secret is in anybody's arguments, which
    every user of a machine can read."""

    def command(*arguments: object, **variables: str) -> tuple[int, str]:
        printed = tmp_path / f"printed-{uuid4()}.txt"
        with printed.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "slotrush", *map(str, arguments)],
                cwd=tmp_path,
                env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            while process.poll() is None:
                for line in arguments_of(process.pid):
                    assert not [name for name in secrets if secrets[name] in line], line
                time.sleep(LOOK_S)
        return process.returncode, printed.read_text()

    return command


def test_the_search_finds_what_is_hidden(tmp_path: Path) -> None:
    secret = uuid4().hex
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database, database:
        database.execute("CREATE TABLE a (b)")
        database.execute("INSERT INTO a VALUES (?)", (base64.b64encode(zlib.compress(secret.encode())).decode(),))
    (tmp_path / "b.gz").write_bytes(gzip.compress(f"x{secret}".encode()))
    (tmp_path / "c.html").write_text(base64.b64encode(f"user:{secret}@host".encode()).decode())
    (tmp_path / "d.log").write_text("GET / eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl")
    (tmp_path / "e.txt").write_text("nothing")
    leaked, looked_at = leaks(tmp_path, {"it": secret})
    assert leaked == [("a.sqlite", "it"), ("b.gz", "it"), ("c.html", "it"), ("d.log", "a token")]
    assert looked_at == 5 * 5


@pytest.mark.long
def test_a_race_with_servers_of_ones_own_leaves_no_secret(
    command: Command, variables: dict[str, str], secrets: dict[str, str], tmp_path: Path, attack: Attacks
) -> None:
    code, said = command("race", *SIZES, *SMALL, **variables)
    assert code in JUDGED, said
    (run,) = (tmp_path / "results").iterdir()
    assert (run / "report.html").exists()
    assert not (run / "sessions.json").exists()
    leaked, looked_at = leaks(tmp_path, secrets)
    attack("secrets in what a run leaves behind").tried("not there", looked_at)
    assert leaked == []


@pytest.mark.long
def test_a_race_against_a_foreign_target_leaves_no_token(
    command: Command, stack: Any, session_bank: Path, accounts: Any, tmp_path: Path, attack: Attacks
) -> None:
    assert accounts
    bank = json.loads(session_bank.read_text())
    own = {"patients": bank["patients"][-20:], "doctors": bank["doctors"][-3:]}
    sessions = tmp_path.parent / f"sessions-{uuid4()}.json"
    sessions.write_text(json.dumps(own))
    code, said = command("race", *SIZES, "--host", stack.base_url, "--sessions", sessions)
    assert code in JUDGED, said
    tokens = {one["id"]: one["token"].rpartition(".")[2] for people in own.values() for one in people}
    leaked, looked_at = leaks(tmp_path, tokens)
    attack("secrets in what a run leaves behind").tried("not there", looked_at)
    assert leaked == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("DATABASE_URL", lambda url: re.sub(r":\d+/", ":1/", url)),
        ("DATABASE_URL", lambda url: url.rpartition("/")[0] + "/no_such_database"),
        ("DATABASE_URL", lambda url: url.replace("@", "@not a host")),
        ("REDIS_URL", lambda url: re.sub(r":\d+/", ":1/", url)),
        ("REDIS_URL", lambda url: url.replace("default", "nobody")),
    ],
    ids=["no database", "no such database", "no host", "no cache", "no such user"],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(
    name: str,
    wrong: Callable[[str], str],
    command: Command,
    variables: dict[str, str],
    secrets: dict[str, str],
    tmp_path: Path,
    attack: Attacks,
) -> None:
    code, said = command("race", *SIZES, *SMALL, **variables | {name: wrong(variables[name])})
    assert code in (1, 2), said
    leaked, looked_at = leaks(tmp_path, secrets)
    attack("secrets in what a run leaves behind").tried("not there", looked_at)
    assert leaked == []
