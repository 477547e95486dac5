"""How often `slotrush gate --against` catches a slowdown of bookings, and how often it cries wolf where there is none.

`python -m slotrush.bench.gate [--trials 20] [--slowdown 0.1]`, or scripts/bench-gate. Both sides are the working tree.
In the trials of one kind, each booking of the candidate costs its replica so much more CPU; in those of the other,
nothing is planted. The two kinds alternate, and the stacks are made anew after each of both, since processes differ.
"""

import argparse
import asyncio
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.bench.plant import Plant, planted
from slotrush.bench.scene import scene
from slotrush.bench.versions.command import PEOPLE, REPLICAS, SETTINGS
from slotrush.bench.versions.contest import PAIRS_MAX, WARM_UP_TURNS, contest
from slotrush.bench.versions.turns import CPU, Measured, Side, quiet
from slotrush.compare.verdict import overall
from slotrush.gate.verdict import Outcome
from slotrush.stack.app import OURS

TRIALS_PER_STACK: Final = 1
"""As many as the 2,000 slots that a doctor may have suffice for."""
BASE_TURNS: Final = 8
"""Of the base, whose median is what a booking costs at the moment: the machine is not always as fast."""
BOOKING_CPU: Final = CPU["app", "bookings"]


@dataclass(frozen=True)
class Trial:
    """`slowdown` is what was asked for and `planted` what it was, over all turns: the CPU that was burnt over that of
    the base's bookings. `ratio` is what the gate saw, and `worse` names the figures that it found worse."""

    slowdown: float
    planted: float
    outcome: Outcome
    pairs: int
    ratio: float
    worse: tuple[str, ...]
    seconds: float


class Planter:
    """Plays turns, and before each of the candidate's plants a share of what bookings cost the base just now."""

    def __init__(self, sides: tuple[Side, Side], plant: Plant) -> None:
        self._sides = sides
        self._plant = plant
        self._base_us: list[float] = []
        self._burnt_us: list[float] = []
        self.slowdown = 0.0

    @property
    def planted(self) -> float:
        """Since the last call of `begin`."""
        return statistics.fmean(self._burnt_us) / statistics.fmean(self._base_us[-len(self._burnt_us) :])

    def begin(self, slowdown: float) -> None:
        self.slowdown = slowdown
        self._burnt_us.clear()

    async def turn(self, side: int, replica: int) -> Measured:
        if side == 1:
            burnt_us = self.slowdown * statistics.median(self._base_us[-BASE_TURNS:])
            self._plant.set(round(burnt_us * 1000))
            self._burnt_us.append(burnt_us)
        found = await self._sides[side].turn(replica)
        if side == 0:
            self._base_us.append(found[BOOKING_CPU])
        return found


async def trial(planter: Planter, slowdown: float) -> Trial:
    began_s = time.monotonic()
    planter.begin(slowdown)
    standing = await contest(planter.turn, PAIRS_MAX, lambda _: None)
    booking = next(result for result in standing.results if result.figure == BOOKING_CPU)
    worse = tuple(one.figure.name for one in standing.results if one.outcome is Outcome.FAIL)
    return Trial(
        slowdown,
        planter.planted,
        overall(standing.results),
        standing.pairs,
        booking.ratio or 0.0,
        worse,
        time.monotonic() - began_s,
    )


async def trials(
    sides: tuple[Side, Side], plant: Plant, amount: int, slowdown: float, on_trial: Callable[[Trial], None]
) -> None:
    """So many of either kind, in turns."""
    for side in sides:
        await side.prepare(2 * amount * PAIRS_MAX + WARM_UP_TURNS)
    planter = Planter(sides, plant)
    for number in range(WARM_UP_TURNS):
        for at in range(len(sides)):
            await planter.turn(at, number)
    for _ in range(amount):
        for share in (0.0, slowdown):
            on_trial(await trial(planter, share))


def table(done: list[Trial]) -> list[str]:
    """A Markdown table of the rates, by what was planted."""
    lines = [
        "| asked for | planted | trials | failed | passed | undecided | median ratio seen | median pairs | median s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for share in sorted({one.slowdown for one in done}):
        own = [one for one in done if one.slowdown == share]
        outcomes = [sum(one.outcome is outcome for one in own) for outcome in (Outcome.FAIL, Outcome.PASS)]
        medians = [statistics.median(getattr(one, name) for one in own) for name in ("ratio", "pairs", "seconds")]
        planted_ = statistics.fmean(one.planted for one in own)
        asked = f"{share:.0%} slower bookings" if share else "nothing"
        counts = (len(own), *outcomes, len(own) - sum(outcomes))
        cells = (asked, f"{planted_:.1%}", *counts, f"{medians[0]:.3f}", f"{medians[1]:.0f}", f"{medians[2]:.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-gate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20, help="of either kind")
    parser.add_argument("--slowdown", type=float, default=0.1, help="of a booking's CPU, as a share")
    options = parser.parse_args()
    if options.trials < 1 or options.slowdown <= 0:
        parser.error("--trials and --slowdown must be more than 0")
    done: list[Trial] = []

    def told(one: Trial) -> None:
        done.append(one)
        worse = f", worse: {', '.join(one.worse)}" if one.worse else ""
        took = f"after {one.pairs} pairs, {one.seconds:.0f} s"
        print(f"  {one.planted:.1%} planted: {one.outcome} {took}, ratio {one.ratio:.3f}{worse}", flush=True)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        while (left := options.trials - len(done) // 2) > 0:
            with (
                tempfile.TemporaryDirectory(prefix="slotrush-plant-") as folder,
                planted(Path(folder) / "none") as none,
                planted(Path(folder) / "slowdown") as plant,
                scene(PEOPLE, PEOPLE, REPLICAS, OURS, **SETTINGS, **none.settings) as one,
                scene(PEOPLE, PEOPLE, REPLICAS, OURS, **SETTINGS, **plant.settings) as other,
                quiet(one) as base,
                quiet(other) as candidate,
            ):
                amount = min(left, TRIALS_PER_STACK)
                asyncio.run(trials((Side(base), Side(candidate)), plant, amount, options.slowdown, told))
    finally:  # also when it is interrupted
        print("\n".join(table(done)), flush=True)


if __name__ == "__main__":
    main()
