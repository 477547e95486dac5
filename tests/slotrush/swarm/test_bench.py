"""The benchmark runs; what it finds is for people to read."""

import subprocess
import sys


def test_the_benchmark_shows_the_race_beside_a_bare_user() -> None:
    command = [sys.executable, "-m", "slotrush.swarm.bench", "--seconds", "0.2", "--rounds", "1", "--users", "5"]

    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    lines = finished.stdout.splitlines()
    assert [line[:24].strip() for line in lines] == ["bare FastHttpUser, GET", "agenda read", "booking attempt"]
    assert lines[0].endswith("1.00 of bare")
