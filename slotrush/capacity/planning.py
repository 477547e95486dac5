"""The plan: from measurements and a demand to replicas, needs, predictions with intervals, and what breaks first.

A pure function. Every uncertain input is an interval; the outputs' intervals come from drawing all inputs together
(Monte-Carlo), as Netflix's service-capacity-modeling does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from slotrush.capacity.bottleneck import Component, Limit, component_draws, limits
from slotrush.capacity.demand import Capacity, Demand, demand_draws
from slotrush.capacity.intervals import TAIL, Floats, Interval, around, draw
from slotrush.capacity.laws import CpuUse
from slotrush.capacity.needs import (
    CPU_M_A_CORE,
    Autoscaling,
    DatabaseUse,
    Pooling,
    TierNeed,
    TierUse,
    autoscaling,
    pooling,
    tier_need,
)
from slotrush.capacity.queueing import Station
from slotrush.errors import BadInputError

DRAWS: Final = 2_000
SURE: Final = 1 - TAIL
"""The share of draws in which the replicas must hold: the lower end of the capacity's interval is what counts."""
_DEMAND_SEED, _CAPACITY_SEED, _BAD_SEED = 1, 2, 101
REPLICAS_MAX: Final = 5_000
"""Kubernetes is tested with clusters of 5,000 nodes; no plan of one service goes beyond."""
REPLICAS, CONNECTIONS = "replicas", "connections"
USABLE: Final = 0.9
"""A part that is busier than this keeps others waiting: an M/M/1 station then takes ten times as long as when idle."""
_P99: Final = 0.99


@dataclass(frozen=True)
class Measured:
    """What is known of the system.

    `utilisation_at_limit` is the CPU utilisation of a replica (of its request or quota) at the capacity, that is when
    the objectives are just met; `bad_share` the share of requests that go bad whatever the load; `timeout_s` what a
    client waits at most. Response times are those of M/M/c with one server per replica.
    """

    capacity: Capacity
    utilisation_at_limit: float
    timeout_s: float
    components: tuple[Component, ...] = ()
    database: DatabaseUse | None = None
    tiers: tuple[TierUse, ...] = ()
    bad_share: Interval | None = None


@dataclass(frozen=True)
class Policy:
    """What the plan must hold: spare capacity as a share of the demand, replicas that may fail at the peak, and the
    load of a quiet hour as a share of the peak's, which the autoscaler's minimum carries."""

    headroom: float = 0.3
    failures: int = 1
    quiet_share: float = 0.1

    def __post_init__(self) -> None:
        """Raises BadInputError for values that make no sense."""
        if not 0 <= self.headroom < math.inf:
            raise BadInputError("head-room", f"{self.headroom:g} is no share", "Give 0 or more, 0.3 for 30 %")
        if self.failures < 0:
            raise BadInputError("failures", f"{self.failures} is less than 0", "Give 0 or more")
        if not 0 < self.quiet_share <= 1:
            raise BadInputError("quiet share", f"{self.quiet_share:g} is no share", "Give more than 0, and 1 at most")


@dataclass(frozen=True)
class Prediction:
    """At the peak: share of the saturation throughput in use, response time in seconds, share of good answers.

    The response times' ends are infinite where the demand may exceed what the replicas can do.
    """

    replicas: int
    capacity_per_s: Interval
    utilisation: Interval
    mean_s: float
    p99_s: Interval
    availability: Interval


@dataclass(frozen=True)
class Refusal:
    """Why a demand is not held: the part `by` which, and the problem."""

    by: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class Provision:
    """What a demand needs, and where each part of it ends. `confident` is how likely the replicas, less the failures,
    hold the demand and its head-room; `replicas_promise_per_s` the most that they hold with the certainty that is
    asked for."""

    demand: Demand
    policy: Policy
    replicas: int
    confident: float
    replicas_promise_per_s: float
    autoscaling: Autoscaling
    limits: tuple[Limit, ...] = field(repr=False)
    pooling: Pooling | None
    tiers: tuple[TierNeed, ...]

    @property
    def breaks_first(self) -> Limit:
        """The part with the lowest limit when all replicas of the plan are up."""
        return self.limits[0]

    @property
    def needed_per_s(self) -> float:
        """The demand with its head-room."""
        return needed_per_s(self.demand, self.policy)

    def carries(self, limit: Limit) -> bool:
        """Does this part carry the demand and its head-room? The replicas do, or there would be no plan."""
        return limit.name == REPLICAS or limit.rate_per_s.low >= self.needed_per_s

    @property
    def refusal(self) -> Refusal | None:
        """The first part beside the replicas, or the database's connections, that does not carry the demand."""
        for limit in self.limits:
            if not self.carries(limit):
                carried = f"{limit.rate_per_s.low:.0f} of {self.needed_per_s:.0f} requests per s, head-room included"
                return Refusal(limit.name, f"{limit.name} carries {carried}")
        if self.pooling is not None and not self.pooling.fits:
            needed = f"{self.pooling.server_total} connections are needed"
            return Refusal(CONNECTIONS, f"{needed}, and the database allows {self.pooling.server_allows}")
        return None

    @property
    def holds(self) -> bool:
        """Do the parts that do not grow with the replicas, and the database's connections, carry the demand too?"""
        return self.refusal is None

    @property
    def promised_per_s(self) -> float | None:
        """The most that all parts, as planned, hold with the head-room; None when they do not hold the demand."""
        if not self.holds:
            return None
        beside_per_s = min((limit.rate_per_s.low for limit in self.limits if limit.name != REPLICAS), default=math.inf)
        arrivals = self.demand.arrivals_per_s
        return min(self.replicas_promise_per_s, beside_per_s / self.needed_per_s * arrivals.mid)


