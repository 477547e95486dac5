"""`slotrush seed`, as it is typed; each night it is run as a user runs it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from slotrush.cli import app
from tests.databases import Databases

Seed = Callable[..., Result]
SIZES = ("--patients", "40", "--doctors", "6", "--slots", "30")
OF_A_SYSTEM = ("DATABASE_URL", "JWT_KEY_FILE")


@pytest.fixture(scope="module")
def empty(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a system with nobody in it."""
    with databases.migrated("seed_command") as url:
        yield dict(zip(OF_A_SYSTEM, (url, str(tmp_path_factory.mktemp("key") / "jwt.pem")), strict=True))


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seed:
    """Type it in a folder of its own, of an environment that names no system unless the test does."""
    monkeypatch.chdir(tmp_path)

    def seed(*options: object, **variables: str) -> Result:
        return CliRunner().invoke(app, ["seed", *map(str, options)], env=dict.fromkeys(OF_A_SYSTEM) | variables)

    return seed


def test_without_a_system_there_is_nothing_to_fill(seed: Seed) -> None:
    refused = seed()
    assert refused.exit_code == 2
    assert "slotrush up --empty" in refused.stderr


@pytest.mark.long
def test_a_file_that_cannot_be_written_leaves_the_system_empty(
    seed: Seed, empty: dict[str, str], tmp_path: Path
) -> None:
    refused = seed(*SIZES, "--sessions", tmp_path / "none" / "s.json", **empty)
    assert refused.exit_code == 2
    assert "it cannot be written" in refused.stderr
    assert accounts(empty["DATABASE_URL"]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--doctors", "0"), ("--doctors 0", "from 1 to")),
        (("--doctors", "1", "--slots", "100000"), ("--slots 100000",)),
        (("--doctors", "many"), ("--doctors",)),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    seed: Seed, empty: dict[str, str], options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused = seed(*options, **empty)
    assert refused.exit_code == 2
    for word in words:
        assert word in refused.stderr


def test_it_fills_the_system_that_the_environment_names_and_only_once(
    seed: Seed, empty: dict[str, str], tmp_path: Path
) -> None:
    done = seed(*SIZES, "--sessions", "bank.json", **empty)
    assert done.exit_code == 0, done.stderr
    assert "40 of 40 patients" in done.stdout
    sessions = json.loads((tmp_path / "bank.json").read_text())
    assert [len(sessions[group]) for group in ("patients", "doctors", "staff")] == [40, 6, 2]

    again = seed(*SIZES, "--sessions", "other.json", **empty)
    assert again.exit_code == 2
    assert "not empty" in again.stderr
    assert not (tmp_path / "other.json").exists()


@pytest.mark.long
def test_it_fills_the_system_that_was_started_empty(tmp_path: Path) -> None:
    run = partial(slotrush, tmp_path)
    started = run("up", "--empty", "--replicas", 1, "--proxies", 1)
    try:
        assert started.returncode == 0, started.stderr
        assert "slotrush seed" in started.stdout
        done = run("seed", *SIZES, "--sessions", "bank.json")
        assert done.returncode == 0, done.stderr
        kept = tmp_path / ".slotrush" / "up.json"
        assert kept.stat().st_mode & 0o077 == 0, "the object store's secret is in it"
        state: dict[str, Any] = json.loads(kept.read_text())
        assert accounts(state["urls"]["database_url"]) == 48
    finally:
        run("down")


def slotrush(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if name not in OF_A_SYSTEM}
    return subprocess.run(
        [sys.executable, "-m", "slotrush", *map(str, arguments)],
        cwd=folder,
        env=ours | {"COLUMNS": "120", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def accounts(database_url: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(database_url)
        try:
            found: int = await connection.fetchval("SELECT count(*) FROM accounts")
            return found
        finally:
            await connection.close()

    return asyncio.run(count())
