"""Deadlines: on a clock of our own, through the front door, and down to the database's own statements."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI

from target_app.deadlines import InFlight
from target_app.front_door import Answer, Call, FrontDoor, HotRoute
from target_app.shedding import Overload
from tests.ports import unused_port
from tests.target_app import locks

Eventually = Callable[..., Any]
LIMIT_S = 30.0


def test_only_what_is_overdue_is_cancelled_and_only_once() -> None:
    clock = iter((100.0 + LIMIT_S, 100.5 + LIMIT_S))

    async def run() -> None:
        in_flight = InFlight(LIMIT_S, lambda: next(clock))
        old, young = (asyncio.create_task(asyncio.sleep(60)) for _ in range(2))
        in_flight.since_s = {old: 100.0, young: 101.0}
        for _ in range(2):
            in_flight.cancel_overdue()
            assert (old.cancelling(), young.cancelling()) == (1, 0)
        assert in_flight.was_overdue(old)
        assert old.cancelling() == 0
        assert not in_flight.was_overdue(young)
        young.cancel()
        await asyncio.gather(old, young, return_exceptions=True)

    asyncio.run(run())


async def _hang(_: Call) -> Answer:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


def _framework() -> FastAPI:
    router = APIRouter()

    @router.get("/cold")
    async def cold() -> None:
        await asyncio.sleep(60)

    app = FastAPI()
    app.include_router(router)
    return app


@pytest.mark.parametrize("path", ["/hot", "/cold"])
def test_what_takes_too_long_is_told_so_and_observed(path: str, reason: Callable[[httpx.Response], str]) -> None:
    observed: list[tuple[str, str, int]] = []

    async def run() -> httpx.Response:
        in_flight = InFlight(0.0, time.perf_counter)
        door = FrontDoor(
            _framework(),
            [HotRoute("/hot", _hang, methods=["GET"])],
            lambda method, route, status, _: observed.append((method, route, status)),
            Overload(float("inf"), 0.0),
            in_flight,
        )
        watching = asyncio.create_task(in_flight.watch())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://test") as client:
            answer = await client.get(path)
        watching.cancel()
        assert in_flight.since_s == {}
        return answer

    answer = asyncio.run(run())
    assert (answer.status_code, reason(answer)) == (503, "too-late")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"
    assert observed == [("GET", path, 503)]


def test_what_is_cancelled_for_another_reason_stays_cancelled() -> None:
    """As when the server stops."""

    async def run() -> None:
        door = FrontDoor(
            FastAPI(),
            [HotRoute("/hot", _hang, methods=["GET"])],
            lambda *_: None,
            Overload(float("inf"), 0.0),
            InFlight(LIMIT_S, time.perf_counter),
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://test") as client:
            asking = asyncio.create_task(client.get("/hot"))
            await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(run())


@pytest.fixture(scope="module")
def replica(stack: Any, eventually: Eventually) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """One whose deadline is 2 s. The last test ends it."""
    port = unused_port()
    command = [sys.executable, "-m", "target_app.serve", "--port", str(port)]
    environment = stack.environment() | {"DATABASE_CONNECTIONS": "2", "REQUEST_DEADLINE_S": "2"}
    with subprocess.Popen(command, env=environment) as process:
        try:
            eventually(lambda: is_ready(f"http://127.0.0.1:{port}"))
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_deadline_ends_the_statement_in_the_database(
    stack: Any,
    patient: Any,
    publish: Callable[..., list[str]],
    replica: tuple[subprocess.Popen[bytes], str],
    sql: Callable[..., list[Any]],
    reason: Callable[[httpx.Response], str],
) -> None:
    """Somebody else has locked the slot's row, so that the booking waits for as long as it may."""
    [slot] = publish(1)
    headers = patient.headers(str(uuid4()))

    async def book_in_vain(url: str) -> httpx.Response:
        other = await asyncpg.connect(stack.database_url)
        try:
            async with other.transaction(), httpx.AsyncClient(base_url=url, timeout=30) as client:
                await other.execute("SELECT FROM slots WHERE id = $1 FOR UPDATE", slot)
                booking = asyncio.create_task(client.post("/v1/appointments", json={"slot_id": slot}, headers=headers))
                await locks.until(other, waited_for=True)
                answer = await booking
                await locks.until(other, waited_for=False)  # although the lock stays
                return answer
        finally:
            await other.close()

    _, url = replica
    answer = asyncio.run(book_in_vain(url))
    assert (answer.status_code, reason(answer)) == (503, "too-late")
    assert int(answer.headers["retry-after"]) > 0
    assert sql("SELECT 1 FROM appointments WHERE slot_id = $1", slot) == []
    again = httpx.post(f"{url}/v1/appointments", json={"slot_id": slot}, headers=headers, timeout=30)
    assert again.status_code == 201


def test_the_database_ends_what_a_dead_replica_has_left(
    stack: Any, patient: Any, publish: Callable[..., list[str]], replica: tuple[subprocess.Popen[bytes], str]
) -> None:
    [slot] = publish(1)

    async def die_in_a_booking(process: subprocess.Popen[bytes], url: str) -> None:
        other = await asyncpg.connect(stack.database_url)
        try:
            async with other.transaction(), httpx.AsyncClient(base_url=url, timeout=30) as client:
                await other.execute("SELECT FROM slots WHERE id = $1 FOR UPDATE", slot)
                headers = patient.headers(str(uuid4()))
                booking = asyncio.create_task(client.post("/v1/appointments", json={"slot_id": slot}, headers=headers))
                await locks.until(other, waited_for=True)
                process.kill()
                with pytest.raises(httpx.TransportError):
                    await booking
                await locks.until(other, waited_for=False)
        finally:
            await other.close()

    asyncio.run(asyncio.wait_for(die_in_a_booking(*replica), 60))