@dataclass(frozen=True, kw_only=True)
class Plan(Provision):
    """A provision, and how it would answer at the peak."""

    predicted: Prediction
    predicted_after_failures: Prediction


def plan(measured: Measured, demand: Demand, policy: Policy = Policy()) -> Plan:
    """The fewest replicas that hold the demand and its head-room, less the failures, in 97.5 % of all draws.

    Raises BadInputError as `provide` does.
    """
    provided = provide(measured, demand, policy)
    return Plan(
        **vars(provided),
        predicted=predict(measured, demand, provided.replicas),
        predicted_after_failures=predict(measured, demand, provided.replicas - policy.failures),
    )


def provide(measured: Measured, demand: Demand, policy: Policy) -> Provision:
    """A plan without its predictions. The proxies keep a connection for each patient, or each request that may wait.

    Raises BadInputError when no number of replicas is enough, and for inputs that are no positive intervals.
    """
    staffed = staff(measured.capacity, demand, policy)
    replicas = staffed.replicas
    scaling = autoscaling(
        replicas,
        staffed.replicas_quiet,
        policy.failures,
        measured.utilisation_at_limit,
        demand.arrivals_per_s.mid,
        lambda count: measured.capacity.per_s(count).low,
        policy.headroom,
    )
    database, needed = measured.database, needed_per_s(demand, policy)
    connections = demand.patients(needed) or needed * measured.timeout_s
    tiers = tuple(tier_need(use, needed, connections, policy.failures) for use in measured.tiers)
    return Provision(
        demand=demand,
        policy=policy,
        replicas=replicas,
        confident=staffed.confident,
        replicas_promise_per_s=staffed.promised_per_s,
        autoscaling=scaling,
        limits=system_limits(measured, demand, replicas, tiers),
        pooling=None
        if database is None
        else pooling(database, needed, replicas, scaling.replicas_max, policy.failures),
        tiers=tiers,
    )


def needed_per_s(demand: Demand, policy: Policy) -> float:
    """The demand with its head-room, in requests per second."""
    return demand.arrivals_per_s.high * (1 + policy.headroom)


@dataclass(frozen=True)
class Staff:
    """How many replicas a demand needs, at the peak and in a quiet hour, the ones that may fail included."""

    replicas: int
    replicas_quiet: int
    confident: float
    promised_per_s: float


def staff(capacity: Capacity, demand: Demand, policy: Policy) -> Staff:
    """The fewest replicas for a demand. Raises BadInputError when no number of replicas is enough."""
    needed = demand_draws(demand, DRAWS, _DEMAND_SEED) * (1 + policy.headroom)
    alive, ratios = _fewest(capacity, needed)
    quiet, _ = _fewest(capacity, needed * policy.quiet_share)
    return Staff(
        alive + policy.failures,
        quiet + policy.failures,
        float(np.mean(ratios >= 1)),
        _surely(ratios) * demand.arrivals_per_s.mid,
    )


def predict(measured: Measured, demand: Demand, replicas: int) -> Prediction:
    """What so many replicas would show at the peak of the demand."""
    rates = demand_draws(demand, DRAWS, _DEMAND_SEED)
    capacities = measured.capacity.draws_per_s(replicas, DRAWS, _CAPACITY_SEED)
    capacity = measured.capacity.per_s(replicas)
    rate_per_s = demand.arrivals_per_s.mid
    bad = np.zeros(DRAWS)
    bad_mid = 0.0
    if measured.bad_share is not None:
        bad = np.minimum(draw(measured.bad_share, DRAWS, np.random.default_rng(_BAD_SEED)), 1.0)
        bad_mid = measured.bad_share.mid
    pairs = zip(rates.tolist(), (capacities / measured.utilisation_at_limit).tolist(), strict=True)
    outcomes = [respond(replicas, *pair, measured.timeout_s) for pair in pairs]
    usual = respond(replicas, rate_per_s, capacity.mid / measured.utilisation_at_limit, measured.timeout_s)
    in_time = np.array([outcome.in_time for outcome in outcomes])
    return Prediction(
        replicas=replicas,
        capacity_per_s=capacity,
        utilisation=around(
            rate_per_s * measured.utilisation_at_limit / capacity.mid,
            rates * measured.utilisation_at_limit / capacities,
        ),
        mean_s=usual.mean_s,
        p99_s=around(usual.p99_s, [outcome.p99_s for outcome in outcomes]),
        availability=around(usual.in_time * (1 - bad_mid), in_time * (1 - bad)),
    )


