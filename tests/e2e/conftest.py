"""The command line, run as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Slotrush = Callable[..., subprocess.CompletedProcess[str]]
UNSET = ("DATABASE_URL", "REDIS_URL")


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET} | {"COLUMNS": "120"}


@pytest.fixture
def slotrush(tmp_path: Path, environment: dict[str, str]) -> Slotrush:
    """Run a command in a folder of its own and wait for its end."""

    def slotrush(*arguments: object, timeout_s: float = 180, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "slotrush", *map(str, arguments)],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return slotrush
