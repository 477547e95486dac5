"""Does the planned faults while a swarm runs, has them undone, and enters both into the run record."""

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from slotrush.chaos.catalogue import FAULTS, Planned
from slotrush.chaos.fault import Fault, Site
from slotrush.errors import StackError
from slotrush.runs import record
from slotrush.stack import Stack, StackUrls
from slotrush.swarm.start import Swarm

HEAL_LIMIT_S: Final = 60.0
"""After the load; a part that takes longer to be back is broken."""
_POLL_S: Final = 0.1


class _Stage(Enum):
    DUE = auto()
    DONE = auto()
    UNDONE = auto()
    OVER = auto()


@dataclass
class _Running:
    number: int
    planned: Planned
    fault: Fault
    stage: _Stage = _Stage.DUE
    since_s: float = 0.0


class Faults:
    """Those of one run. Call `tend` again and again while the swarm runs, and `finish` when it has ended."""

    def __init__(
        self, planned: Sequence[Planned], stack: Stack, urls: StackUrls, swarm: Swarm, run_dir: Path, seed: int
    ) -> None:
        self._site = Site(stack, urls, swarm, run_dir, random.Random(f"faults of {seed}"))
        self._all = [_Running(number, one, FAULTS[one.name]()) for number, one in enumerate(planned, 1)]

    def tend(self, load_us: int | None) -> list[str]:
        """Do what is due now, and tell what was done; `load_us`: since the load began, None before."""
        if load_us is None:
            return []
        due = [one for one in self._all if one.stage is _Stage.DUE and load_us >= one.planned.at_s * 1e6]
        said = [words for one in due for words in self._inject(one)]
        return said + [words for one in self._all for words in self._care_for(one, at_once=False)]

    def finish(self) -> list[str]:
        """Undo everything; return when all is as before. Raises StackError when that takes too long."""
        said: list[str] = []
        deadline_s = time.monotonic() + HEAL_LIMIT_S
        while left := [one for one in self._all if one.stage in (_Stage.DONE, _Stage.UNDONE)]:
            if time.monotonic() > deadline_s:
                names = ", ".join(str(one.planned) for one in left)
                raise StackError(f"{HEAL_LIMIT_S:.0f} s after the load these faults are not over: {names}")
            self._site.stack.check()
            said += [words for one in left for words in self._care_for(one, at_once=True)]
            time.sleep(_POLL_S)
        return said

    def _inject(self, one: _Running) -> Iterator[str]:
        at_us = time.time_ns() // 1000
        hit = one.fault.inject(self._site)
        if hit is None:
            return
        one.stage, one.since_s = _Stage.DONE, time.monotonic()
        self._note(at_us, record.FAULT_EVENT, one, {"hit": hit})
        yield f"fault {one.planned.name}: {hit}"

    def _care_for(self, one: _Running, at_once: bool) -> Iterator[str]:
        """Undo what has lasted long enough, or is to end now; then see whether it is over."""
        lasted_s = time.monotonic() - one.since_s
        if one.stage is _Stage.DONE and (at_once or lasted_s >= one.fault.lasts_s):
            one.fault.heal(self._site)
            one.stage = _Stage.UNDONE
        if one.stage is _Stage.UNDONE and one.fault.is_over(self._site):
            one.stage = _Stage.OVER
            self._note(time.time_ns() // 1000, record.HEALED_EVENT, one, {})
            yield f"fault {one.planned.name} is over after {time.monotonic() - one.since_s:.1f} s"

    def _note(self, at_us: int, event: str, one: _Running, more: dict[str, str]) -> None:
        detail = {"number": one.number, "fault": one.planned.name} | more
        with closing(record.open_record(self._site.run_dir)) as connection:
            record.add_event(connection, at_us, event, json.dumps(detail))
