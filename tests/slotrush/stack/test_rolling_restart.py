"""Replicas come and go while patients ask, and nobody is told anything but the answer."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from slotrush.bench.driver import Answer, opened
from slotrush.bench.requests import Requests
from slotrush.bench.scene import Scene, scene

pytestmark = pytest.mark.long  # test_replicas.py has replicas come and go for each change
RATE_PER_S = 150.0
CONNECTIONS = 64
PART_S = 1.0
READS_PER_BOOKING = 4
SLOTS = 10_000


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Scene, Requests]]:
    with scene(patients=41, doctors=41, replicas=2) as running:
        requests = Requests(running)
        asyncio.run(requests.publish(SLOTS))
        yield running, requests


async def ask_until(changed: threading.Event, running: Scene, requests: Requests) -> list[Answer]:
    """The answers to agenda reads and bookings at a constant rate, from now until some time after `changed`."""
    answers: list[Answer] = []
    bookings = int(PART_S * RATE_PER_S / (1 + READS_PER_BOOKING))
    last = False
    while not last:
        last = changed.is_set()
        mixed: list[bytes] = []
        for booking in requests.bookings(bookings):
            mixed += [booking, *requests.agendas(READS_PER_BOOKING)]
        answers += await opened(running.urls.base_url, mixed, RATE_PER_S, CONNECTIONS)
    return answers


@pytest.mark.parametrize("change", ["restart", "scale-in"])
def test_no_request_is_lost(running: tuple[Scene, Requests], change: str) -> None:
    stack = running[0].stack
    changes: dict[str, Callable[[], None]] = {
        "restart": stack.restart_replicas,
        "scale-in": lambda: stack.scale_to(1),
    }
    before = len(stack.replicas.processes()), set(stack.pids()["app"])
    changed = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(lambda: asyncio.run(ask_until(changed, *running)))
        try:
            changes[change]()
        finally:
            changed.set()
    after = len(stack.replicas.processes()), set(stack.pids()["app"])
    assert (before[0], after[0], len(before[1] & after[1])) == {"restart": (2, 2, 0), "scale-in": (2, 1, 1)}[change]
    statuses = Counter(answer.status for answer in asking.result())
    assert set(statuses) == {200, 201}
    assert statuses[200] == READS_PER_BOOKING * statuses[201]
    stack.check()
