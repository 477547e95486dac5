"""The booking system's own processes: migration, replicas, notifier."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from slotrush.stack.ports import HOST
from slotrush.stack.process import BACKGROUND, Command

_TIMEOUT_S: Final = 2.0


def environment(**variables: str) -> dict[str, str]:
    """Ours, with what configures the booking system: its only interface besides the command line."""
    return {**os.environ, **variables}


def migrate(environment: Mapping[str, str]) -> Command:
    return Command("app", "migrate", [sys.executable, "-m", "target_app.migrate"], environment)


def replica(number: int, port: int, unix_socket: Path | None, environment: Mapping[str, str]) -> Command:
    """Listens on a port for whoever asks it directly, and on a Unix socket for the proxies when one is given."""
    arguments = [sys.executable, "-m", "target_app.serve", "--host", HOST, "--port", str(port)]
    if unix_socket is not None:
        arguments += ["--uds", str(unix_socket)]
    return Command("app", f"app-{number}", arguments, environment)


def notifier(environment: Mapping[str, str]) -> Command:
    arguments = [sys.executable, "-m", "target_app.notifications.worker"]
    return Command("notifier", "notifier", arguments, environment, policy=BACKGROUND)


def ready(url: str) -> bool:
    """Whether the replica at `url` reaches its database and its cache."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
