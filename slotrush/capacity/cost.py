"""What a plan costs in a month, in dollars and in reais, by a price file that the user owns.

Offers are of two kinds: pods that are billed by their own size, and nodes that pods are packed onto.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError

HOURS_A_MONTH: Final = 730
"""365 days of 24 hours in 12 months, as cloud price calculators count."""
MIB_A_GIB: Final = 1024
CPU_M_A_VCPU: Final = 1000
_ROUNDING: Final = 1e-9
"""Shares of nodes that add up to whole ones but for the rounding of a sum."""


@dataclass(frozen=True)
class Sizing:
    """What is to be paid for: so many pods of one size."""

    replicas: int
    cpu_m: int
    memory_mib: int


@dataclass(frozen=True)
class Exchange:
    """Reais for one dollar, on a day, by a source."""

    brl_per_usd: float
    read_on: date
    source: str


@dataclass(frozen=True)
class PodSize:
    """One CPU size that pods can be billed at, with the memory sizes that go with it."""

    cpu_m: int
    memory_mib_min: int
    memory_mib_max: int
    memory_mib_step: int

    def memory_for(self, memory_mib: int) -> int | None:
        """The smallest memory size that holds so much, or None."""
        steps = max(0, math.ceil((memory_mib - self.memory_mib_min) / self.memory_mib_step))
        size = self.memory_mib_min + steps * self.memory_mib_step
        return size if size <= self.memory_mib_max else None


@dataclass(frozen=True)
class Offer(ABC):
    """What all offers have. `fixed_hour` is paid once, whatever runs; prices are in `currency`."""

    name: str
    title: str
    currency: str
    fixed_hour: float
    read_on: date
    source: str

    @abstractmethod
    def hourly(self, sizings: Sequence[Sizing]) -> tuple[float, str]:
        """Price of an hour in the offer's currency, without `fixed_hour`, and what is billed, in words.

        Raises BadInputError for a pod that is too big for the offer.
        """


@dataclass(frozen=True)
class PodOffer(Offer):
    """Pods billed by the smallest size that holds each."""

    vcpu_hour: float
    gib_hour: float
    overhead_memory_mib: int
    sizes: tuple[PodSize, ...]

    def hourly(self, sizings: Sequence[Sizing]) -> tuple[float, str]:
        each = [(sizing.replicas, *self._pod(sizing)) for sizing in sizings]
        billed = " + ".join(f"{replicas} x {cpu_m}m, {memory_mib} MiB" for replicas, _, cpu_m, memory_mib in each)
        return sum(replicas * price for replicas, price, _, _ in each), billed

    def _pod(self, sizing: Sizing) -> tuple[float, int, int]:
        """Price of an hour of one pod, by the cheapest size that holds it, and that size."""
        needed_mib = sizing.memory_mib + self.overhead_memory_mib
        fitting = [
            (
                size.cpu_m / CPU_M_A_VCPU * self.vcpu_hour + memory_mib / MIB_A_GIB * self.gib_hour,
                size.cpu_m,
                memory_mib,
            )
            for size in self.sizes
            if size.cpu_m >= sizing.cpu_m and (memory_mib := size.memory_for(needed_mib)) is not None
        ]
        if not fitting:
            raise _too_big(self, sizing)
        return min(fitting)


@dataclass(frozen=True)
class NodeOffer(Offer):
    """Whole nodes, as many as the pods need and no fewer than `nodes_min`, so that one may fail."""

    node_hour: float
    allocatable_cpu_m: int
    allocatable_memory_mib: int
    pods_max: int
    nodes_min: int

    def hourly(self, sizings: Sequence[Sizing]) -> tuple[float, str]:
        """Pods of different sizes share nodes: each takes the share of a node that as many of its like would leave."""
        full = sum(sizing.replicas / self._pods_a_node(sizing) for sizing in sizings)
        nodes = max(self.nodes_min, math.ceil(full - _ROUNDING))
        return nodes * self.node_hour, f"{nodes} nodes for {sum(sizing.replicas for sizing in sizings)} pods"

    def _pods_a_node(self, sizing: Sizing) -> int:
        by_cpu = self.allocatable_cpu_m // sizing.cpu_m
        by_memory = self.allocatable_memory_mib // sizing.memory_mib
        pods_a_node = min(by_cpu, by_memory, self.pods_max)
        if pods_a_node < 1:
            raise _too_big(self, sizing)
        return pods_a_node


@dataclass(frozen=True)
class Prices:
    """All offers of a price file, by name, and its exchange rate."""

    path: Path
    exchange: Exchange
    offers: Mapping[str, Offer]

    def offer(self, name: str) -> Offer:
        """Raises BadInputError for a name that the file does not have."""
        if name not in self.offers:
            raise BadInputError(
                str(self.path), f"it has no offer {name!r}, only {', '.join(self.offers)}", "Add it, or choose another"
            )
        return self.offers[name]


@dataclass(frozen=True)
class MonthlyCost:
    """What a plan costs in a month, in both currencies; `billed` says what for."""

    offer: str
    usd: float
    brl: float
    billed: str


def monthly_cost(
    prices: Prices, offer_name: str, sizings: Sequence[Sizing], hours: float = HOURS_A_MONTH
) -> MonthlyCost:
    """The cost by one offer of pods that run for so many hours a month, together.

    Raises BadInputError for an unknown offer, a sizing that is not positive and pods too big for the offer.
    """
    for sizing in sizings:
        if min(sizing.replicas, sizing.cpu_m, sizing.memory_mib) < 1:
            raise BadInputError("sizing", f"{sizing} cannot be priced", "Give replicas, CPU and memory above 0")
    if not 0 <= hours <= HOURS_A_MONTH:
        raise BadInputError("hours", f"a month has no {hours:g}", f"Give from 0 to {HOURS_A_MONTH}")
    offer = prices.offer(offer_name)
    hourly, billed = offer.hourly(sizings)
    amount = (hourly + offer.fixed_hour) * hours
    rate = prices.exchange.brl_per_usd
    usd, brl = (amount, amount * rate) if offer.currency == "USD" else (amount / rate, amount)
    return MonthlyCost(offer.name, usd, brl, billed)


def _too_big(offer: Offer, sizing: Sizing) -> BadInputError:
    problem = f"a pod of {sizing.cpu_m}m CPU and {sizing.memory_mib} MiB fits no size of {offer.title}"
    return BadInputError(f"offer {offer.name}", problem, "Use smaller pods, or add a bigger size to the price file")
