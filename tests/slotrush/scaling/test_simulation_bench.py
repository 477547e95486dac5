"""scripts/bench-simulate, on few patients."""

import subprocess
import sys


def test_it_prints_what_a_simulation_takes_and_ends_well() -> None:
    command = [sys.executable, "-m", "slotrush.scaling.bench", "--patients", "2000"]

    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("2,000") == 2
    assert "100.00%" in finished.stdout