def shares(measured: Measured, demand: Demand, replicas: int) -> tuple[float, Floats]:
    """The share of their capacity that so many replicas use at the peak: the estimate, and draws of shape (draws,)."""
    rates = demand_draws(demand, DRAWS, _DEMAND_SEED)
    capacities = measured.capacity.draws_per_s(replicas, DRAWS, _CAPACITY_SEED)
    return demand.arrivals_per_s.mid / measured.capacity.per_s(replicas).mid, rates / capacities


def system_limits(
    measured: Measured, demand: Demand, replicas: int, tiers: Sequence[TierNeed] = ()
) -> tuple[Limit, ...]:
    """Limits of the replicas together, of each component, and of the tiers as they are planned; the lowest first."""
    capacities = measured.capacity.draws_per_s(replicas, DRAWS, _CAPACITY_SEED)
    table = {REPLICAS: (measured.capacity.per_s(replicas).mid, capacities)}
    planned = [as_component(use, need) for use, need in zip(measured.tiers, tiers, strict=False)]
    return limits(table | component_draws((*measured.components, *planned), DRAWS), demand)


def as_component(use: TierUse, need: TierNeed) -> Component:
    """A tier of the planned size, without what may fail."""
    working = 1 if use.instance_cpu_m is None else need.busy_cpu_m / use.instance_cpu_m
    cpu = CpuUse(use.cpu.s_per_request, use.cpu.idle_cores * working)
    return Component(use.name, cpu, need.busy_cpu_m / CPU_M_A_CORE, USABLE)


@dataclass(frozen=True)
class Response:
    """Response times in seconds, and the share of requests that are answered in time."""

    mean_s: float
    p99_s: float
    in_time: float


def respond(replicas: int, rate_per_s: float, saturation_per_s: float, timeout_s: float) -> Response:
    """By M/M/c with one server per replica; from saturation on only what can be served is."""
    if rate_per_s >= saturation_per_s:
        return Response(math.inf, math.inf, saturation_per_s / rate_per_s)
    station = Station(rate_per_s, replicas / saturation_per_s, replicas)
    return Response(station.response_s, station.response_percentile_s(_P99), 1 - station.slower_than(timeout_s))


def _surely(ratios: Floats) -> float:
    """What all but the lowest 2.5 % of the draws reach."""
    return float(np.quantile(ratios, TAIL, method="inverted_cdf"))


def _fewest(capacity: Capacity, needed_per_s: Floats) -> tuple[int, Floats]:
    """The fewest replicas that take the needed rate in all but 2.5 % of the draws; and capacity over need, (draws,)."""
    most = int(min(capacity.replicas_useful_max, REPLICAS_MAX))
    surest, likeliest, peak, highest = 0.0, 0.0, 1, 0.0
    for replicas in range(1, most + 1):
        ratios = capacity.draws_per_s(replicas, len(needed_per_s), _CAPACITY_SEED) / needed_per_s
        if (sure := _surely(ratios)) >= 1:
            return replicas, ratios
        surest = max(surest, sure)
        likeliest = max(likeliest, float(np.mean(ratios >= 1)))
        if (median := float(np.median(ratios))) > highest:
            highest, peak = median, replicas
    needed = float(np.median(needed_per_s))
    best = capacity.per_s(peak)
    rate = f"{needed:.0f} requests per s, head-room included,"
    takes = f"{peak} replicas take {best.mid:.0f} per s ({best.low:.0f} to {best.high:.0f})"
    promised = f"{SURE:.1%} sure are {surest * needed:.0f} per s, or {surest:.0%} of that demand"
    if likeliest < TAIL:
        raise BadInputError(
            "demand",
            f"{rate} are more than any number of replicas can take: {takes}, and more do not help; {promised}",
            "Plan for fewer patients or longer think times, or remove what limits scaling and measure again",
        )
    raise BadInputError(
        "demand",
        f"{rate} cannot be promised for any number of replicas: {takes}; {promised}",
        "Measure more replicas, nearer to that demand, or each of them more often; or plan for fewer patients",
    )
