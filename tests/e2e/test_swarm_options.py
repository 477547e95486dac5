"""What a swarm can be asked for: steps, tags, a file of one's own; and the same by plain Locust."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.runs import record
from tests.e2e.swarms import DOCTORS, LIMIT_S, ROOT, STAFF, swarm


@pytest.mark.long
def test_a_breakpoint_ends_at_the_step_that_breaks_an_objective_and_names_it(
    tmp_path: Path, environment: dict[str, str], clinic: list[str]
) -> None:
    """With so few users, arrivals are dropped long before the target is at its limit."""
    load = "constant:5@3s,constant:2000@3s,constant:10@60s"

    ran = swarm(tmp_path, environment, "breakpoint", "-u", DOCTORS + STAFF + 12, *clinic, "--arrivals", load)

    (broken,) = ran.details("broken")
    assert broken["rate_per_s"] == 2000
    assert "dropped-arrivals" in broken["objectives"]
    assert [step["rate_per_s"] for step in ran.details("step")] == [5, 2000]
    due, dropped = ran.arrivals
    assert dropped > due / 100
    assert ran.summary["dropped_arrivals"] == dropped


@pytest.mark.long
def test_tags_choose_the_tasks(tmp_path: Path, environment: dict[str, str], clinic: list[str]) -> None:
    quick = ["-t", "3s", "--think-time", "exponential:0.3"]

    ran = swarm(tmp_path, environment, "soak", "-u", 40, *clinic, *quick, "--tags", "records,none")

    assert ran.failures == {}
    assert {"GET /v1/records", "GET /v1/prescriptions"} <= ran.endpoints
    assert not {"GET /v1/doctors/{id}/agenda", "POST /v1/appointments"} & ran.endpoints


MINE = """
from locust import task
from locustfiles.people import BookingUser, preflight
from slotrush.swarm.locust_events import install
from slotrush.swarm.scenario import Scenario

class Visitor(BookingUser):
    @task
    def look(self):
        self.booking.agenda(self.one_of(self.course.doctor_ids))

install(Scenario("mine", "just looking", "closed", users=20, run_time_s=3, think="exponential:0.3"), preflight)
"""


@pytest.mark.long
def test_a_locustfile_of_ones_own_is_played_by_its_path_as_its_scenario_says(
    tmp_path: Path, environment: dict[str, str], clinic: list[str]
) -> None:
    (tmp_path / "mine.py").write_text(MINE)

    ran = swarm(tmp_path, environment, "mine.py", *clinic)

    assert ran.code == 3, ran.output
    assert ran.folder.name.startswith("mine-")
    assert (ran.failures, ran.summary["scenario"]) == ({}, "mine")
    assert (ran.summary["patients"], ran.summary["options"]["run_time_s"]) == (20, 3)
    assert ran.endpoints == {"GET /v1/me", "GET /v1/doctors/{id}/agenda"}


def test_plain_locust_plays_a_scenario(tmp_path: Path, environment: dict[str, str], clinic: list[str]) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "soak.py"), "--headless", *clinic]
    command += ["-u", "40", "-t", "3s", "--think-time", "exponential:0.3", "--run-dir", str(tmp_path / "run")]

    played = subprocess.run(
        command,
        env=environment | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert played.returncode == 0, played.stderr
    with closing(record.open_finished(tmp_path / "run")) as run:
        assert run.execute("SELECT sum(good) > 40, sum(bad + refused) FROM latency").fetchone() == (1, 0)
