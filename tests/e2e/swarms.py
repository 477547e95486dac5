"""Runs of `slotrush swarm` for tests, and what their folders tell."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotrush.swarm.load import parse_arrivals

ROOT = Path(__file__).parents[2]
LIMIT_S = 150
DOCTORS = 10
STAFF = 2
MIX = {"GET /v1/doctors", "GET /v1/doctors/{id}/agenda", "GET /v1/appointments"}
"""What every clinic's day asks for."""
SHED = {"POST /v1/sessions"}
"""Where the system turns people away when too many come at once, as it should."""


@dataclass
class Ran:
    """A run that is over, as its folder tells of it."""

    code: int
    output: str
    folder: Path

    @property
    def summary(self) -> Any:
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def endpoints(self) -> set[str]:
        return set(self.summary["requests"])

    @property
    def failures(self) -> dict[str, tuple[int, int]]:
        counts = {name: (one["bad"], one["refused"]) for name, one in self.summary["requests"].items()}
        return {name: failed for name, failed in counts.items() if any(failed)}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "run.sqlite")) as run:
            return run.execute(sql).fetchall()

    def details(self, event: str) -> list[Any]:
        return [json.loads(detail) for (detail,) in self.rows(f"SELECT detail FROM events WHERE name = '{event}'")]

    @property
    def arrivals(self) -> tuple[int, int]:
        """How many were due, and how many of those never started."""
        ((due, dropped),) = self.rows("SELECT sum(arrivals), sum(dropped) FROM generator_health")
        return due, dropped


def swarm(folder: Path, environment: dict[str, str], *options: object) -> Ran:
    finished = subprocess.run(
        [sys.executable, "-m", "slotrush", "swarm", *map(str, options), "--results", "results"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    output = finished.stdout + finished.stderr
    folders = list((folder / "results").glob("*/"))
    assert len(folders) == 1, output
    return Ran(finished.returncode, output, folders[0])


def went_well(ran: Ran, endpoints: set[str], options: list[object]) -> None:
    """On a system that runs already, whose stores nobody could look into."""
    assert ran.code == 3, ran.output
    assert set(ran.summary["incomplete"]) == {"no-snapshot", "no-audit"}
    assert ran.failures.keys() <= SHED
    assert sum(bad for bad, _ in ran.failures.values()) == 0
    assert endpoints <= ran.endpoints
    if "--arrivals" in options:
        spec = str(options[options.index("--arrivals") + 1])
        load = parse_arrivals(spec, 3.0 if "-t" in options else None)
        due, dropped = ran.arrivals
        assert due == len(list(load.offsets_us(seed=1)))
        assert dropped <= due // 100, "those that are due at the very end may not be let in any more"
        assert [step["rate_per_s"] for step in ran.details("step")] == [step.rate_per_s for step in load.steps()]
    else:
        assert ran.arrivals == (0, 0)


def was_audited(ran: Ran, endpoints: set[str]) -> None:
    """On a stack of its own."""
    assert ran.summary["audit"]["clean"] is True, ran.output
    assert ran.summary["audit"]["checked"]["lost_acknowledged"] > 0
    assert ran.summary["incomplete"] == []
    assert ran.failures == {}
    assert endpoints <= ran.endpoints
