"""What goes with the replicas of a plan: database connections, proxies, Valkey, and the autoscaler's settings."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from slotrush.capacity.intervals import positive
from slotrush.capacity.laws import CpuUse
from slotrush.capacity.queueing import servers_for
from slotrush.errors import BadInputError

CPU_M_A_CORE: Final = 1000
BYTES_A_MIB: Final = 1024 * 1024
CPU_M_MIN: Final = 10
"""The least CPU that is worth asking for."""
CPU_USED_MAX: Final = 0.7
"""Share of a tier's CPU that a plan uses: what is left takes up bursts, and queueing stays short (M/M/1: 3.3 x S)."""
WAITS_MAX: Final = 0.05
"""Share of requests that may wait for a connection of their replica's pool."""
PERIODS_TO_MAX: Final = 2
"""Periods of the autoscaler from its minimum to its maximum, if one measurement asks for it."""
TOLERANCE: Final = 0.1
"""By so much a replica may be above its target before an HPA adds one, as Kubernetes has it by default."""
TARGET_MIN_PERCENT: Final = 10
"""Below this an HPA hardly ever leaves its maximum."""


@dataclass(frozen=True)
class Pooling:
    """Database connections: the pool of one replica, what all replicas may open to the poolers, and what these open to
    the server, of which they lend one for each transaction."""

    per_replica: int
    clients_max: int
    poolers: int
    pool_size: int
    """Of one pooler: enough without those that may fail."""
    server_total: int
    server_allows: int

    @property
    def fits(self) -> bool:
        """Does the server allow as many as are needed?"""
        return self.server_total <= self.server_allows


@dataclass(frozen=True)
class DatabaseUse:
    """How requests use the database: seconds that one keeps a connection of its replica's pool, seconds that its
    transactions keep one of the server, each the longest mean of a swarm that met the objectives; what else connects,
    and what the server allows."""

    lent_s: float
    transaction_s: float
    other_connections: int
    connections_max: int


def pooling(use: DatabaseUse, arrivals_per_s: float, replicas: int, replicas_max: int, failures: int) -> Pooling:
    """Connections for the replicas that are left after the failures, each pool as M/M/c with waiting rare.

    The offered load is by Little's law: connections in use = requests per second x seconds kept. As many poolers may
    fail as replicas. Raises BadInputError for values that are not positive.
    """
    alive = positive("replicas left after the failures", replicas - failures)
    per_replica = servers_for(arrivals_per_s / alive, use.lent_s, WAITS_MAX)
    clients_max = per_replica * replicas_max
    pool_size = min(servers_for(arrivals_per_s, use.transaction_s, WAITS_MAX), clients_max)
    poolers = 1 + failures
    server_total = poolers * pool_size + use.other_connections
    return Pooling(per_replica, clients_max, poolers, pool_size, server_total, use.connections_max)


@dataclass(frozen=True)
class TierUse:
    """What a tier beside the replicas spends: CPU, memory at rest and per patient's connection.

    A tier with `instance_cpu_m` grows by instances of that size, each of which has the `cpu.idle_cores`. Without, one
    instance does all the work and can use up to `cpu_m_max` (one core, if it is one thread); `standbys` of the same
    size wait for it to fail.
    """

    name: str
    cpu: CpuUse
    memory_base_mib: float
    memory_per_connection_bytes: float
    instance_cpu_m: int | None = None
    instance_connections_max: int | None = None
    cpu_m_max: int = CPU_M_A_CORE
    standbys: int = 0


@dataclass(frozen=True)
class TierNeed:
    """How many instances a tier needs, and of which size each. `busy_cpu_m`: what those that work can use at most, with
    the ones gone that may fail."""

    name: str
    instances: int
    cpu_m: int
    memory_mib: int
    busy_cpu_m: int


