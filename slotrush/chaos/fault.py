"""What a fault is: how it is done and undone, what it may cost, and within what time the system is to be back."""

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import ClassVar

from slotrush.stack import Stack, StackUrls
from slotrush.swarm.start import Swarm


@dataclass(frozen=True)
class Site:
    """Where faults happen: a stack and a swarm that run. `rng` chooses the victims, so that a seed repeats them."""

    stack: Stack
    urls: StackUrls
    swarm: Swarm
    run_dir: Path
    rng: random.Random


class Fault(ABC):
    """One fault of one run. `inject` and `is_over` are called several times a second, from the stack's own thread."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What is done, for people."""
    effect: ClassVar[str]
    """What may be seen of it in the objectives, and what not."""
    back_within_s: ClassVar[int]
    """From the fault on: the whole second from which every objective must hold again; no less than `lasts_s`."""
    lasts_s: ClassVar[float] = 0.0
    """How long it is left alone before `heal`; 0 for what the stack mends by itself."""

    slow_link_ms: ClassVar[int | None] = None
    """What the link between the booking system and its database is to be able to take longer, each way."""
    needs_standby: ClassVar[bool] = False
    """Of the database."""
    steps_clock: ClassVar[bool] = False
    """Whether the replicas' clocks must be such as can be made to jump."""

    @classmethod
    def hindrance(cls) -> str | None:
        """Why this machine cannot do it; None when it can."""
        return None

    @classmethod
    def times_max(cls, workers: int) -> float:  # noqa: ARG003 - those that hit workers look at it
        """How often a run whose load comes from so many workers can bear it."""
        return 1 if cls.needs_standby else inf  # there is one standby

    @abstractmethod
    def inject(self, site: Site, /) -> str | None:
        """Do it and tell what was hit; None while there is nothing that could be."""

    def heal(self, site: Site, /) -> None:  # noqa: B027 - most faults end what the stack starts anew
        """Undo it."""

    @abstractmethod
    def is_over(self, site: Site, /) -> bool:
        """Whether what was hit is as before."""
