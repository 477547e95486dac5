"""Every scenario's file: who plays, what they do, with which tags. What they do to a real system is in tests/e2e."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slotrush.swarm import SCENARIOS

ROOT = Path(__file__).parents[2]
DAY = {"Patient", "Doctor", "Receptionist"}
PLAYERS = {
    "race": {"Patient"},
    "hot_doctor": {"Patient"},
    "steady_day": DAY,
    "soak": DAY,
    "spike": DAY,
    "staircase": DAY,
    "breakpoint": DAY,
    "search_heavy": {"Patient"},
    "login_storm": {"Newcomer", "Patient"},
    "publish_wave": {"Patient", "Doctor"},
    "waiting_list": {"Patient"},
}


LIST = """
import json, sys
from locust.util.load_locustfile import load_locustfile
print(json.dumps({name: list(load_locustfile(f"locustfiles/{name}.py")[0]) for name in sys.argv[1:]}))
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_locust_finds_the_players_of_every_scenario() -> None:
    listed = run("-c", LIST, *SCENARIOS)

    found = json.loads(listed.stdout or "{}")
    assert {name: set(players) for name, players in found.items()} == PLAYERS, listed.stderr


@pytest.mark.parametrize(
    ("scenario", "options", "code"),
    [
        pytest.param("race", ["--slots", "3", "--drop-window-s", "1"], 0, id="a drop has slots"),
        pytest.param("race", ["--arrivals", "poisson:1"], 2, id="a drop has no arrivals"),
        pytest.param("soak", ["--model", "open", "--arrivals", "poisson:1"], 0, id="who goes on has a load"),
        pytest.param("soak", ["--slots", "3"], 2, id="who goes on has no slots"),
    ],
)
def test_a_scenario_has_the_options_of_its_load(scenario: str, options: list[str], code: int) -> None:
    everybody = ["--sessions", "x", "--seed", "2", "--run-dir", "x", "--adapter", "x", "--metrics-port", "0"]
    given = ["-m", "locust", "-f", f"locustfiles/{scenario}.py", "--headless", "--host", "http://127.0.0.1:1"]

    done = run(*given, *everybody, *options)

    assert done.returncode == 2, done.stderr  # there is no such bank
    assert ("sessions x: it cannot be read" in done.stderr) is (code == 0)
