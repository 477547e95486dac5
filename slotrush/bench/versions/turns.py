"""One turn of one version: the same requests each time, one after the other, and what they cost its processes.

One connection asks: with several at once, how many requests a replica finds waiting when it wakes depends on whatever
else the machine does, and the CPU of a request on that.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from slotrush.accounting.procfs import read_pages, read_pss
from slotrush.bench.app import cpu_ns
from slotrush.bench.driver import Answer
from slotrush.bench.requests import Requests, expect_all
from slotrush.bench.scene import Scene, tapped
from slotrush.compare import Figure, Unit

READS, BOOKINGS, CANCELS = 200, 100, 50
"""Requests of a turn. Reads are half agendas and half searches; what is cancelled was booked in the same turn."""
TAPPED: Final = 40
"""Requests of each class over which statements are counted."""
PERCENTILES: Final = ((50, 0.25), (90, 0.5))
"""Of the response times within a turn, each with its minimum effect."""
CPU_EFFECTS: Final = {"app": 0.05, "postgres": 0.1}
"""Minimum effects. PostgreSQL's own chores fall into some turns and not into others, which makes it noisier."""
CLASSES: Final = {"bookings": "bookings", "reads": "reads", "other-writes": "cancellations"}
MEMORY: Final = Figure("memory", "Memory per replica", Unit.MEMORY, 0.1)
# A statement more in one of ten requests; less can be what a replica asks by itself meanwhile.
STATEMENTS: Final = {
    name: Figure(f"statements-{name}", f"SQL statements of {title}", Unit.STATEMENTS, 0.1, is_portable=True)
    for name, title in CLASSES.items()
}
CPU: Final = {
    (component, name): Figure(f"{component}-cpu-{name}", f"CPU of {component} for {title}", Unit.CPU, effect)
    for name, title in CLASSES.items()
    for component, effect in CPU_EFFECTS.items()
    if (component, name) != ("postgres", "reads")  # the replicas answer these from memory
}
TIMES: Final = {
    (percent, name): Figure(f"p{percent}-{name}", f"p{percent} of {title}", Unit.TIME, effect)
    for name, title in CLASSES.items()
    for percent, effect in PERCENTILES
}

Measured = dict[Figure, float]


@dataclass(frozen=True)
class _Work:
    """Requests of one class that are asked one after the other, and the status that each must get."""

    name: str
    requests: Sequence[bytes]
    status: int


@contextmanager
def quiet(scene: Scene) -> Iterator[Scene]:
    """The scene while its notifier stands still: the e-mails of one version would be sent in the other's turns."""
    pids = scene.stack.pids()["notifier"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield scene
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


class Side:
    """One version's stack, which is there all the time and works when it is its turn. Its replicas take turns too."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._requests = Requests(scene)
        self._replicas = scene.stack.pids()["app"]
        self._postgres = scene.stack.pids()["postgres"][0]

    @property
    def replicas(self) -> int:
        return len(self._replicas)

    async def prepare(self, turns: int) -> None:
        """Publish what so many turns need."""
        await self._requests.publish(turns * BOOKINGS + 2 * TAPPED)

    async def turn(self, number: int) -> Measured:
        """Everything that a turn of the replica `number` tells."""
        at = number % self.replicas
        url, pid = self._scene.urls.replica_urls[at], self._replicas[at]
        found: Measured = {}
        await self._work(url, pid, _Work("reads", self._reads(READS), 200), found)
        booked = await self._work(url, pid, _Work("bookings", self._requests.bookings(BOOKINGS), 201), found)
        cancels = self._requests.cancellations(booked[:CANCELS])
        await self._work(url, pid, _Work("other-writes", cancels, 200), found)
        found[MEMORY] = _memory_bytes(pid)
        return found

    async def statements(self) -> dict[str, int]:
        """How many statements TAPPED requests of each class are, counted on the wire of a replica of its own."""
        async with tapped(self._scene) as (url, tap):
            counts: dict[str, int] = {}
            for is_warm in (False, True):  # first, the connection prepares its statements
                booked: list[Answer] = []
                for name in CLASSES:
                    before = tap.statements
                    if name == "bookings":
                        booked = await expect_all(url, self._requests.bookings(TAPPED), 201, connections=1)
                    elif name == "reads":
                        await expect_all(url, self._reads(TAPPED), 200, connections=1)
                    else:
                        await expect_all(url, self._requests.cancellations(booked), 200, connections=1)
                    if is_warm:
                        counts[name] = tap.statements - before
            return counts

    def _reads(self, amount: int) -> list[bytes]:
        return [*self._requests.agendas(amount // 2), *self._requests.searches(amount // 2)]

    async def _work(self, url: str, pid: int, work: _Work, found: Measured) -> list[Answer]:
        app, postgres = {pid: cpu_ns(pid)}, family_cpu_ns(self._postgres)
        answers = await expect_all(url, work.requests, work.status, connections=1)
        spent_ns = {
            "app": grown_ns(app, {pid: cpu_ns(pid)}),
            "postgres": grown_ns(postgres, family_cpu_ns(self._postgres)),
        }
        for (component, name), figure in CPU.items():
            if name == work.name:
                found[figure] = max(spent_ns[component], 1) / len(answers) / 1e3
        times_ms = [answer.response_ms for answer in answers]
        for (percent, name), figure in TIMES.items():
            if name == work.name:
                found[figure] = float(np.percentile(times_ms, percent))
        return answers


def family_cpu_ns(root: int) -> dict[int, int]:
    """CPU of a process and of each of its living children, by pid."""
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    found = {}
    for pid in (root, *map(int, children)):
        with suppress(OSError):  # it ended meanwhile
            found[pid] = cpu_ns(pid)
    return found


def grown_ns(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """CPU between two looks, of the processes that were there at both: a server's chores come and go."""
    return sum(after[pid] - before[pid] for pid in before.keys() & after.keys())


def turn_numbers(pair: int) -> tuple[int, tuple[int, int]]:
    """Which replicas a pair is about, and who goes first: A B B A B A A B, and then the same of the next replica.

    A turn that follows one of the same process finds its caches warm and is some percent cheaper. In this order, the
    start of the Thue-Morse sequence, each side has that as often; with A B B A alone it was the second's alone.
    """
    return pair // 4, ((0, 1) if pair % 4 in {0, 3} else (1, 0))


def _memory_bytes(pid: int) -> float:
    """The proportional set size, or the pages where that may not be read."""
    pages = read_pages(pid)
    return float(read_pss(pid) or (pages.private + pages.shared if pages else 0))
