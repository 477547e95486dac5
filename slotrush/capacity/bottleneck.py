"""What breaks first, and at how many patients: the component whose limit the measured utilisations put lowest.

By the utilisation law a component of m cores that is busy with D seconds per request, and with U0 cores whatever the
load, reaches a share u of them at (u m - U0) / D requests per second (Denning and Buzen 1978, bottleneck analysis).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.capacity.demand import Demand, patients_interval
from slotrush.capacity.intervals import Floats, Interval, around, draw, positive
from slotrush.capacity.laws import CpuUse
from slotrush.errors import BadInputError

_SEED: Final = 3


@dataclass(frozen=True)
class Component:
    """A part that does not grow with the replicas, for instance the database or the proxy.

    `cpu` is what keeps its `cores` busy; `usable` is the share of them that it may use before the objectives break.
    """

    name: str
    cpu: CpuUse
    cores: float = 1.0
    usable: float = 1.0

    @property
    def for_requests_cores(self) -> float:
        """Usable cores that are left for requests: none where the idle work fills them."""
        usable = positive(f"usable share of {self.name}", self.usable) * positive(f"cores of {self.name}", self.cores)
        return max(0.0, usable - self.cpu.idle_cores)

    @property
    def limit_per_s(self) -> float:
        return self.for_requests_cores / self.cpu.s_per_request.mid

    def limit_draws_per_s(self, size: int, seed: int) -> Floats:
        """Rates per second at which it reaches its usable share: shape (size,)."""
        demands_s = draw(self.cpu.s_per_request, size, np.random.default_rng(seed))
        return np.asarray(self.for_requests_cores / demands_s)


@dataclass(frozen=True)
class Limit:
    """Where a component ends: in requests per second, and in patients (None for plain arrivals).

    `first` is how likely it ends first: the share of draws from all intervals in which its limit is the lowest.
    """

    name: str
    rate_per_s: Interval
    patients: Interval | None
    first: float


def limits(draws_per_s: dict[str, tuple[float, Floats]], demand: Demand) -> tuple[Limit, ...]:
    """All limits, the lowest estimate first, from each name's estimate and its draws of shape (size,).

    Raises BadInputError when there are none.
    """
    if not draws_per_s:
        raise BadInputError("components", "there are none to compare", "Measure the utilisation of one at least")
    table = np.stack([draws for _, draws in draws_per_s.values()])
    shares = np.bincount(np.argmin(table, axis=0), minlength=len(table)) / table.shape[1]
    found = []
    for (name, (mid, draws)), share in zip(draws_per_s.items(), shares.tolist(), strict=True):
        rate = around(mid, draws)
        found.append(Limit(name, rate, patients_interval(demand, rate, draws), share))
    return tuple(sorted(found, key=lambda limit: limit.rate_per_s.mid))


def component_draws(components: Sequence[Component], size: int) -> dict[str, tuple[float, Floats]]:
    """For `limits`: each component's estimate and independent draws."""
    return {
        component.name: (
            component.limit_per_s,
            component.limit_draws_per_s(size, _SEED + index),
        )
        for index, component in enumerate(components)
    }
