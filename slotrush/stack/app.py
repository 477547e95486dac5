"""The booking system's own processes: migration, replicas, notifier, the worker on medical records."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush import REPOSITORY
from slotrush.stack.ports import HOST
from slotrush.stack.process import BACKGROUND, Command

_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True)
class Code:
    """The folder that holds the booking system's package, and the interpreter with what it needs."""

    tree: Path
    python: str

    def module(self, name: str, *arguments: str) -> list[str]:
        """What runs a module of it, from its folder."""
        return [self.python, "-m", name, *arguments]


OURS: Final = Code(REPOSITORY, sys.executable)


def environment(**variables: str) -> dict[str, str]:
    """Ours, with what configures the booking system: its only interface besides the command line."""
    return {**os.environ, **variables}


def customised(folder: Path) -> dict[str, str]:
    """What has Python import the `sitecustomize` of this folder by itself when a process starts."""
    folders = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(folders)}


def migrate(environment: Mapping[str, str], code: Code = OURS) -> Command:
    return Command("app", "migrate", code.module("target_app.migrate"), environment, folder=code.tree)


def replica(
    number: int, port: int, unix_socket: Path | None, environment: Mapping[str, str], code: Code = OURS
) -> Command:
    """Listens on a port for whoever asks it directly, and on a Unix socket for the proxies when one is given."""
    arguments = code.module("target_app.serve", "--host", HOST, "--port", str(port))
    if unix_socket is not None:
        arguments += ["--uds", str(unix_socket)]
    return Command("app", f"app-{number}", arguments, environment, folder=code.tree)


def notifier(environment: Mapping[str, str], code: Code = OURS) -> Command:
    arguments = code.module("target_app.notifications.worker")
    return Command("notifier", "notifier", arguments, environment, folder=code.tree, policy=BACKGROUND)


def images(environment: Mapping[str, str], code: Code = OURS) -> Command:
    arguments = code.module("target_app.records.worker")
    return Command("images", "images", arguments, environment, folder=code.tree, policy=BACKGROUND)


def ready(url: str) -> bool:
    """Whether the replica at `url` reaches its database."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
