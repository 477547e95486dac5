"""Workers that the master did not start itself: on other machines, in other networks, or too late."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from slotrush.summary import summarise
from tests.slotrush.swarm.little_clinic import DOCTORS, PATIENTS, LittleClinic, write_bank
from tests.slotrush.swarm.swarming import LIMIT_S, events, live_phase, locust, recorded, wait_for

USERS = PATIENTS + DOCTORS


def works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def clinic() -> Iterator[LittleClinic]:
    with LittleClinic().open() as clinic:
        yield clinic


def master(clinic: LittleClinic, folder: Path, port: int, *more: object) -> list[object]:
    bank = write_bank(folder / "bank.json")
    where = ["--master", "--master-bind-port", port, "--expect-workers", 2, "--run-dir", folder / "run"]
    return [*where, "--headless", "--host", clinic.url, "--sessions", bank, "--users", USERS, *more]


def worker(port: int, host: str = "127.0.0.1") -> list[object]:
    return ["--worker", "--master-host", host, "--master-port", port]


@pytest.mark.long
def test_a_worker_that_comes_too_late_plays_nobody_and_disturbs_nobody(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    run_dir = tmp_path / "run"
    with ExitStack() as ending:
        for name in ("one", "two"):
            ending.enter_context(locust(worker(free_port), tmp_path / f"{name}.log"))
        the_master = ending.enter_context(locust(master(clinic, tmp_path, free_port), tmp_path / "master.log"))
        wait_for(lambda: live_phase(run_dir) == "running")
        ending.enter_context(locust(worker(free_port), tmp_path / "late.log"))
        assert the_master.wait(LIMIT_S) == 0, (tmp_path / "master.log").read_text()

    assert "Traceback" not in "".join((tmp_path / f"{name}.log").read_text() for name in ("master", "one", "late"))
    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "worker-late", "ended", "stopped"]
        assert {name for (name,) in run.execute("SELECT worker FROM generator_health")} == {"worker0", "worker1"}
        assert (
            run.execute(
                "SELECT max(total) FROM (SELECT sum(users) AS total FROM generator_health GROUP BY second)"
            ).fetchone()[0]
            <= USERS
        )
        assert "worker-lost" not in summarise(run).incomplete


@pytest.mark.long
@pytest.mark.skipif(not works("unshare", "-m", "true"), reason="needs mount namespaces, which take root")
def test_a_worker_that_does_not_see_the_masters_disk_sends_its_part(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    """It has the bank in another place, and nothing where the master keeps its record."""
    home, run_dir = tmp_path / "home", tmp_path / "home" / "run"
    home.mkdir()
    bank = write_bank(tmp_path / "elsewhere.json")
    hidden = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {home} && exec "$@"', "sh"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    hidden[-2] = f"TMPDIR={temporary}; export TMPDIR; {hidden[-2]}"
    with ExitStack() as ending:
        far = [*worker(free_port), "--sessions", bank]
        ending.enter_context(locust(far, tmp_path / "far.log", before=hidden))
        ending.enter_context(locust(worker(free_port), tmp_path / "near.log"))
        the_master = ending.enter_context(locust(master(clinic, home, free_port), tmp_path / "master.log"))
        assert the_master.wait(LIMIT_S) == 0, (tmp_path / "master.log").read_text()

    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "ended", "stopped"]
        by_worker = dict(run.execute("SELECT worker, count(*) FROM ledger GROUP BY worker"))
        assert by_worker.keys() == {"worker0", "worker1"}
        assert run.execute("SELECT count(DISTINCT worker) FROM latency").fetchone() == (2,)
    assert list(temporary.iterdir()) == []  # what was sent is not left behind


def test_a_worker_without_its_people_says_so_and_the_swarm_ends(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    far = [*worker(free_port), "--sessions", tmp_path / "nowhere.json"]
    with ExitStack() as ending:
        ending.enter_context(locust(far, tmp_path / "far.log"))
        ending.enter_context(locust(worker(free_port), tmp_path / "near.log"))
        the_master = ending.enter_context(locust(master(clinic, tmp_path, free_port), tmp_path / "master.log"))
        assert the_master.wait(LIMIT_S) == 2, (tmp_path / "master.log").read_text()

    log = (tmp_path / "master.log").read_text()
    assert "cannot take part: sessions" in log
    assert "nowhere.json" in log


CLOCK_AHEAD_S = 0.7
AHEAD = f"""
import time
read_ns, read = time.time_ns, time.time
time.time_ns = lambda: read_ns() + {CLOCK_AHEAD_S * 1e9:.0f}
time.time = lambda: read() + {CLOCK_AHEAD_S}
"""


@pytest.mark.long
def test_a_worker_whose_clock_is_wrong_makes_the_run_invalid(
    tmp_path: Path, clinic: LittleClinic, free_port: int
) -> None:
    ahead = tmp_path / "ahead"
    ahead.mkdir()
    (ahead / "sitecustomize.py").write_text(AHEAD)
    with ExitStack() as ending:
        before = ["env", f"PYTHONPATH={ahead}"]
        ending.enter_context(locust(worker(free_port), tmp_path / "wrong.log", before=before))
        ending.enter_context(locust(worker(free_port), tmp_path / "right.log"))
        the_master = ending.enter_context(locust(master(clinic, tmp_path, free_port), tmp_path / "master.log"))
        assert the_master.wait(LIMIT_S) == 0, (tmp_path / "master.log").read_text()

    with recorded(tmp_path / "run") as run:
        summary = summarise(run)
    right_ms, wrong_ms = sorted(summary.generator.clock_offset_ms.values())
    assert abs(right_ms) < 100
    assert 600 < wrong_ms < 800
    assert any("clocks differ" in reason for reason in summary.measuring_faults)


@contextmanager
def networks(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A network namespace of each name, tied to this one by a cable; yields this end's address and the names."""
    here = f"10.213.{os.getpid() % 250}"
    ip = [shutil.which("ip") or "ip"]
    with ExitStack() as ending:
        bridge = f"srb{os.getpid()}"[:15]
        steps = [["link", "add", bridge, "type", "bridge"], ["addr", "add", f"{here}.1/24", "dev", bridge]]
        ending.callback(subprocess.run, [*ip, "link", "del", bridge], capture_output=True, check=False)
        steps.append(["link", "set", bridge, "up"])
        for number, name in enumerate(names):
            near, far = f"srn{number}{os.getpid()}"[:15], f"srf{number}{os.getpid()}"[:15]
            ending.callback(subprocess.run, [*ip, "netns", "del", name], capture_output=True, check=False)
            steps += [
                ["netns", "add", name],
                ["link", "add", near, "type", "veth", "peer", "name", far],
                ["link", "set", near, "master", bridge, "up"],
                ["link", "set", far, "netns", name],
                ["-n", name, "addr", "add", f"{here}.{number + 2}/24", "dev", far],
                ["-n", name, "link", "set", far, "up"],
                ["-n", name, "link", "set", "lo", "up"],
            ]
        for step in steps:
            subprocess.run([*ip, *step], check=True, capture_output=True)
        yield f"{here}.1", names