def tier_need(use: TierUse, arrivals_per_s: float, connections: float, failures: int) -> TierNeed:
    """Instances that use at most 70 % of their CPU with the failed ones gone.

    Raises BadInputError for instances that are too small for their idle work.
    """
    requests_m = arrivals_per_s * use.cpu.s_per_request.high * CPU_M_A_CORE
    idle_m = use.cpu.idle_cores * CPU_M_A_CORE
    if use.instance_cpu_m is None:
        cpu_m = max(CPU_M_MIN, math.ceil((idle_m + requests_m) / CPU_USED_MAX))
        sized_m = min(cpu_m, use.cpu_m_max)
        return TierNeed(use.name, 1 + use.standbys, sized_m, _memory_mib(use, connections), use.cpu_m_max)
    if (each_m := use.instance_cpu_m * CPU_USED_MAX - idle_m) <= 0:
        raise BadInputError(
            use.name,
            f"an instance of {use.instance_cpu_m}m is busy with {idle_m:.0f}m before the first request",
            "Look what it does, and measure again",
        )
    by_connections = math.ceil(connections / use.instance_connections_max) if use.instance_connections_max else 1
    alive = max(1, math.ceil(requests_m / each_m), by_connections)
    memory_mib = _memory_mib(use, connections / alive)
    return TierNeed(use.name, alive + failures, use.instance_cpu_m, memory_mib, alive * use.instance_cpu_m)


def _memory_mib(use: TierUse, connections: float) -> int:
    return math.ceil(use.memory_base_mib + connections * use.memory_per_connection_bytes / BYTES_A_MIB)


@dataclass(frozen=True)
class Autoscaling:
    """Settings of a HorizontalPodAutoscaler on CPU, in per cent of the pod's request; and on requests per second of
    each pod, where something measures these."""

    replicas_min: int
    replicas_max: int
    target_utilisation_percent: int
    target_requests_per_s: int
    scale_up_pods: int
    """In each period, or `scale_up_percent` of the pods, whichever is more."""
    scale_up_window_s: int = 0
    """Scale up on the first sample: a booking rush is over in minutes."""
    scale_up_percent: int = 100
    scale_up_period_s: int = 15
    """Kubernetes' own default: twice as many pods in each period of the controller."""
    scale_down_window_s: int = 300
    scale_down_percent: int = 10
    scale_down_period_s: int = 60
    """Slowly, as each pod that leaves has connections to drain."""


def autoscaling(
    replicas: int,
    replicas_quiet: int,
    failures: int,
    utilisation_at_limit: float,
    demand_per_s: float,
    capacity_per_s: Callable[[int], float],
    headroom: float,
) -> Autoscaling:
    """Settings with which the autoscaler keeps the replicas of the plan while there is the demand of the plan.

    One replica fewer would then be above the target by more than the tolerance. Else the autoscaler would leave it at
    that, and the failure that is paid for would take the head-room. And at the target no replica has less than its
    head-room left. Both are shares of what replicas do at the limit of their objectives: of their utilisation, and of
    `capacity_per_s` of so many of them: the one that the plan counts on. Where they do more, they are less busy, and
    the autoscaler needs fewer of them for the same. The minimum carries the quiet load; the maximum is the plan and
    the failures, so that the autoscaler may replace pods which are still counted but dead. Two periods lead from the
    one to the other. Raises BadInputError for a utilisation or a head-room that leaves no useful target.
    """
    spared = 1 / (1 + headroom)
    target = math.floor(100 * utilisation_at_limit * spared / (1 + TOLERANCE))
    if target < TARGET_MIN_PERCENT:
        raise BadInputError(
            "autoscaling target",
            f"a utilisation of {utilisation_at_limit:.0%} at the limit with {headroom:.0%} head-room gives {target} %",
            f"Choose a head-room that leaves {TARGET_MIN_PERCENT} % at least",
        )
    least, most = replicas_min(replicas, replicas_quiet, failures), replicas + failures
    each_per_s = spared * capacity_per_s(replicas) / replicas / (1 + TOLERANCE)
    if least < replicas:
        fewer = replicas - 1
        # An HPA counts whole per cent, and has to find more than the tolerance.
        busy_percent = math.floor(100 * utilisation_at_limit * demand_per_s / capacity_per_s(fewer))
        target = min(target, math.ceil(busy_percent / (1 + TOLERANCE)) - 1)
        each_per_s = min(each_per_s, demand_per_s / fewer / (1 + TOLERANCE))
    step = math.ceil((most - least) / PERIODS_TO_MAX) or 1
    return Autoscaling(least, most, max(target, 1), max(math.floor(each_per_s), 1), step)


def replicas_min(replicas: int, replicas_quiet: int, failures: int) -> int:
    """What carries the quiet load, and at least one that is left after the failures; never more than the plan."""
    return min(max(replicas_quiet, 1 + failures), replicas)
