"""From a sweep, a question and prices to the plan as a document. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from slotrush.capacity.cost import HOURS_A_MONTH, Prices
from slotrush.capacity.demand import Demand, from_arrivals, from_patients
from slotrush.capacity.intervals import Floats, Interval, exactly
from slotrush.capacity.plan_document import (
    SCHEMA_VERSION,
    Answer,
    Caution,
    ClassP99,
    Costs,
    HeldOut,
    LimitFound,
    Needs,
    PlanDocument,
    Question,
    Source,
    Span,
    State,
)
from slotrush.capacity.planning import Plan, Policy, Prediction, plan, shares
from slotrush.capacity.scaling import Form
from slotrush.errors import BadInputError
from slotrush.plan.evidence import HELD_OUT_TARGET, scaling_law
from slotrush.plan.measured import Database, Known, known
from slotrush.plan.series import cost_series, offer_costs, paid_for, response_series
from slotrush.slo import Objectives, to_json
from slotrush.sweep import pace
from slotrush.sweep.law import NOISE
from slotrush.sweep.limits import P99
from slotrush.sweep.model import SCENARIO, Sweep
from slotrush.sweep.utilisation import strangers_cores

PRICES_DAYS_MAX: Final = 90
"""Older prices and exchange rates are to be read again."""
PACE_MIN: Final = 0.9
"""A machine that was never slower than that, as a share of its average, needs no remark."""
COUNTED: Final = ("replicas", "proxy", "valkey", "postgres", "poolers")
NOT_COUNTED: Final = (
    "notifier",
    "images",
    "disks",
    "traffic",
    "load_balancer",
    "backups",
    "monitoring",
    "support",
    "taxes",
)


@dataclass(frozen=True)
class Asked:
    """What the user gave. Either `patients` with `think_time_s`, or `arrivals_per_s`."""

    patients: int | None
    think_time_s: float
    arrivals_per_s: float | None
    policy: Policy
    peak_hours: float
    database: Database

    def demand(self) -> Demand:
        """Raises BadInputError for both or none, and for what is not positive."""
        if (self.patients is None) == (self.arrivals_per_s is None):
            raise BadInputError(
                "demand", "it is to be said once", "Give either --patients (and --think-time-s) or --arrivals-per-s"
            )
        if self.patients is not None:
            return from_patients(self.patients, self.think_time_s)
        return from_arrivals(exactly(self.arrivals_per_s or 0.0))


def make(sweep: Sweep, asked: Asked, prices: Prices, objectives: Objectives, made_on: date) -> PlanDocument:
    """The plan. `objectives` are those that the sweep was judged by.

    Raises BadInputError for a demand that makes no sense or that no number of replicas can be promised to hold, for a
    sweep without a law, and for pods that an offer has no size for.
    """
    demand = asked.demand()
    if not 0 <= asked.peak_hours <= HOURS_A_MONTH:
        raise BadInputError("peak hours", f"a month has no {asked.peak_hours:g}", f"Give from 0 to {HOURS_A_MONTH}")
    told = known(sweep, objectives, asked.database, asked.policy.failures)
    found = plan(told.measured, demand, asked.policy)
    paid = paid_for(found, told.pod, asked.peak_hours)
    law = scaling_law(told.found, max(found.autoscaling.replicas_max, told.replicas_max))
    return PlanDocument(
        schema_version=SCHEMA_VERSION,
        made_on=made_on,
        question=_question(asked, demand),
        source=_source(told),
        law=law,
        answer=_answer(told, found, p99_objectives_ms(objectives)),
        needs=Needs(told.pod, found.autoscaling, found.tiers, found.pooling),
        limits=tuple(
            LimitFound(
                name=limit.name,
                rate_per_s=Span.of(limit.rate_per_s),
                patients=None if limit.patients is None else Span.of(limit.patients),
                first=limit.first,
                carries=found.carries(limit),
            )
            for limit in found.limits
        ),
        costs=Costs(
            price_file=prices.path.name,
            brl_per_usd=prices.exchange.brl_per_usd,
            exchange_read_on=prices.exchange.read_on,
            exchange_source=prices.exchange.source,
            counted=COUNTED if paid.poolers else COUNTED[:-1],
            not_counted=NOT_COUNTED,
            offers=offer_costs(prices, paid),
        ),
        cost_series=cost_series(told.measured, demand, asked.policy, prices, told.pod, asked.peak_hours),
        response_series=response_series(told.measured, found),
        cautions=_cautions(told, found, law.held_out, _days_old(prices, made_on)),
        objectives=to_json(objectives),
    )


def p99_objectives_ms(objectives: Objectives) -> dict[str, float]:
    """What 99 % or more of the requests to each class of endpoints are to be answered in: the strictest of several."""
    strict = [
        (objective.endpoints, objective.threshold_ms)
        for objective in objectives.latencies(SCENARIO)
        if objective.target >= P99
    ]
    return dict(sorted(strict, key=lambda each: each[1], reverse=True))


def _question(asked: Asked, demand: Demand) -> Question:
    return Question(
        arrivals_per_s=demand.arrivals_per_s.mid,
        headroom=asked.policy.headroom,
        failures=asked.policy.failures,
        quiet_share=asked.policy.quiet_share,
        peak_hours=asked.peak_hours,
        patients=asked.patients,
        think_time_s=None if asked.patients is None else asked.think_time_s,
    )


def _source(told: Known) -> Source:
    sweep = told.sweep
    return Source(
        sweep_id=sweep.sweep_id,
        started_at=sweep.started_at,
        commit=sweep.commit,
        replica_cpu_m=told.pod.cpu_m,
        machine_cores=sweep.cores,
        machine_model=sweep.machine.get("cpu_model"),
        points=told.points,
        responses=told.responses,
    )


def _answer(told: Known, found: Plan, objectives_ms: Mapping[str, float]) -> Answer:
    usual, reduced = found.predicted, found.predicted_after_failures
    rate_per_s = found.demand.arrivals_per_s.mid
    usual_share = shares(told.measured, found.demand, usual.replicas)
    reduced_share = shares(told.measured, found.demand, reduced.replicas)
    return Answer(
        holds=found.holds,
        replicas=found.replicas,
        confident=found.confident,
        margin=_margin(usual.capacity_per_s, rate_per_s),
        margin_after_failures=_margin(reduced.capacity_per_s, rate_per_s),
        promised_per_s=found.promised_per_s,
        promised_patients=_whole_patients(found.demand, found.promised_per_s),
        extrapolation=found.replicas / told.replicas_max,
        usual=_state(usual),
        after_failures=_state(reduced),
        classes=tuple(
            ClassP99(
                endpoint_class=name,
                usual_ms=_p99(told, name, usual_share),
                after_failures_ms=_p99(told, name, reduced_share),
                objective_ms=objectives_ms.get(name),
            )
            for name in told.curves
        ),
    )


def _p99(told: Known, name: str, share: tuple[float, Floats]) -> Span | None:
    predicted = told.curves[name].predict(*share)
    return Span.of(predicted) if math.isfinite(predicted.mid) else None


def _margin(capacity_per_s: Interval, rate_per_s: float) -> Span:
    low, mid, high = (end / rate_per_s - 1 for end in (capacity_per_s.low, capacity_per_s.mid, capacity_per_s.high))
    return Span.of(Interval(low, mid, high))


def _whole_patients(demand: Demand, rate_per_s: float | None) -> int | None:
    patients = None if rate_per_s is None else demand.patients(rate_per_s)
    return None if patients is None else math.floor(patients)


def _state(predicted: Prediction) -> State:
    return State(
        replicas=predicted.replicas,
        capacity_per_s=Span.of(predicted.capacity_per_s),
        utilisation=Span.of(predicted.utilisation),
        mean_s=predicted.mean_s if math.isfinite(predicted.mean_s) else None,
        p99_s=Span.of(predicted.p99_s),
        availability=Span.of(predicted.availability),
    )


def _days_old(prices: Prices, today: date) -> int:
    """Of the oldest price, or of the exchange rate."""
    return (today - min(prices.exchange.read_on, *(offer.read_on for offer in prices.offers.values()))).days


def _cautions(told: Known, found: Plan, held_out: HeldOut | None, days_old: int) -> tuple[Caution, ...]:
    """What a reader must know, the worst first."""
    sweep = told.sweep
    cautions = []
    broken = sum(point.broken for point in sweep.points)
    if broken:
        cautions.append(Caution("audit_broken", float(broken)))
    if not found.holds:
        cautions.append(Caution("does_not_hold"))
    universal = told.found.universal
    if told.found.form is Form.AMDAHL and universal is not None and universal.kappa.low > 0:
        cautions.append(Caution("coherency_seen", universal.kappa.mid))
    if found.replicas > told.replicas_max:
        cautions.append(Caution("extrapolated", found.replicas / told.replicas_max))
    if held_out is None:
        cautions.append(Caution("no_held_out"))
    elif (worst := max(abs(point.error) for point in held_out.points)) > HELD_OUT_TARGET:
        cautions.append(Caution("held_out_missed", worst))
    unaudited = sum(point.unaudited for point in sweep.points)
    if unaudited:
        cautions.append(Caution("unaudited", float(unaudited)))
    slowest, _ = pace.range_of(sweep)
    if slowest < PACE_MIN:
        cautions.append(Caution("pace", slowest))
    busiest = max(strangers_cores(point) for point in sweep.points)
    if busiest > NOISE:
        cautions.append(Caution("strangers", busiest))
    if days_old > PRICES_DAYS_MAX:
        cautions.append(Caution("prices_old", float(days_old)))
    cautions.append(Caution("one_machine", float(sweep.cores)))
    cautions.append(Caution("database_size_assumed"))
    return tuple(cautions)
