"""Goodput beyond the capacity, with and without shedding: how many are answered well and in time, whatever is asked.

`python -m slotrush.bench.overload [--seconds 20] [--warm-up-s 40] [--docs docs/reliability.md]`, or
scripts/bench-overload. Two stacks of one replica with a CPU quota, which are alike but for OVERLOAD_AFTER_S, are asked
in turns by an open load of independent arrivals; whoever waits for 2 s gives up, as clients do. The capacity is what
the replica answers when it is asked by a few without a pause. Exit code 0: shedding left 90 % of the most goodput at
twice the capacity and beyond; 1: it did not; 4: the driver was too late to tell.
"""

import argparse
import asyncio
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import uvloop

from slotrush import machine
from slotrush.bench.driver import Patience, closed, impatient, request
from slotrush.bench.requests import Requests, expect_all
from slotrush.bench.scene import Scene, scene_of
from slotrush.bench.section import Section
from slotrush.report.charts import INK, draw_svg, legend
from slotrush.stack import StackOptions
from slotrush.stack.quota import parse_cpu_m
from slotrush.swarm.load import parse_arrivals

PEOPLE: Final = 41
LOADS: Final = (0.5, 1.0, 2.0, 4.0)
IN_TIME_MS: Final = 500.0
"""The objective of a booking."""
PATIENCE_S: Final = 2.0
MIX: Final = (10, 7, 3)
"""Of agenda reads from memory, lists of one's own appointments from the database, and bookings that are tried again."""
CAPACITY_CONNECTIONS: Final = 16
CAPACITY_REQUESTS: Final = 3_000
DRIVER_MS_MAX: Final = 50.0
"""A tenth of IN_TIME_MS: a driver that is later has measured itself."""
SEED: Final = 7
GOODPUT_MIN: Final = 0.9
"""Of the most, which is to be left at twice and at four times the capacity."""
SECTION: Final = Section("Overload", "overload", "bench-overload")
_COLOURS: Final = {True: "#009E73", False: "#D55E00"}
_NAMES: Final = {True: "with shedding", False: "without"}


@dataclass(frozen=True)
class Point:
    """What became of an open load of `load` times the capacity: rates per second and shares of all requests.

    `late`: answered well, but after IN_TIME_MS; `p99_ms` of those that were answered well; `driver_ms`: the p99 of how
    late the driver sent.
    """

    shedding: bool
    load: float
    offered_per_s: float
    good_per_s: float
    shed: float
    late: float
    given_up: float
    p99_ms: float
    driver_ms: float


def tally(shedding: bool, load: float, seen: Sequence[Patience], seconds: float) -> Point:
    """The point of all requests that were due within so many seconds."""
    well_ms = sorted(each.response_ms for each in seen if 200 <= each.status < 300)
    good = sum(response_ms <= IN_TIME_MS for response_ms in well_ms)
    return Point(
        shedding,
        load,
        offered_per_s=len(seen) / seconds,
        good_per_s=good / seconds,
        shed=sum(each.status == 503 for each in seen) / len(seen),
        late=(len(well_ms) - good) / len(seen),
        given_up=sum(each.status == 0 for each in seen) / len(seen),
        p99_ms=_p99(well_ms),
        driver_ms=_p99(sorted(each.sent_ms for each in seen)),
    )


def _p99(ascending: Sequence[float]) -> float:
    """By nearest rank; not a number of nothing."""
    return ascending[math.ceil(0.99 * len(ascending)) - 1] if ascending else math.nan


def valid(points: Sequence[Point]) -> bool:
    """Whether the driver kept its times, so that what was measured is the system's."""
    return all(point.driver_ms <= DRIVER_MS_MAX for point in points)


def kept(points: Sequence[Point]) -> bool:
    """Whether shedding leaves at least GOODPUT_MIN of the most goodput that was seen, at every load from 2 up."""
    most = max(point.good_per_s for point in points)
    return all(point.good_per_s >= GOODPUT_MIN * most for point in points if point.shedding and point.load >= 2)


def stack_options(cpu_m: int, overload_after_s: int) -> StackOptions:
    settings = {"OVERLOAD_AFTER_S": str(overload_after_s)}
    return StackOptions(Path(), replicas=1, proxies=1, objects=False, settings=settings, cpu_quota_m=cpu_m)


async def mixed(scene: Scene) -> Iterator[bytes]:
    """Requests without end in a fixed random order, in the shares of MIX; each patient has one booking."""
    requests = Requests(scene)
    await requests.publish(PEOPLE - 1)
    bookings = requests.bookings(PEOPLE - 1)
    await expect_all(scene.urls.replica_urls[0], bookings, 201, connections=4)
    tokens = [session["token"] for session in scene.sessions["patients"]]
    own = [request("GET", "/v1/appointments", token) for token in tokens]
    kinds = (cycle(requests.agendas(PEOPLE)), cycle(own), cycle(bookings))
    rng = random.Random(SEED)
    return (next(rng.choices(kinds, MIX)[0]) for _ in iter(int, 1))


