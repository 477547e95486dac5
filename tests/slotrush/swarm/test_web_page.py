"""Swarms that are started and stopped on Locust's own web page, one after the other."""

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slotrush.swarm.start import Swarm, SwarmOptions
from tests.slotrush.swarm.little_clinic import LOCUSTFILE, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import events, forked, little_plan, live_phase, locust, over, recorded, wait_for


@pytest.fixture
def clinic() -> Iterator[LittleClinic]:
    with LittleClinic().open() as clinic:
        yield clinic


@dataclass
class Page:
    """What a browser asks of the page."""

    url: str

    def ask(self, path: str, **form: object) -> Any:
        body = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"{self.url}{path}", body, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    @property
    def state(self) -> str:
        try:
            return str(self.ask("/stats/requests")["state"])
        except OSError:
            return ""

    @property
    def requests(self) -> int:
        return int(self.ask("/stats/requests")["stats"][-1]["num_requests"])

    @property
    def workers(self) -> int:
        return len(self.ask("/stats/requests")["workers"])

    def start(self, **form: object) -> None:
        assert self.ask("/swarm", **{"user_count": 15, "spawn_rate": 100} | form)["success"]


@contextmanager
def page(clinic: LittleClinic, folder: Path, port: int, processes: int, *more: object) -> Iterator[Page]:
    options = ["--host", clinic.url, "--sessions", write_bank(folder / "bank.json"), "--web-port", port, *more]
    options += ["--web-host", "127.0.0.1", *forked(processes)]
    with locust(options, folder / "log"):
        found = Page(f"http://127.0.0.1:{port}")
        wait_for(lambda: found.state == "ready" and (not processes or found.workers == processes))
        yield found


@pytest.mark.long
@pytest.mark.parametrize("processes", [0, 2], ids=["one process", "two workers"])
def test_one_swarm_may_follow_another(tmp_path: Path, clinic: LittleClinic, free_port: int, processes: int) -> None:
    with page(clinic, tmp_path, free_port, processes, "--metrics-port", 0) as shown:
        for _ in range(2):
            shown.start()
            wait_for(lambda: shown.state == "running" and shown.requests > 40)
            assert shown.ask("/stop", now=1)["success"]
            wait_for(lambda: shown.state in ("stopped", "ready"))
            asked = clinic.asked
            assert shown.requests > 40
        assert clinic.asked == asked

    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log, log


@pytest.mark.long
def test_a_swarm_ends_by_itself_and_by_our_clock(tmp_path: Path, clinic: LittleClinic, free_port: int) -> None:
    """Locust's begins with the first user, before the others have connected."""
    clinic.answers_after_s = 1.5
    with page(clinic, tmp_path, free_port, 0, "--run-dir", tmp_path / "run") as shown:
        shown.start(run_time="3s")
        wait_for(lambda: live_phase(tmp_path / "run") == "running")
        clinic.answers_after_s = 0.0
        wait_for(lambda: shown.state == "stopped")

    with recorded(tmp_path / "run") as run:
        assert events(run) == ["connect", "connected", "start", "ended", "stopped"]
        (start_us,), (ended_us,) = run.execute(
            "SELECT at_us FROM events WHERE name IN ('start', 'ended') ORDER BY at_us"
        ).fetchall()
        assert ended_us - start_us == 3_000_000


@pytest.mark.long
def test_what_cannot_be_played_is_refused_and_the_page_stays(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    with page(clinic, tmp_path, free_port, 2) as shown:
        shown.start(user_count=500)
        wait_for(lambda: "has 12 patients" in (tmp_path / "log").read_text())
        shown.start()
        wait_for(lambda: shown.state == "running" and shown.requests > 40)


@pytest.mark.long
def test_the_number_of_users_is_settled_at_the_start(tmp_path: Path, clinic: LittleClinic, free_port: int) -> None:
    with page(clinic, tmp_path, free_port, 2) as shown:
        shown.start(user_count=10, run_time="90s")
        wait_for(lambda: shown.state == "running" and shown.requests > 40)
        shown.start(user_count=15, run_time="90s")
        wait_for(lambda: "10 users play to the end" in (tmp_path / "log").read_text())
        requests = shown.requests
        wait_for(lambda: shown.requests > requests + 40)
        assert shown.ask("/stats/requests")["user_count"] == 10

    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.long
def test_a_run_that_shows_the_page_ends_with_its_swarm(tmp_path: Path, clinic: LittleClinic, free_port: int) -> None:
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), tmp_path / "run", run_time_s=4.0)
    swarm = Swarm(SwarmOptions(LOCUSTFILE, plan, web_port=free_port))
    try:
        swarm.start()
        wait_for(lambda: Page(f"http://127.0.0.1:{free_port}").state == "running")
        assert over(swarm) == 0, swarm.log_end()
    finally:
        swarm.stop(grace_s=10)


def test_a_swarm_with_a_page_that_is_stopped_there_is_over(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    """Nothing could follow in the folder of its record."""
    run_dir = tmp_path / "run"
    plan = little_plan(clinic.url, write_bank(tmp_path / "bank.json"), run_dir, run_time_s=600.0)
    swarm = Swarm(SwarmOptions(LOCUSTFILE, plan, web_port=free_port))
    try:
        swarm.start()
        wait_for(lambda: live_phase(run_dir) == "running")
        with suppress(OSError, http.client.HTTPException):  # the page may be gone before it has answered
            Page(f"http://127.0.0.1:{free_port}").ask("/stop", now=1)
        assert over(swarm) == 0, swarm.log_end()
    finally:
        swarm.stop(grace_s=30)

    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "stopped"]