def may_make_networks() -> bool:
    name = f"slotrush-probe-{os.getpid()}"
    if not works("ip", "netns", "add", name):
        return False
    works("ip", "netns", "del", name)
    return works("ip", "link", "add", name[:15], "type", "veth") and works("ip", "link", "del", name[:15])


@pytest.mark.long
@pytest.mark.skipif(not may_make_networks(), reason="needs network namespaces, which take root and iproute2")
def test_workers_in_networks_of_their_own_play_one_swarm(tmp_path: Path, free_port: int) -> None:
    run_dir = tmp_path / "run"
    with ExitStack() as ending:
        address, names = ending.enter_context(networks([f"slotrush-{os.getpid()}-{k}" for k in range(2)]))
        clinic = ending.enter_context(LittleClinic(address).open())
        allowed = tmp_path / "targets.toml"
        allowed.write_text(f'[[target]]\nurl = "{clinic.url}"\n')
        for name in names:
            inside = ["ip", "netns", "exec", name]
            ending.enter_context(locust(worker(free_port, address), tmp_path / f"{name}.log", before=inside))
        arguments = master(clinic, tmp_path, free_port, "--allow-list", allowed)
        the_master = ending.enter_context(locust(arguments, tmp_path / "master.log"))
        assert the_master.wait(LIMIT_S) == 0, (tmp_path / "master.log").read_text()

    with recorded(run_dir) as run:
        assert events(run) == ["connect", "connected", "start", "ended", "stopped"]
        assert run.execute("SELECT sum(bad), count(DISTINCT worker) FROM latency").fetchone() == (0, 2)
    assert json.loads((run_dir / "live.json").read_text())["connected"] == USERS
