"""Cleans up after a stack, however its owner ended, SIGKILL included.

The owner starts one janitor and tells it, a JSON line each, what there is to clean. The end of the input means that
the owner is done, or dead. A janitor has a session of its own and ignores the signals that end the owner.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slotrush.stack import quota
from slotrush.stack.objects import ObjectStore, remove_ours
from slotrush.stack.process import Trace, group_lives, signal_group
from slotrush.stack.quota import Group

_GRACE_S: Final = 5.0
_POLL_S: Final = 0.02
_TRIES: Final = 50


@dataclass(frozen=True)
class Folder:
    path: str


@dataclass(frozen=True)
class Database:
    server_url: str
    name: str


@dataclass(frozen=True)
class Keys:
    redis_url: str
    prefix: str


@dataclass(frozen=True)
class Socket:
    """A Unix socket outside our folder."""

    path: str


Duty = Trace | Folder | Socket | Group | Database | Keys | ObjectStore
"""Of an object store, what we put into it."""
_KINDS: Final[dict[str, type[Duty]]] = {
    kind.__name__: kind for kind in (Trace, Folder, Socket, Group, Database, Keys, ObjectStore)
}


class Janitor:
    """The owner's side."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        self._told: list[Duty] = []

    def tell(self, duty: Duty) -> None:
        self._told.append(duty)
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed: then `finish` does its work
            self._popen.stdin.write(to_line(duty))
            self._popen.stdin.flush()

    def finish(self) -> None:
        """Have everything cleaned up, and return when it is."""
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()
        if self._popen.wait() != 0:
            clean_up(self._told)


def to_line(duty: Duty) -> bytes:
    return json.dumps({"kind": type(duty).__name__, **asdict(duty)}).encode() + b"\n"


def from_line(line: bytes) -> Duty:
    values: dict[str, Any] = json.loads(line)
    return _KINDS[values.pop("kind")](**values)


def clean_up(duties: Sequence[Duty]) -> list[str]:
    """End the processes, then remove what they used. Returns what could not be done."""
    _end([duty for duty in duties if isinstance(duty, Trace)])
    problems = []
    for duty in duties:
        try:
            _remove(duty)
        except Exception as error:  # whatever it is, the rest must still be cleaned
            problems.append(f"{type(duty).__name__} not removed: {error}")
    return problems


def _end(traces: Sequence[Trace]) -> None:
    """As the kernel did when the owner died; then, after a grace, for good."""
    left = [trace for trace in traces if signal_group(trace, trace.death_signal)]
    left = [trace for trace in left if group_lives(trace)]
    deadline = time.monotonic() + _GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = [trace for trace in left if group_lives(trace)]
    for trace in left:
        signal_group(trace, signal.SIGKILL)


def _remove(duty: Duty) -> None:
    match duty:
        case Folder(path):
            _remove_folder(Path(path))
        case Socket(path):
            Path(path).unlink(missing_ok=True)
        case Group():
            quota.remove(duty)
        case Database(server_url, name):
            from slotrush.stack import database  # noqa: PLC0415 - heavy, and seldom needed

            database.drop(server_url, name)
        case Keys(redis_url, prefix):
            from slotrush.stack import valkey  # noqa: PLC0415

            valkey.remove_keys(redis_url, prefix)
        case ObjectStore():
            remove_ours(duty)
        case Trace():
            pass


def _remove_folder(path: Path) -> None:
    """Somebody who is just dying may still write into it: so more than one try."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(_POLL_S)
    raise OSError(f"{path} is still there")


def _read(lines: Iterable[bytes]) -> list[Duty]:
    return [from_line(line) for line in lines if line.endswith(b"\n")]  # the owner may die in the middle of a line


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    problems = clean_up(_read(sys.stdin.buffer))
    for problem in problems:
        print(problem, file=sys.stderr)
    os._exit(1 if problems else 0)


if __name__ == "__main__":
    main()
