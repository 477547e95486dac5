"""One real stack for the whole session: PostgreSQL, Valkey, proxy, two replicas, the notifier and a mailbox."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slotrush.stack import Stack, StackOptions, StackUrls

PATIENTS = 600
DOCTORS = 120


@dataclass(frozen=True)
class Account:
    id: str
    specialty: str
    token: str

    def headers(self, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return headers if key is None else headers | {"Idempotency-Key": key}


@dataclass(frozen=True)
class Accounts:
    """People of the seeded system; each `next(…)` gives one that no other test has."""

    patients: Iterator[Account]
    doctors: Iterator[Account]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    with Stack(StackOptions(tmp_path_factory.mktemp("stack"), replicas=2, proxies=1)) as stack:
        yield stack.start(lambda _: None)


@pytest.fixture(scope="session")
def accounts(stack: StackUrls, tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    path: Path = tmp_path_factory.mktemp("sessions") / "sessions.json"
    sizes = ["--patients", str(PATIENTS), "--doctors", str(DOCTORS), "--sessions", str(path)]
    subprocess.run([sys.executable, "-m", "target_app.seed", *sizes], env=stack.environment(), check=True, timeout=60)
    sessions = json.loads(path.read_text())
    return Accounts(
        iter([Account(**session) for session in sessions["patients"]]),
        iter([Account(**session) for session in sessions["doctors"]]),
    )


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
