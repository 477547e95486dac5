"""The command line, run as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest

from slotrush.stack import StackUrls
from tests.e2e.swarms import DOCTORS, STAFF
from tests.typed import typed as typed_in

Slotrush = Callable[..., subprocess.CompletedProcess[str]]
UNSET = ("DATABASE_URL", "REDIS_URL")
PATIENTS = 160
SLOTS_EACH = 16


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET} | {"COLUMNS": "120"}


@pytest.fixture
def slotrush(tmp_path: Path, environment: dict[str, str]) -> Slotrush:
    """Run a command in a folder of its own and wait for its end."""

    def slotrush(*arguments: object, timeout_s: float = 180, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "slotrush", *map(str, arguments)],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return slotrush


@pytest.fixture
def typed(tmp_path: Path) -> Slotrush:
    """As `slotrush`, without a process of its own: for what is over before a swarm starts."""
    return partial(typed_in, cwd=tmp_path, **dict.fromkeys(UNSET))


@pytest.fixture(scope="session")
def clinics(stack: StackUrls, session_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Options for a target with people whom no other test has; their doctors have free slots."""
    assert stack.base_url
    bank = json.loads(session_bank.read_text())
    folder = tmp_path_factory.mktemp("clinics")
    patients = bank["patients"][-PATIENTS:]
    first = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=20)
    slots = [
        {"starts_at": f"{first + timedelta(minutes=30 * k):%Y-%m-%dT%H:%M:%SZ}", "minutes": 30}
        for k in range(SLOTS_EACH)
    ]

    def clinics() -> Iterator[list[str]]:
        for number in count(1):
            doctors = bank["doctors"][-number * DOCTORS :][:DOCTORS]
            for doctor in doctors:
                headers = {"Authorization": f"Bearer {doctor['token']}", "Idempotency-Key": f"swarms-{doctor['id']}"}
                url = f"{stack.base_url}/v1/slots"
                httpx.post(url, json={"slots": slots}, headers=headers, timeout=30).raise_for_status()
            path = folder / f"{number}.json"
            path.write_text(json.dumps({"patients": patients, "doctors": doctors, "staff": bank["staff"][:STAFF]}))
            yield ["--host", stack.base_url, "--sessions", str(path), "--doctors", str(DOCTORS)]

    return clinics()


@pytest.fixture
def clinic(clinics: Iterator[list[str]]) -> list[str]:
    return next(clinics)
