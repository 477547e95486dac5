"""One real stack for the whole session: PostgreSQL, Valkey, proxy, two replicas, the notifier and a mailbox."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from slotrush.stack import Stack, StackOptions, StackUrls
from tests.attacks import OPTION, Table, attack
from tests.databases import Databases, with_template
from tests.lanes import Lanes, turn
from tests.ports import unused_port

__all__ = ["attack"]

PATIENTS = 3000
DOCTORS = 1000
SETTINGS = {"SIGN_UPS_PER_ADDRESS": "1000000"}
"""All tests sign people up from one address."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=Path, metavar="FILE", help="write the table of attacks into FILE, and run no others")


def _read_certificates_when_they_are_wanted() -> None:
    """A client of HTTP reads a file of them as it is made, for 20 ms, and of a folder only what it needs."""
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = ssl.get_default_verify_paths().openssl_capath


def _try_fewer_examples(asked: str) -> None:
    """Of each property, at every change, whose tests are asked for as those that are not long; 100 each night."""
    settings.register_profile("every change", max_examples=40, deadline=None)
    settings.register_profile("every night", deadline=None)
    settings.load_profile("every change" if "not long" in asked else "every night")


def pytest_configure(config: pytest.Config) -> None:
    _read_certificates_when_they_are_wanted()
    _try_fewer_examples(config.getoption("markexpr"))
    file = config.getoption(OPTION)
    if file is not None:
        config.pluginmanager.register(Table(file))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Lanes(config, log)


@dataclass(frozen=True)
class Account:
    id: str
    specialty: str
    token: str

    def headers(self, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return headers if key is None else headers | {"Idempotency-Key": key}


def account(session: dict[str, str]) -> Account:
    """Of an entry of the session bank, which says more."""
    return Account(session["id"], session.get("specialty", ""), session["token"])


@dataclass(frozen=True)
class Accounts:
    """People of the seeded system; each `next(…)` gives one that no other test has."""

    patients: Iterator[Account]
    doctors: Iterator[Account]
    staff: Iterator[Account]


@pytest.fixture(scope="session")
def session_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sessions") / "sessions.json"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, session_bank: Path) -> Iterator[StackUrls]:
    """With people in it from the first moment: seeding wants an empty system, whatever test comes first."""
    with Stack(StackOptions(tmp_path_factory.mktemp("stack"), replicas=2, proxies=1, settings=SETTINGS)) as stack:
        urls = stack.start(lambda _: None)
        sizes = ["--patients", str(PATIENTS), "--doctors", str(DOCTORS), "--sessions", str(session_bank)]
        subprocess.run(
            [sys.executable, "-m", "target_app.seed", *sizes], env=urls.environment(), check=True, timeout=60
        )
        yield urls


@pytest.fixture(scope="session")
def accounts(stack: StackUrls, session_bank: Path) -> Accounts:
    assert stack.base_url
    sessions = json.loads(session_bank.read_text())
    return Accounts(
        iter([account(session) for session in sessions["patients"]]),
        iter([account(session) for session in sessions["doctors"]]),
        iter([account(session) for session in sessions["staff"]]),
    )


@pytest.fixture(scope="session")
def databases(stack: StackUrls) -> Databases:
    return with_template(stack.database_url)


@pytest.fixture
def free_port() -> int:
    return unused_port()
