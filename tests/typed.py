"""The command line, typed into this process: what a process of its own does, without the second its imports take."""

import contextlib
import subprocess
from pathlib import Path

from typer.testing import CliRunner

from slotrush.cli import app

COLUMNS = "120"


def typed(*arguments: object, cwd: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """In the folder `cwd`. A variable that is None is not set; an error that is not told to the user is raised."""
    environment = {"COLUMNS": COLUMNS} | variables
    with contextlib.chdir(cwd):
        words = [str(argument) for argument in arguments]
        result = CliRunner().invoke(app, words, env=environment, catch_exceptions=False)
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)
