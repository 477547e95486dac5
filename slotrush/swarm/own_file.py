"""The scenario of a locustfile of somebody's own, read by a process of its own: Locust patches whoever imports it.

`python -m slotrush.swarm.own_file FILE` prints it, or what is wrong with the file.
"""

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Final, get_args

from slotrush import REPOSITORY
from slotrush.errors import EXIT_BAD_INPUT, BadInputError
from slotrush.swarm.process import COMPLAINT
from slotrush.swarm.scenario import Model, Scenario

READ_LIMIT_S: Final = 60.0
"""Importing Locust takes a second; a file that loads data of its own may take some more."""


def scenario_of(path: Path) -> Scenario:
    """What the file gives to `install`. Raises BadInputError for a file that cannot be imported, or installs none."""
    try:
        read = subprocess.run(
            [sys.executable, "-m", __name__, str(path.resolve())],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READ_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"it could not be imported within {READ_LIMIT_S:.0f} s"
        raise BadInputError(f"locustfile {path}", problem, "Do slow things in the users, not on import") from error
    if read.returncode:
        lines = [line for line in read.stderr.splitlines() if line.strip()] or [f"it ended with {read.returncode}"]
        problem = lines[-1].removeprefix(COMPLAINT)
        raise BadInputError(f"locustfile {path}", problem, "See docs/scenarios.md for how to write one")
    return Scenario(**json.loads(read.stdout))


def main(path: str) -> int:
    from locust.util.load_locustfile import load_locustfile  # noqa: PLC0415

    from slotrush.swarm.locust_events import installed  # noqa: PLC0415

    with redirect_stdout(sys.stderr):
        load_locustfile(path)
    if not installed:
        print(f"{COMPLAINT}it has no 'install(Scenario(…), preflight)', as its last line should be", file=sys.stderr)
        return EXIT_BAD_INPUT
    scenario = installed[-1]
    if scenario.model not in get_args(Model):
        print(f"{COMPLAINT}its Scenario has the model {scenario.model!r}, not drop, closed or open", file=sys.stderr)
        return EXIT_BAD_INPUT
    print(json.dumps(asdict(scenario)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
