"""All faults by name, and what was planned: which fault, and when."""

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from slotrush.chaos import clock
from slotrush.chaos.clock import StepClock
from slotrush.chaos.fault import Fault
from slotrush.chaos.network import SlowNetwork
from slotrush.chaos.processes import (
    CrashPostgres,
    FailOver,
    FreezeReplica,
    KillNotifier,
    KillReplica,
    KillValkey,
    KillWorker,
    RestartPostgres,
    RestartProxy,
)
from slotrush.chaos.recovery import HOLD_S
from slotrush.errors import BadInputError

FAULTS: Final[Mapping[str, type[Fault]]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            KillReplica,
            FreezeReplica,
            KillValkey,
            RestartPostgres,
            CrashPostgres,
            FailOver,
            RestartProxy,
            KillNotifier,
            SlowNetwork,
            StepClock,
            KillWorker,
        )
    }
)
FIRST_S: Final = 10.0
"""Into the load, when nothing else is said: pools and caches have filled, and there is a before."""


@dataclass(frozen=True)
class Planned:
    """A fault, so many seconds after the load began."""

    name: str
    at_s: float

    def __str__(self) -> str:
        return f"{self.name}@{self.at_s:g}s"


def parse(texts: Iterable[str]) -> tuple[Planned, ...]:
    """As on the command line: kill-replica@10s; one without a time comes when the one before must be over.

    Raises BadInputError for a fault that there is not, and one that this machine cannot do.
    """
    planned: list[Planned] = []
    free_s = FIRST_S
    for text in texts:
        match = re.fullmatch(r"([a-z-]+)(?:@(\d+(?:\.\d+)?)s?)?", text)
        if match is None:
            raise BadInputError(f"--fault {text}", "it is no fault", "Write it as kill-replica or kill-replica@10s")
        name, at_s = match[1], match[2]
        _require(name)
        planned.append(Planned(name, free_s if at_s is None else float(at_s)))
        free_s = max(free_s, planned[-1].at_s + FAULTS[name].back_within_s + HOLD_S)
    return tuple(sorted(planned, key=lambda one: one.at_s))


def draw(names: Sequence[str], count: int, seed: int, workers: int) -> tuple[Planned, ...]:
    """So many faults by a seed: any of the names, each once the one before must be over, at a random moment, and none
    more often than a run with so many workers can bear. Raises BadInputError when there are not so many.
    """
    rng = random.Random(seed)
    planned: list[Planned] = []
    free_s = FIRST_S
    for _ in range(count):
        done = Counter(one.name for one in planned)
        left = [name for name in names if done[name] < FAULTS[name].times_max(workers)]
        if not left:
            raise BadInputError(f"--random {count}", f"only {len(planned)} can be done in a run", "Ask for fewer")
        name = rng.choice(left)
        at_s = round(free_s + rng.random(), 2)
        planned.append(Planned(name, at_s))
        free_s = at_s + FAULTS[name].back_within_s + HOLD_S
    return tuple(planned)


def require_bearable(planned: Iterable[Planned], workers: int) -> None:
    """Raises BadInputError when a fault is planned more often than a run with so many workers can bear."""
    for name, times in Counter(one.name for one in planned).items():
        most = FAULTS[name].times_max(workers)
        if times > most:
            problem = f"it is done {times} times, and a run with --workers {workers} can bear {most:g}"
            raise BadInputError(f"--fault {name}", problem, "Leave some of them out, or use more workers")


def load_s(planned: Iterable[Planned]) -> float:
    """How long a load must last at least, so that each fault can be seen to be over."""
    return max((math.ceil(one.at_s) + FAULTS[one.name].back_within_s + HOLD_S for one in planned), default=0.0)


def need_standby(planned: Iterable[Planned]) -> bool:
    """Whether one of them takes a database that has a standby."""
    return any(FAULTS[one.name].needs_standby for one in planned)


def replica_settings(planned: Iterable[Planned]) -> dict[str, str]:
    """What the replicas' environment has to have for them."""
    return clock.settings() if any(FAULTS[one.name].steps_clock for one in planned) else {}


def slow_link_ms(planned: Iterable[Planned]) -> int | None:
    """How slow the link to the database is to become; None when it stays as it is."""
    asked = [ms for one in planned if (ms := FAULTS[one.name].slow_link_ms) is not None]
    return max(asked, default=None)


def possible() -> tuple[str, ...]:
    """The faults that this machine can do."""
    return tuple(name for name, kind in FAULTS.items() if kind.hindrance() is None)


def _require(name: str) -> None:
    if name not in FAULTS:
        raise BadInputError(f"--fault {name}", "there is none of this name", f"Use one of: {', '.join(FAULTS)}")
    if (hindrance := FAULTS[name].hindrance()) is not None:
        raise BadInputError(f"--fault {name}", hindrance, "Use another fault, or another machine")
