"""The benchmark of the gate: what it plants, and its table."""

import subprocess
import sys
from pathlib import Path

from slotrush.bench.gate import Trial, table
from slotrush.bench.plant import planted
from slotrush.gate.verdict import Outcome

APP = """
import asyncio, sys, time
import uvicorn

async def app(scope, receive, send):
    pass

config = uvicorn.Config(app)
config.load()

def cost(method, path):
    began = time.process_time()
    asyncio.run(config.loaded_app({"type": "http", "method": method, "path": path}, None, None))
    return time.process_time() - began

cost("GET", "/")  # the first is dearer than any other
print(cost("POST", "/v1/appointments") > 10 * cost("GET", "/v1/doctors"))
"""
SLOWDOWN_NS = 50_000_000


def costly(module: str, settings: dict[str, str], folder: Path) -> bool:
    """Whether a booking costs much more than a read in a process that was started as `module`."""
    (folder / "target_app").mkdir(exist_ok=True)
    (folder / "target_app" / "__init__.py").touch()
    (folder / f"{module.replace('.', '/')}.py").write_text(APP)
    finished = subprocess.run(
        [sys.executable, "-m", module], cwd=folder, env=settings, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip() == "True"


def test_a_plant_slows_the_bookings_of_replicas_and_nothing_else(tmp_path: Path) -> None:
    with planted(tmp_path / "slowdown") as plant:
        plant.set(SLOWDOWN_NS)
        assert costly("target_app.serve", plant.settings, tmp_path)
        assert not costly("target_app.worker", plant.settings, tmp_path)
        assert not costly("target_app.serve", {}, tmp_path)


def test_the_table_has_the_rates_of_both_kinds() -> None:
    done = [
        Trial(0.1, 0.099, Outcome.FAIL, 40, 1.1, ("app-cpu-bookings",), 30.0),
        Trial(0.1, 0.101, Outcome.UNDECIDED, 120, 1.06, (), 90.0),
        Trial(0.0, 0.0, Outcome.PASS, 60, 1.0, (), 50.0),
    ]
    lines = table(done)
    assert lines[2] == "| nothing | 0.0% | 1 | 0 | 1 | 0 | 1.000 | 60 | 50 |"
    assert lines[3] == "| 10% slower bookings | 10.0% | 2 | 1 | 0 | 1 | 1.080 | 80 | 60 |"
