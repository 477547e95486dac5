import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slotrush.stack import postgres, process
from slotrush.stack.ports import Ports


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A PostgreSQL of its own, in a folder that its unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="slotrush-test-floor-"))
    folder.chmod(0o755)
    ports = Ports()
    server = postgres.prepare(folder, ports.free(), connections=20)
    process.wait_exit(process.spawn(server.initdb(), folder / "initdb.log", folder), timeout_s=60)
    running = process.spawn(server.server(), folder / "postgres.log", folder)
    try:
        process.wait_until("PostgreSQL", [running], [server.ready], timeout_s=60)
        yield server.url
    finally:
        process.stop_all([running], grace_s=10)
        ports.release()
        shutil.rmtree(folder)
