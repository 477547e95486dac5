"""What `slotrush gate --against` does: both versions up, in turns until it is decided, and the verdict shown."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from rich.console import Console

from slotrush import REPOSITORY
from slotrush.bench.scene import scene
from slotrush.bench.versions.contest import measure
from slotrush.bench.versions.trees import Version, checked_out, working
from slotrush.bench.versions.turns import BOOKINGS, CANCELS, READS, Side, quiet
from slotrush.compare import Comparison
from slotrush.compare.forms import FORMS
from slotrush.compare.sequential import ERROR
from slotrush.compare.verdict import overall
from slotrush.errors import BadInputError
from slotrush.gate.outputs import Outputs, deliver

PEOPLE: Final = 41
REPLICAS: Final = 4
"""Of each version: what one process happens to be like is not the version's."""
SETTINGS: Final = {"PYTHONHASHSEED": "0"}
"""The same on both sides: the order of dictionaries and sets changes what a process costs."""
PAIRS: Final = (16, 600)
"""As few as the first look takes, and as many as the slots suffice for that doctors may have."""


def against(ref: str, pairs_max: int, outputs: Outputs, console: Console, on_step: Callable[[str], None]) -> Comparison:
    """Hold the working tree against a commit. Raises BadInputError and StackError."""
    if not PAIRS[0] <= pairs_max <= PAIRS[1] or pairs_max % 2:
        mend = f"Give an even number from {PAIRS[0]} to {PAIRS[1]}"
        raise BadInputError(f"--pairs {pairs_max}", "it cannot be used", mend)
    candidate = working(REPOSITORY)
    with checked_out(REPOSITORY, ref, on_step) as base:
        compared = compare_versions(base, candidate, pairs_max, on_step)
    deliver(compared, FORMS, outputs, console)
    return compared


def compare_versions(base: Version, candidate: Version, pairs_max: int, on_step: Callable[[str], None]) -> Comparison:
    """Start both, and let them take turns."""
    started_at, began_s = datetime.now(UTC), time.monotonic()
    on_step(f"starting {base.name} and {candidate.name}")
    with (
        scene(PEOPLE, PEOPLE, REPLICAS, base.code, **SETTINGS) as one,
        scene(PEOPLE, PEOPLE, REPLICAS, candidate.code, **SETTINGS) as other,
        quiet(one) as first,
        quiet(other) as second,
    ):
        results, pairs = asyncio.run(measure((Side(first), Side(second)), pairs_max, on_step))
    notes = (
        ()
        if base.code.python == candidate.code.python
        else ("requirements.lock differs, so each version ran with its own packages",)
    )
    return Comparison(
        base=base.name,
        candidate=candidate.name,
        started_at=started_at.isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began_s,
        method=(
            f"{pairs} pairs of turns (at most {pairs_max}), each of {READS} reads, {BOOKINGS} bookings and {CANCELS}"
            f" cancellations, one after the other; intervals are wrong in at most {2 * ERROR:.0%} of comparisons"
        ),
        outcome=overall(results),
        results=results,
        notes=notes,
    )
