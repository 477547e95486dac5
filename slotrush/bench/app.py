"""What a request costs the booking system beside the framework's bare "hello": CPU of one replica, in turns.

`python -m slotrush.bench.app [--rounds 7] [--requests 4000]`, or scripts/bench-app. Everything is on: sign-in tokens,
idempotency, the outbox, metrics. Read the ratios, not the microseconds: they depend on the machine and on what else it
does. A ratio of 0.60 means that a core answers 0.60 times as many of these requests as hellos.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.bench.driver import Answer, request
from slotrush.bench.requests import Requests, expect_all
from slotrush.bench.scene import Scene, scene, tapped
from slotrush.floor.requests import hello_server
from slotrush.stack.ports import HOST

PEOPLE: Final = 41
TAPPED_BOOKINGS: Final = 100
_LIFETIME_S: Final = 600
KINDS: Final = ("hello", "agenda read", "search", "booking", "cancel")


@dataclass(frozen=True)
class Row:
    """CPU in µs per request, the median over the rounds; `ratio`: requests per CPU-second, hello's being 1."""

    kind: str
    cpu_us: float
    ratio: float


def rows(spent_us: dict[str, list[float]]) -> list[Row]:
    """`spent_us`: CPU per request of each kind in each round, the first kind being the measure of the others. A ratio
    is the median of the rounds' ratios, since what disturbs a round disturbs all of it."""
    hello_us = next(iter(spent_us.values()))
    return [
        Row(
            kind,
            statistics.median(each_us),
            statistics.median(hello / own for hello, own in zip(hello_us, each_us, strict=True)),
        )
        for kind, each_us in spent_us.items()
    ]


def cpu_ns(pid: int) -> int:
    """CPU of the process's living threads: schedstat is exact, stat counts hundredths of a second (proc(5))."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


async def _cost(pid: int, url: str, requests: Sequence[bytes], status: int) -> tuple[float, list[Answer]]:
    """CPU of the server `pid` per request in µs, and the answers."""
    before_ns = cpu_ns(pid)
    answers = await expect_all(url, requests, status)
    return (cpu_ns(pid) - before_ns) / len(requests) / 1e3, answers


async def cpu_us(
    scene: Scene, requests: Requests, hello: tuple[int, int], rounds: int, per_round: int
) -> dict[str, list[float]]:
    """CPU per request of each kind in each round. `hello`: the port and the pid of the framework's hello."""
    pid, url = scene.stack.pids()["app"][0], scene.urls.replica_urls[0]
    hello_url, hello_pid = f"http://{HOST}:{hello[0]}", hello[1]
    spent: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        hellos, _ = await _cost(hello_pid, hello_url, [request("GET", "/")] * per_round, 200)
        agendas, _ = await _cost(pid, url, requests.agendas(per_round), 200)
        searches, _ = await _cost(pid, url, requests.searches(per_round), 200)
        bookings, booked = await _cost(pid, url, requests.bookings(per_round), 201)
        cancels, _ = await _cost(pid, url, requests.cancellations(booked), 200)
        if turn:  # the first warms up
            for kind, each_us in zip(KINDS, (hellos, agendas, searches, bookings, cancels), strict=True):
                spent.setdefault(kind, []).append(each_us)
            print(f"  round {turn} of {rounds}", file=sys.stderr)
    return spent


async def statements_per_booking(scene: Scene, requests: Requests) -> tuple[float, float]:
    """Statements and round trips of a booking, counted on the wire of a replica of its own."""
    async with tapped(scene) as (url, tap):
        await expect_all(url, requests.bookings(TAPPED_BOOKINGS), 201)  # the connections prepare their statements
        before = tap.statements, tap.round_trips
        await expect_all(url, requests.bookings(TAPPED_BOOKINGS), 201)
        return (tap.statements - before[0]) / TAPPED_BOOKINGS, (tap.round_trips - before[1]) / TAPPED_BOOKINGS


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-app", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="the medians over so many are shown")
    parser.add_argument("--requests", type=int, default=4000, help="of each kind in each round")
    options = parser.parse_args()
    if options.rounds < 1 or options.requests < 1:
        parser.error("--rounds and --requests must be at least 1")

    async def run(scene: Scene, hello: tuple[int, int]) -> tuple[list[Row], tuple[float, float]]:
        requests = Requests(scene)
        await requests.publish((options.rounds + 1) * options.requests + 2 * TAPPED_BOOKINGS)
        spent = await cpu_us(scene, requests, hello, options.rounds, options.requests)
        return rows(spent), await statements_per_booking(scene, requests)

    with scene(patients=PEOPLE, doctors=PEOPLE, replicas=1) as booking, hello_server(_LIFETIME_S) as hello:
        table, (statements, round_trips) = asyncio.run(run(booking, hello))
    for row in table:
        print(f"{row.kind:12} {row.cpu_us:7.1f} us CPU per request {row.ratio:6.2f} of hello")
    print(f"a booking is {statements:.2f} statements and {round_trips:.2f} round trips on the wire")


if __name__ == "__main__":
    main()