async def capacity_per_s(url: str, requests: Iterator[bytes]) -> float:
    """How many requests a second are answered when a few ask without a pause."""
    several = list(islice(requests, CAPACITY_REQUESTS))
    await closed(url, several[: len(several) // 4], CAPACITY_CONNECTIONS)  # to warm up
    began_s = time.perf_counter()
    answers = await closed(url, several, CAPACITY_CONNECTIONS)
    return sum(200 <= answer.status < 300 for answer in answers) / (time.perf_counter() - began_s)


async def measure(
    scenes: dict[bool, Scene], warm_up_s: float, seconds: float, loads: Sequence[float]
) -> tuple[float, list[Point]]:
    """The capacity per second, and the points of all loads, those with and without shedding in turns."""
    requests = {shedding: await mixed(each) for shedding, each in scenes.items()}
    found = [await capacity_per_s(each.urls.base_url, requests[shedding]) for shedding, each in scenes.items()]
    capacity = sum(found) / len(found)
    print(f"  capacity {', '.join(f'{each:.0f}' for each in found)} per second", file=sys.stderr)
    points = []
    for load in loads:
        for shedding, each in scenes.items():
            arrivals = parse_arrivals(f"poisson:{load * capacity:.3f}", warm_up_s + seconds)
            due_s = [offset_us / 1e6 for offset_us in arrivals.offsets_us(SEED)]
            asked = list(islice(requests[shedding], len(due_s)))
            seen = await impatient(each.urls.base_url, asked, due_s, PATIENCE_S)
            counted = [one for one, at_s in zip(seen, due_s, strict=True) if at_s >= warm_up_s]
            points.append(tally(shedding, load, counted, seconds))
            print(f"  {points[-1]}", file=sys.stderr)
    return capacity, points


def table(points: Sequence[Point]) -> str:
    """In Markdown."""
    most = max(point.good_per_s for point in points)
    lines = [
        "| load | shedding | asked per s | answered well in time per s | of the most | turned away | too late"
        " | gave up | p99 of good answers | driver's own p99 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {point.load:g}x | {'on' if point.shedding else 'off'} | {point.offered_per_s:,.0f} |"
        f" {point.good_per_s:,.0f} | {point.good_per_s / most:.0%} | {point.shed:.0%} | {point.late:.0%} |"
        f" {point.given_up:.0%} | {point.p99_ms:,.0f} ms | {point.driver_ms:,.1f} ms |"
        for point in points
    ]
    return "\n".join(lines)


def chart(points: Sequence[Point]) -> str:
    """An SVG of goodput over load."""

    def draw(axes: Any) -> None:
        for shedding, colour in _COLOURS.items():
            line = sorted((each.load, each.good_per_s) for each in points if each.shedding is shedding)
            axes.plot(*zip(*line, strict=True), color=colour, marker="o", label=_NAMES[shedding])
        most = max(point.good_per_s for point in points)
        axes.axhline(
            GOODPUT_MIN * most, color=INK, linewidth=0.8, linestyle=":", label=f"{GOODPUT_MIN:.0%} of the most"
        )
        axes.set_ylim(bottom=0)
        axes.set_xticks(sorted({point.load for point in points}))
        axes.set_xlabel("load, in capacities")
        axes.set_ylabel("answered well in 0.5 s, per s")
        legend(axes, columns=3)

    description = "; ".join(f"{each.load:g}x {_NAMES[each.shedding]}: {each.good_per_s:.0f} per s" for each in points)
    return draw_svg("overload", "Goodput beyond the capacity", description, draw)


def write(docs: Path, text: str, svg: str) -> None:
    """Put the text and the chart, a file beside it, into a document."""
    picture = docs.with_name("overload.svg")
    picture.write_text(svg + "\n")
    SECTION.write(docs, f"{text}\n\n![Goodput over load]({picture.name})\n", "Reliability")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-overload", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cpu", default="100m", help="of the replica, as a pod's spec says it")
    parser.add_argument("--seconds", type=float, default=20, help="of each load, after --warm-up-s")
    parser.add_argument("--warm-up-s", type=float, default=40, help="until overload is noticed and the queue is gone")
    parser.add_argument("--overload-after-s", type=int, default=20, help="OVERLOAD_AFTER_S of the one that sheds")
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, help="in capacities")
    parser.add_argument("--docs", type=Path, help="a Markdown file to put table and chart into")
    options = parser.parse_args()
    if min(options.seconds, options.warm_up_s, options.overload_after_s, *options.loads) <= 0:
        parser.error("--seconds, --warm-up-s, --overload-after-s and --loads must be more than 0")
    cpu_m = parse_cpu_m(options.cpu)
    before = os.getloadavg()[1]
    with (
        scene_of(stack_options(cpu_m, options.overload_after_s), PEOPLE, PEOPLE) as sheds,
        scene_of(stack_options(cpu_m, 0), PEOPLE, PEOPLE) as keeps,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        scenes = {True: sheds, False: keeps}
        capacity, points = runner.run(measure(scenes, options.warm_up_s, options.seconds, options.loads))
    text = (
        f"{table(points)}\n\n"
        f"One replica with {cpu_m}m of CPU, capacity {capacity:,.0f} requests per second; {options.seconds:g} s of each"
        f" load after {options.warm_up_s:g} s of warm-up, OVERLOAD_AFTER_S {options.overload_after_s}. In time is"
        f" within {IN_TIME_MS:g} ms from when a request was due; clients give up after {PATIENCE_S:g} s. Machine:"
        f" {machine.cores()} cores, which had a load average of {before:.1f} before (5 minutes)."
    )
    print(text)
    if options.docs is not None:
        write(options.docs, text, chart(points))
    if not valid(points):
        print(f"invalid: the driver's own p99 is over {DRIVER_MS_MAX:g} ms; use a lower --cpu or a quieter machine")
        sys.exit(4)
    sys.exit(0 if kept(points) else 1)


if __name__ == "__main__":
    main()
