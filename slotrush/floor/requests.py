"""The CPU of one bare request on either side of a socket: Locust's `FastHttpUser` and the app's framework."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

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
    with _running("hello", lifetime_s, stdin=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        port = server.stdout.readline()
        if not port.strip():
            raise StackError(f"the framework's hello server ended with code {server.wait()} before it listened")
        yield int(port), server.pid


def measure_requests(seconds: float, pairs: int) -> RequestCost:
    """The mean over so many pairs of user and server that work at once for `seconds`, plus about 2 s of start-up.

    The floor of a drain spreads this cost over all cores, so it has to be the cost with all of them busy, with a pair
    for each. A pair alone leaves a part of two cores idle, and where these are the hardware threads of one,
    what it does is then cheaper than it is in a drain.
    """
    lifetime_s = int(seconds) + _SPARE_S
    with ExitStack() as stack:
        servers = [stack.enter_context(hello_server(lifetime_s)) for _ in range(pairs)]
        users = [stack.enter_context(_bare_user(port, pid, seconds)) for port, pid in servers]
        if all(_is_ready(user) for user in users):
            _start(users)
        spent = [_outcome(user, lifetime_s) for user in users]
    requests = sum(one["requests"] for one in spent)
    user_cpu_s, server_cpu_s = (sum(one[name] for one in spent) for name in ("user_cpu_s", "server_cpu_s"))
    return RequestCost(user_cpu_s / requests * 1e6, server_cpu_s / requests * 1e6, requests)


def _bare_user(port: int, server_pid: int, seconds: float) -> AbstractContextManager[subprocess.Popen[str]]:
    environment = os.environ | {"LOCUST_SKIP_MONKEY_PATCH": ""}
    pipe = subprocess.PIPE
    return _running("bare_user", port, server_pid, seconds, stdin=pipe, stderr=pipe, env=environment)


@contextmanager
def _running(module: str, *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of this package inside the `with` block, which is ended with it."""
    command = [sys.executable, "-m", f"slotrush.floor.{module}", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _is_ready(user: subprocess.Popen[str]) -> bool:
    """Waits until it says so, or has ended."""
    assert user.stdout is not None
    return bool(user.stdout.readline())


def _start(users: Sequence[subprocess.Popen[str]]) -> None:
    """All at once."""
    for user in users:
        assert user.stdin is not None
        user.stdin.write("\n")
        user.stdin.flush()


def _outcome(user: subprocess.Popen[str], timeout_s: float) -> dict[str, Any]:
    printed, errors = user.communicate(timeout=timeout_s)
    if user.returncode != 0:
        raise StackError(f"the bare Locust user failed (code {user.returncode}): {errors.strip()[-500:]}")
    spent: dict[str, Any] = json.loads(printed)
    if spent["failures"] or not spent["requests"]:
        raise StackError(f"the bare Locust user made {spent['requests']} requests, {spent['failures']} of them failed")
    return spent
