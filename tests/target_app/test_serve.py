"""One replica as a process: its end, and its metrics over several workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

Eventually = Callable[..., Any]


def answers(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return None


@contextmanager
def replica(stack: Any, port: int, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    command = [sys.executable, "-m", "target_app.serve", "--port", str(port), *options]
    process = subprocess.Popen(command, env=stack.environment() | {"DATABASE_CONNECTIONS": "2"})
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_draining_replica_is_not_ready_but_serves_on(
    stack: Any, patient: Any, free_port: int, eventually: Eventually
) -> None:
    with replica(stack, free_port, "--drain-s", "30") as (process, url):
        eventually(lambda: answers(f"{url}/readyz") == 200)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: answers(f"{url}/readyz") == 503)
        assert answers(f"{url}/livez") == 200
        assert httpx.get(f"{url}/v1/doctors", headers=patient.headers()).status_code == 200
        assert process.poll() is None
        process.kill()


def test_a_replica_ends_once_it_has_drained(stack: Any, free_port: int, eventually: Eventually) -> None:
    with replica(stack, free_port) as (process, url):
        eventually(lambda: answers(f"{url}/readyz") == 200)
        process.terminate()
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_metrics_are_those_of_all_workers(stack: Any, patient: Any, free_port: int, eventually: Eventually) -> None:
    with replica(stack, free_port, "--workers", "2") as (_, url):
        eventually(lambda: answers(f"{url}/readyz") == 200)
        for _ in range(40):  # each a new connection, so that both workers get some
            assert httpx.get(f"{url}/v1/doctors", headers=patient.headers()).status_code == 200

        def counted() -> float:
            counter = 'http_requests_total{method="GET",route="/v1/doctors",status="200"}'
            lines = httpx.get(f"{url}/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith(counter))

        assert {counted() for _ in range(6)} == {40.0}


def test_a_missing_setting_is_named() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    command = [sys.executable, "-m", "target_app.serve", "--port", "1"]
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert failed.returncode == 1
    assert "DATABASE_URL is not set" in failed.stderr
