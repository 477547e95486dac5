"""The CPU of one bare request on either side of a socket: Locust's `FastHttpUser` and the app's framework."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from slotrush import REPOSITORY
from slotrush.errors import StackError

_SPARE_S: Final = 30  # start-up and warm-up on a busy machine; after that a process ends by itself


@dataclass(frozen=True)
class RequestCost:
    """CPU of one request in µs, in the generator (`request_us`) and in the server (`hello_us`)."""

    request_us: float
    hello_us: float
    requests: int


@contextmanager
def hello_server(lifetime_s: int) -> Iterator[tuple[int, int]]:
    """The port and the pid of a framework "hello" that serves inside the `with` block."""
    server = subprocess.Popen(
        [sys.executable, "-m", "slotrush.floor.hello", str(lifetime_s)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline()
        if not port.strip():
            raise StackError(f"the framework's hello server ended with code {server.wait()} before it listened")
        yield int(port), server.pid
    finally:
        server.kill()
        server.communicate()


def measure_requests(seconds: float) -> RequestCost:
    """Measure for `seconds`, plus about 2 s of start-up."""
    lifetime_s = int(seconds) + _SPARE_S
    with hello_server(lifetime_s) as (port, pid):
        finished = subprocess.run(
            [sys.executable, "-m", "slotrush.floor.bare_user", str(port), str(pid), str(seconds)],
            cwd=REPOSITORY,
            env=os.environ | {"LOCUST_SKIP_MONKEY_PATCH": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=lifetime_s + _SPARE_S,
        )
    if finished.returncode != 0:
        raise StackError(f"the bare Locust user failed (code {finished.returncode}): {finished.stderr.strip()[-500:]}")
    spent = json.loads(finished.stdout)
    if spent["failures"] or not spent["requests"]:
        raise StackError(f"the bare Locust user made {spent['requests']} requests, {spent['failures']} of them failed")
    requests = spent["requests"]
    return RequestCost(spent["user_cpu_s"] / requests * 1e6, spent["server_cpu_s"] / requests * 1e6, requests)
