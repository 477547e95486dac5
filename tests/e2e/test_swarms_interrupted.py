"""Whoever interrupts a swarm gets the audited record of what there was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.swarms import LIMIT_S, ROOT, Ran


@pytest.mark.long
@pytest.mark.parametrize("moment", [pytest.param("connecting", marks=pytest.mark.long), "running"])
def test_a_swarm_that_is_interrupted_leaves_an_audited_record(
    tmp_path: Path, environment: dict[str, str], moment: str
) -> None:
    options = ["-u", "150", "-r", "40" if moment == "connecting" else "500", "--doctors", "10", "--slots", "200"]
    options += ["-t", "10m", "--think-time", "exponential:0.3", "--proxies", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "slotrush", "swarm", "soak", *options, "--results", str(tmp_path)],
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for_phase(tmp_path, moment)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=LIMIT_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    ran = Ran(130, output, next(tmp_path.glob("*/")))
    assert ran.summary["interrupted"] is True
    assert ran.summary["audit"]["clean"] is True
    assert ran.failures == {}
    if moment == "running":
        assert ran.summary["audit"]["checked"]["lost_acknowledged"] > 0
    assert (ran.folder / "report.html").exists()


def wait_for_phase(results: Path, phase: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not any(json.loads(live.read_text())["phase"] == phase for live in results.glob("*/live.json")):
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.05)
