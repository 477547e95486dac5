"""Real servers for the tests of the stack, and the means to see that nothing of a stack is left."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from slotrush.stack import process
from slotrush.stack.ports import Ports
from slotrush.stack.process import Command, Process

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 60.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for `condition`; the test fails if it does not come."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {TIMEOUT_S:.0f} s"
        time.sleep(0.02)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool], str], None]:
    return eventually


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    reserved = Ports()
    yield reserved
    reserved.release()


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's unprivileged user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="slotrush-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _spawning(logs: Path) -> Iterator[Callable[[Command], Process]]:
    started: list[Process] = []

    def start(command: Command) -> Process:
        started.append(process.spawn(command, logs / f"{command.name}.log", ROOT))
        return started[-1]

    yield start
    process.stop_all(started, grace_s=5)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def lasting_folder() -> Iterator[Path]:
    """As `open_folder`, for what all tests of a module look at."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[[Command], Process]]:
    """Start a command that is stopped at the end of the test."""
    with _spawning(tmp_path / "logs") as start:
        yield start


@pytest.fixture(scope="module")
def spawn_lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Command], Process]]:
    """Start a command that is stopped after the tests of the module."""
    with _spawning(tmp_path_factory.mktemp("logs")) as start:
        yield start


@dataclass
class Owner:
    """Another Python process that owns a stack, and everything it started."""

    popen: subprocess.Popen[str]
    temporary: Path
    facts: dict[str, Any] = field(default_factory=dict)
    family: list[psutil.Process] = field(default_factory=list)

    def read_facts(self) -> None:
        """Wait until it says that its stack is up."""
        assert self.popen.stdout is not None
        self.facts = json.loads(self.popen.stdout.readline() or "{}")
        assert self.facts, f"the stack did not start: {self.popen.communicate()}"
        self.family = psutil.Process(self.popen.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)
        self.popen.communicate()

    def is_gone(self) -> bool:
        return not any(_lives(member) for member in self.family)

    def leftovers(self) -> list[str]:
        """Processes, listening ports and temporary files that are still there."""
        processes = [str(member) for member in self.family if _lives(member)]
        ports = [str(port) for port in self.facts["ports"] if _listens(port)]
        files = [str(path) for path in self.temporary.iterdir()]
        return processes + ports + files


@pytest.fixture
def own_a_stack(open_folder: Path, tmp_path: Path) -> Iterator[Callable[..., Owner]]:
    """Start an owner under a name; call `read_facts` on it when several were started. A small one has one of each."""
    owners: list[Owner] = []

    def start(name: str, small: bool = False) -> Owner:
        temporary = open_folder / name
        temporary.mkdir()
        popen = subprocess.Popen(
            [sys.executable, "-c", _OWNER, str(tmp_path / name), "1" if small else "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        owners.append(Owner(popen, temporary))
        return owners[-1]

    yield start
    for owner in owners:
        if owner.popen.poll() is None:
            owner.end(signal.SIGKILL)
        eventually(owner.is_gone, "the end of the stack")


_OWNER = """
import json, signal, sys
from pathlib import Path
from urllib.parse import urlsplit
from slotrush.stack import Stack, StackOptions

each = int(sys.argv[2])
with Stack(StackOptions(Path(sys.argv[1]), replicas=each, proxies=each)) as stack:
    urls = stack.start(lambda step: None)
    addresses = [urls.base_url, *urls.replica_urls, urls.database_url, urls.redis_url, urls.smtp_url]
    ports = [urlsplit(address).port for address in addresses]
    print(json.dumps({"base_url": urls.base_url, "ports": ports, "pids": stack.pids()}), flush=True)
    signal.pause()
"""


def _lives(member: psutil.Process) -> bool:
    try:
        return member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listens(port: int) -> bool:
    listening = {
        int(line.split()[1].rpartition(":")[2], 16)
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    return port in listening
