"""A plan's figures against demand: what it costs, and how the planned replicas answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.capacity import mva
from slotrush.capacity.cost import HOURS_A_MONTH, Prices, Sizing, monthly_cost
from slotrush.capacity.demand import Demand
from slotrush.capacity.intervals import exactly
from slotrush.capacity.needs import TierNeed
from slotrush.capacity.plan_document import Money, OfferCost, Pod, ResponsePoint, SeriesCost, SeriesPoint
from slotrush.capacity.planning import (
    REPLICAS,
    Measured,
    Plan,
    Policy,
    Provision,
    Refusal,
    as_component,
    provide,
    respond,
)
from slotrush.errors import BadInputError

COST_SHARES: Final = tuple(tenth / 10 for tenth in range(1, 21))
"""Of the demand that was asked for: up to twice as much."""
RESPONSE_SHARES: Final = tuple(tenth / 10 for tenth in range(1, 31))
"""Up to three times as much, which is beyond what the replicas can do."""
PATIENTS_MAX: Final = 100_000
"""Mean-value analysis takes each number of patients in turn: a second or two for so many."""
POOLER_CPU_M, POOLER_MEMORY_MIB = 100, 64
"""The requests of a pooler, as in k8s/data/postgres.yaml."""
PRICES: Final = "prices"
"""Refuses pods that an offer has no size for."""


@dataclass(frozen=True)
class Paid:
    """What is paid for: the pods of the plan, less some replicas outside the peak hours."""

    pod: Pod
    replicas: int
    replicas_quiet: int
    tiers: tuple[TierNeed, ...]
    poolers: int
    peak_hours: float

    def sizings(self, replicas: int) -> list[Sizing]:
        beside = [Sizing(tier.instances, tier.cpu_m, tier.memory_mib) for tier in self.tiers]
        if self.poolers:
            beside.append(Sizing(self.poolers, POOLER_CPU_M, POOLER_MEMORY_MIB))
        return [Sizing(replicas, self.pod.cpu_m, self.pod.memory_mib), *beside]


def paid_for(provided: Provision, pod: Pod, peak_hours: float) -> Paid:
    poolers = 0 if provided.pooling is None else provided.pooling.poolers
    return Paid(pod, provided.replicas, provided.autoscaling.replicas_min, provided.tiers, poolers, peak_hours)


def offer_costs(prices: Prices, paid: Paid) -> tuple[OfferCost, ...]:
    """A month by every offer of the price file. Raises BadInputError for pods that an offer has no size for."""
    found = []
    for name, offer in prices.offers.items():
        always = monthly_cost(prices, name, paid.sizings(paid.replicas))
        peak = monthly_cost(prices, name, paid.sizings(paid.replicas), paid.peak_hours)
        quiet = monthly_cost(prices, name, paid.sizings(paid.replicas_quiet), HOURS_A_MONTH - paid.peak_hours)
        found.append(
            OfferCost(
                offer=name,
                title=offer.title,
                always=Money(always.usd, always.brl),
                scaled=Money(peak.usd + quiet.usd, peak.brl + quiet.brl),
                billed=always.billed,
                read_on=offer.read_on,
                source=offer.source,
            )
        )
    return tuple(found)


def cost_series(
    measured: Measured, demand: Demand, policy: Policy, prices: Prices, pod: Pod, peak_hours: float
) -> tuple[SeriesPoint, ...]:
    """The plan's replicas and costs for other demands; from the first that cannot be promised on there is only why."""
    found: list[SeriesPoint] = []
    refusal: Refusal | None = None
    for share in COST_SHARES:
        other = scaled(demand, share)
        load = (other.arrivals_per_s.mid, whole_patients(other, other.arrivals_per_s.mid))
        point = refusal or priced(measured, other, policy, prices, pod, peak_hours)
        if isinstance(point, Refusal):
            refusal = point
            found.append(SeriesPoint(*load, None, refusal.problem, refusal.by, ()))
        else:
            costs = tuple(SeriesCost(one.offer, one.always, one.scaled) for one in point.costs)
            found.append(SeriesPoint(*load, point.replicas, None, None, costs))
    return tuple(found)


