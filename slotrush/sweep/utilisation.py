"""How busy each component is at the limit, and which of them is full first. Pure."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from slotrush.capacity import laws
from slotrush.capacity.bisect import Verdict
from slotrush.errors import BadInputError
from slotrush.sweep.model import Point, Settings

APP, MACHINE = "app", "machine"
ONE_CORE: Final = frozenset({"valkey", "notifier", "images", "mailbox", "harness"})
"""Components whose work is one thread's."""
STRANGERS: Final = "strangers"
"""Other programs of this machine: they fill it, but are no part of what is measured."""
NOBODY: Final = frozenset({MACHINE, STRANGERS, "steal"})
"""What probes measure beside the components."""
MACHINE_SHARE_MAX: Final = 0.85
"""A machine that is busier than this makes everybody wait, also those who have a quota of their own."""


@dataclass(frozen=True)
class Use:
    """Cores that a component keeps busy at the limit, and those that it could. `disagreement`: the worst of a probe
    with the utilisation law, as a share; None where too few probes tell."""

    cores: float
    of_cores: float
    disagreement: float | None

    @property
    def share(self) -> float:
        return self.cores / self.of_cores


def at_limit(point: Point, settings: Settings, machine_cores: int) -> dict[str, Use]:
    """By component, the busiest first: by the utilisation law from what all probes showed, at the limit's throughput.

    The machine has all components, and the strangers as they were in most probes. Empty when no probe was measured.
    """
    limit = point.throughput_per_s
    if limit is None:
        return {}
    names = {name for probe in point.probes for name in probe.cores} - NOBODY
    uses = {
        name: _use(point, name, limit.mid, cores_of(name, point.replicas, settings, machine_cores)) for name in names
    }
    if uses:
        own_cores = sum(use.cores for use in uses.values())
        uses[MACHINE] = Use(own_cores + strangers_cores(point), machine_cores, None)
    return dict(sorted(uses.items(), key=lambda item: -item[1].share))


def strangers_cores(point: Point) -> float:
    """Cores that programs other than ours kept busy, in the median probe."""
    return statistics.median([probe.cores.get(STRANGERS, 0.0) for probe in point.probes if probe.cores] or [0.0])


def cores_of(component: str, replicas: int, settings: Settings, machine_cores: int) -> float:
    """How many cores a component can keep busy."""
    if component == APP:
        most = float(replicas)
        return min(most, machine_cores) if settings.cpu_quota_m is None else most * settings.cpu_quota_m / 1000
    if component in ONE_CORE:
        return 1.0
    most = {"proxy": settings.proxies, "generator": settings.workers}.get(component, machine_cores)
    return float(min(most, machine_cores))


def busy_cores(points: Iterable[Point], name: str) -> tuple[list[float], list[float]]:
    """Throughputs in requests per second, and cores that the component kept busy, of all probes that tell."""
    seen = [
        (probe.throughput_per_s, probe.cores[name])
        for point in points
        for probe in point.probes
        if probe.throughput_per_s and probe.cores.get(name) and probe.verdict is not Verdict.UNDECIDED
    ]
    return [rate for rate, _ in seen], [busy for _, busy in seen]


def limited_by(uses: Mapping[str, Use]) -> str | None:
    """What is full first: the machine when it is too busy for anybody, else the busiest component; None if unknown."""
    if not uses:
        return None
    if MACHINE in uses and uses[MACHINE].share > MACHINE_SHARE_MAX:
        return MACHINE
    return max((name for name in uses if name != MACHINE), key=lambda name: uses[name].share, default=MACHINE)


def _use(point: Point, name: str, throughput_per_s: float, of_cores: float) -> Use:
    try:
        demand = laws.check_utilisation(*busy_cores([point], name))
    except BadInputError:
        busy = [
            (abs((probe.throughput_per_s or 0.0) - throughput_per_s), probe.cores.get(name, 0.0))
            for probe in point.probes
            if probe.cores
        ]
        return Use(min(busy)[1], of_cores, None)
    cores = demand.idle + laws.utilisation(throughput_per_s, demand.demand_s)
    return Use(cores, of_cores, demand.worst_disagreement)
