"""One replica as a process: its end, and its metrics over several workers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from slotrush.bench.wiretap import Wiretap
from target_app.readiness import FRESH_S

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

        eventually(lambda: counted() == 40.0)  # a request is counted once its answer has gone
        assert {counted() for _ in range(6)} == {40.0}


@pytest.mark.parametrize("task", ["agenda.feed.Feed._look", pytest.param("reads.Reads._tell", marks=pytest.mark.long)])
def test_a_replica_whose_memory_would_grow_old_ends(stack: Any, free_port: int, task: str) -> None:
    """A bug in what keeps it up to date, for which nobody waits."""
    module, _, method = f"target_app.{task}".rpartition(".")
    module, _, kind = module.rpartition(".")
    code = f"import {module}\n{module}.{kind}.{method} = lambda *_: 1 / 0\nfrom target_app.serve import main\nmain()"
    environment = stack.environment() | {"DATABASE_CONNECTIONS": "2", "DATABASE_READ_URL": stack.database_url}
    with subprocess.Popen(
        [sys.executable, "-c", code, "--port", str(free_port)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert "failed, this replica ends" in said
    assert "ZeroDivisionError" in said


def test_a_database_that_is_away_is_no_bug(
    stack: Any, patient: Any, doctor: Any, free_port: int, reason: Callable[[httpx.Response], str]
) -> None:
    async def ask() -> list[httpx.Response]:
        async with Wiretap(stack.database_url) as tap:
            environment = stack.environment() | {"DATABASE_CONNECTIONS": "2", "DATABASE_URL": tap.url}
            environment.pop("DATABASE_READ_URL", None)
            command = [sys.executable, "-m", "target_app.serve", "--port", str(free_port)]
            process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.PIPE)
            url = f"http://127.0.0.1:{free_port}"
            while await asyncio.to_thread(answers, f"{url}/readyz") != 200:
                await asyncio.sleep(0.05)
        try:
            async with httpx.AsyncClient(base_url=url, headers=patient.headers(str(uuid4())), timeout=30) as client:
                asked = [
                    await client.get(f"/v1/doctors/{doctor.id}/agenda"),
                    await client.get("/v1/appointments"),
                    await client.post("/v1/appointments", json={"slot_id": str(uuid4())}),
                ]
                await asyncio.sleep(FRESH_S)  # for so long it was ready a moment ago
                asked.append(await client.get("/readyz"))
        finally:
            process.terminate()
            said.append((await process.communicate())[1].decode())
        return asked

    said: list[str] = []
    *asked, ready = asyncio.run(ask())
    assert [(each.status_code, reason(each)) for each in asked] == [(503, "database-away")] * 3
    assert all(int(each.headers["retry-after"]) for each in asked)
    assert (ready.status_code, reason(ready)) == (503, "not-ready")
    assert "detail" not in ready.json()
    assert "the database is away" in said[0]
    assert "not ready: " in said[0]
    assert " failed\n" not in said[0]


def test_a_missing_setting_is_named() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    command = [sys.executable, "-m", "target_app.serve", "--port", "1"]
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert failed.returncode == 1
    assert "DATABASE_URL is not set" in failed.stderr