@dataclass(frozen=True)
class Priced:
    """What a demand needs and costs. `replicas_quiet` is the autoscaler's minimum."""

    replicas: int
    replicas_quiet: int
    costs: tuple[OfferCost, ...]


def priced(
    measured: Measured, demand: Demand, policy: Policy, prices: Prices, pod: Pod, peak_hours: float
) -> Priced | Refusal:
    """The costs of a plan without its predictions, or why there is none that holds the demand and can be priced."""
    try:
        provided = provide(measured, demand, policy)
    except BadInputError as error:
        return Refusal(REPLICAS, error.problem)
    if provided.refusal is not None:
        return provided.refusal
    paid = paid_for(provided, pod, peak_hours)
    try:
        return Priced(paid.replicas, paid.replicas_quiet, offer_costs(prices, paid))
    except BadInputError as error:
        return Refusal(PRICES, error.problem)


def scaled(demand: Demand, share: float) -> Demand:
    """So many times the demand, from as many times the patients."""
    return Demand(exactly(demand.arrivals_per_s.mid * share), demand.turn_s)


def whole_patients(demand: Demand, rate_per_s: float) -> int | None:
    patients = demand.patients(rate_per_s)
    return None if patients is None else round(patients)


def response_series(measured: Measured, plan: Plan) -> tuple[ResponsePoint, ...]:
    """How the planned replicas answer at other demands."""
    capacity = plan.predicted.capacity_per_s.mid
    saturation_per_s = capacity / measured.utilisation_at_limit
    closed = _closed_mean_s(measured, plan, saturation_per_s)
    found = []
    for share in RESPONSE_SHARES:
        rate_per_s = plan.demand.arrivals_per_s.mid * share
        patients = whole_patients(plan.demand, rate_per_s)
        open_load = respond(plan.replicas, rate_per_s, saturation_per_s, measured.timeout_s)
        kept_up = rate_per_s < saturation_per_s
        found.append(
            ResponsePoint(
                arrivals_per_s=rate_per_s,
                patients=patients,
                mean_s=open_load.mean_s if kept_up else None,
                p99_s=open_load.p99_s if kept_up else None,
                closed_mean_s=closed[patients - 1] if patients and patients <= len(closed) else None,
            )
        )
    return tuple(found)


def _closed_mean_s(measured: Measured, plan: Plan, saturation_per_s: float) -> Sequence[float]:
    """Mean response times in seconds for 1, 2, … patients who wait for their answers; empty for plain arrivals and
    where idle work fills a part.

    The replicas are one station m times as fast as one of them and a delay of the rest of a request's service, so that
    time grows with the patients and not with their square. At middling loads that is a fifth too slow at most. Source:
    Seidmann, Schweitzer and Shalev-Oren, Computerized Closed Queueing Network Models of Flexible Manufacturing Systems,
    Large Scale Systems 12, 1987.
    """
    turn_s = plan.demand.turn_s
    most = whole_patients(plan.demand, plan.demand.arrivals_per_s.mid * max(RESPONSE_SHARES))
    tiers = [as_component(use, need) for use, need in zip(measured.tiers, plan.tiers, strict=True)]
    if turn_s is None or most is None or not all(tier.for_requests_cores for tier in tiers):
        return ()
    service_s = plan.replicas / saturation_per_s
    delay_s = service_s * (plan.replicas - 1) / plan.replicas
    beside = [mva.Station(tier.name, tier.cpu.s_per_request.mid / tier.for_requests_cores) for tier in tiers]
    stations = [mva.Station("replicas", service_s / plan.replicas), *beside]
    solution = mva.solve(stations, min(most, PATIENTS_MAX), turn_s + delay_s)
    means: list[float] = np.asarray(solution.responses_s + delay_s).tolist()
    return means
