"""One replica of the running stack with settings of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.ports import unused_port


@contextmanager
def running(stack: Any, **settings: str) -> Iterator[httpx.Client]:
    """Its client, once it answers."""
    port = unused_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "target_app.serve", "--port", str(port)],
        env=stack.environment() | {"DATABASE_CONNECTIONS": "2", "SIGN_UPS_PER_ADDRESS": "1000000"} | settings,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 60
            while not _answers(client):
                assert process.poll() is None, "the replica ended"
                assert time.monotonic() < deadline, "the replica does not answer"
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False
