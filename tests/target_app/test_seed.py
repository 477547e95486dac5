import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import asyncpg
import httpx
import pytest

from slotrush.stack import StackUrls
from target_app.seed import main
from tests.commands import run_within
from tests.databases import Databases

Seed = Callable[..., CompletedProcess[str]]
SIZES = ("--patients", "55", "--doctors", "12", "--slots", "100", "--clinics", "2", "--staff", "3")
TABLES = ("accounts", "patients", "doctors", "clinics", "staff", "slots")


@pytest.fixture
def fresh(stack: StackUrls, databases: Databases, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a migrated database of its own, with nobody in it."""
    with databases.migrated("seed") as url:
        yield stack.environment() | {"DATABASE_URL": url, "JWT_KEY_FILE": str(tmp_path / "jwt.pem")}


@pytest.fixture
def seed() -> Seed:
    """Run it; the session's own system is filled by a process."""

    def seed(environment: dict[str, str], *options: str) -> CompletedProcess[str]:
        return run_within(main, *options, environment=environment)

    return seed


def rows(environment: dict[str, str], statement: str) -> list[Any]:
    async def run() -> list[Any]:
        connection = await asyncpg.connect(environment["DATABASE_URL"])
        try:
            found: list[Any] = await connection.fetch(statement)
            return found
        finally:
            await connection.close()

    return asyncio.run(run())


def counts(environment: dict[str, str]) -> dict[str, int]:
    [row] = rows(environment, "SELECT " + ", ".join(f"(SELECT count(*) FROM {each}) AS {each}" for each in TABLES))
    return dict(row)


def test_it_fills_every_table_and_writes_a_session_for_everyone(
    fresh: dict[str, str], seed: Seed, tmp_path: Path
) -> None:
    bank = tmp_path / "sessions.json"
    done = seed(fresh, *SIZES, "--sessions", str(bank))
    assert done.returncode == 0, done.stderr
    made = {"accounts": 70, "patients": 55, "doctors": 12, "clinics": 2, "staff": 3, "slots": 100}
    assert counts(fresh) == made
    assert "55 of 55 patients" in done.stdout
    assert "100 of 100 slots" in done.stdout
    sessions = json.loads(bank.read_text())
    assert {group: len(people) for group, people in sessions.items()} == {"patients": 55, "doctors": 12, "staff": 3}
    assert bank.stat().st_mode & 0o777 == 0o600
    for number, patient in enumerate(sessions["patients"]):
        assert patient["specialty"] == sessions["doctors"][number % 12]["specialty"]
    stored = rows(fresh, "SELECT doctors.id::text, specialty FROM doctors")
    assert {(each["id"], each["specialty"]) for each in sessions["doctors"]} == {tuple(row) for row in stored}
    assert not list(tmp_path.glob(".*")), "no scratch file stays"


def test_the_slots_are_the_doctors_next_ones(fresh: dict[str, str], seed: Seed) -> None:
    assert seed(fresh, *SIZES).returncode == 0
    [row] = rows(
        fresh,
        "SELECT count(DISTINCT doctor_id) AS doctors, min(lower(during)) > now() AS future,"
        " min(lower(during)) < now() + interval '5 days' AS soon FROM slots",
    )
    assert dict(row) == {"doctors": 12, "future": True, "soon": True}


def test_the_sessions_are_good(accounts: Any, api: httpx.Client) -> None:
    for group in (accounts.patients, accounts.doctors):
        assert api.get("/v1/doctors", headers=next(group).headers()).status_code == 200


def test_without_a_file_nobody_is_signed_in_and_no_key_is_needed(fresh: dict[str, str], seed: Seed) -> None:
    environment = {name: value for name, value in fresh.items() if name != "JWT_KEY_FILE"}
    assert seed(environment, *SIZES).returncode == 0
    assert not Path(fresh["JWT_KEY_FILE"]).exists()


def test_a_database_that_is_not_empty_is_left_alone(fresh: dict[str, str], seed: Seed, tmp_path: Path) -> None:
    bank = tmp_path / "s.json"
    seed(fresh, "--patients", "1", "--doctors", "1", "--sessions", str(bank))
    before, sessions = counts(fresh), bank.read_bytes()
    refused = seed(fresh, *SIZES, "--sessions", str(bank))
    assert refused.returncode == 2
    assert "not empty" in refused.stderr
    assert counts(fresh) == before
    assert bank.read_bytes() == sessions


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--patients", "5", "--doctors", "0"), "--doctors 0: it must be from 1"),
        (("--patients", "5", "--doctors", "1", "--slots", "9999"), "--slots 9999"),
        (
            ("--patients", "5", "--doctors", "1", "--sessions", "/nowhere/s.json"),
            "/nowhere/s.json: it cannot be written",
        ),
        (("--patients", "5", "--doctors", "1", "--sessions", os.sep), "it is a folder"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nobody_is_made(
    fresh: dict[str, str], seed: Seed, options: tuple[str, ...], words: str
) -> None:
    refused = seed(fresh, *options)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert counts(fresh)["accounts"] == 0


def test_a_database_without_tables_or_without_a_server_is_named(stack: StackUrls, seed: Seed) -> None:
    sizes = ("--patients", "5", "--doctors", "1")
    bare = seed(stack.environment() | {"DATABASE_URL": stack.database_url.rpartition("/")[0] + "/postgres"}, *sizes)
    assert (bare.returncode, "target_app.migrate" in bare.stderr) == (2, True), bare.stderr
    away = seed(stack.environment() | {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:9/none"}, *sizes)
    assert (away.returncode, "127.0.0.1:9" in away.stderr) == (2, True), away.stderr
    assert "secret" not in away.stderr
