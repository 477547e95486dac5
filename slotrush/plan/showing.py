"""A plan on the screen."""

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from slotrush.capacity.plan_document import (
    Answer,
    Caution,
    Held,
    HeldOut,
    LimitFound,
    Money,
    PlanDocument,
    Span,
    State,
)
from slotrush.capacity.planning import SURE

MORE: Final = (1, 2, 3)
"""So many times the patients that were asked for."""
CAUTIONS: Final = {
    "audit_broken": "the audits of the sweep found {:.0f} broken promises: mend these before you plan",
    "does_not_hold": "the plan does not hold: a part beside the replicas, or the database's connections, end before",
    "coherency_seen": "the points show coherency (about {:.4f}), which the declared law leaves out: more replicas than"
    " were measured may do less than is said here. Sweep with --law universal",
    "extrapolated": "{:.1f} times as many replicas as were measured: the law is trusted beyond its points",
    "no_held_out": "the law was not tested: no number of replicas above 4 was measured",
    "held_out_missed": "the law from the first points was up to {:.1%} off at the others, more than the 5 % aimed at",
    "unaudited": "{:.0f} swarms of the sweep were not audited: nobody knows whether they kept their promises",
    "pace": "while it was measured the machine was at times {:.0%} as fast as on average: the figures are for that",
    "strangers": "other programs kept up to {:.1f} cores of the machine busy while it was measured",
    "prices_old": "the oldest price or exchange rate was read {:.0f} days ago: read it again",
    "one_machine": "all parts were measured on one machine of {:.0f} cores: without the network between nodes",
    "database_size_assumed": "PostgreSQL may grow to what --database-cpu and --database-connections say",
}


def render(document: PlanDocument) -> Iterator[RenderableType]:
    """The answer, what is needed, what it costs, what breaks first, how the law did, and what to beware of."""
    answer = document.answer
    verdict = "can be taken" if answer.holds else "cannot be taken"
    yield Text(f"{_demand(document)} {verdict}", style="bold green" if answer.holds else "bold red")
    yield _pairs(_figures(document))
    yield Text("")
    yield _states(answer)
    yield Text("")
    yield _limits(document.limits)
    yield Text("")
    yield _costs(document)
    yield Text("")
    yield _pairs(_law(document))
    yield Text("")
    for caution in document.cautions:
        yield Text(f"note: {words(caution)}")


def words(caution: Caution) -> str:
    """The caution in a sentence."""
    return CAUTIONS[caution.key].format(caution.value)


def _demand(document: PlanDocument) -> str:
    asked = document.question
    if asked.patients is None:
        return f"{asked.arrivals_per_s:,.1f} requests/s"
    return (
        f"{asked.patients:,} patients who think for {asked.think_time_s:g} s ({asked.arrivals_per_s:,.1f} requests/s)"
    )


def _figures(document: PlanDocument) -> Iterator[tuple[str, str]]:
    answer, needs, asked = document.answer, document.needs, document.question
    yield "replicas", f"{answer.replicas} of {needs.pod.cpu_m}m CPU and {needs.pod.memory_mib} MiB each"
    if answer.promised_per_s is not None:
        promised = f"{answer.promised_per_s:,.0f} requests/s"
        if answer.promised_patients is not None:
            promised = f"{answer.promised_patients:,} patients"
        yield (
            "promised",
            f"{promised} with {asked.headroom:.0%} head-room and {asked.failures} failed, at least {SURE:.1%} sure",
        )
    scaling = needs.autoscaling
    yield (
        "autoscaler",
        f"{scaling.replicas_min} to {scaling.replicas_max} replicas, {scaling.target_utilisation_percent} % of CPU"
        f" (or {scaling.target_requests_per_s} requests/s each);"
        f" up by {scaling.scale_up_percent} % or {scaling.scale_up_pods} in {scaling.scale_up_period_s} s,"
        f" down by {scaling.scale_down_percent} % in {scaling.scale_down_period_s} s,"
        f" after {scaling.scale_down_window_s} s",
    )
    for tier in needs.tiers:
        yield tier.name, f"{tier.instances} x {tier.cpu_m}m CPU, {tier.memory_mib} MiB"
    if (pooling := needs.pooling) is not None:
        yield (
            "connections",
            f"{pooling.per_replica} in the pool of a replica, {pooling.clients_max} to {pooling.poolers} poolers of"
            f" {pooling.pool_size} each, {pooling.server_total} at the server, which allows {pooling.server_allows}",
        )
    yield from _more_patients(document)


def _more_patients(document: PlanDocument) -> Iterator[tuple[str, str]]:
    """How they fare when more come than was planned for: they wait, and so ask less often."""
    for point in document.response_series:
        times = point.arrivals_per_s / document.question.arrivals_per_s
        if point.closed_mean_s is not None and round(times, 6) in MORE:
            yield (
                f"{times:.0f} x patients",
                f"an answer takes {point.closed_mean_s * 1000:,.0f} ms on average (mean-value analysis)",
            )


def _states(answer: Answer) -> Table:
    table = _table("at the peak", "replicas", "capacity/s", "in use", "p99 (M/M/c)", "availability")
    for name, state in (("all up", answer.usual), ("after failures", answer.after_failures)):
        table.add_row(name, *_state(state))
    for one in answer.classes:
        objective = "" if one.objective_ms is None else f"of {one.objective_ms:.0f} ms"
        usual = "not measured" if one.usual_ms is None else f"{span(one.usual_ms, 0)} ms"
        table.add_row(f"p99 of {one.endpoint_class}", "", "", "", usual, objective)
    return table


def _state(state: State) -> tuple[str, ...]:
    p99_ms = Span(
        *(None if end is None else end * 1000 for end in (state.p99_s.low, state.p99_s.mid, state.p99_s.high))
    )
    return (
        str(state.replicas),
        span(state.capacity_per_s, 0),
        percent(state.utilisation, 0),
        f"{span(p99_ms, 0)} ms",
        percent(state.availability, 4),
    )


def _limits(limits: tuple[LimitFound, ...]) -> Table:
    table = _table("what breaks first", "at requests/s", "at patients", "first", "")
    for limit in limits:
        patients = "" if limit.patients is None else span(limit.patients, 0)
        carries = "" if limit.carries else "before the demand and its head-room"
        table.add_row(limit.name, span(limit.rate_per_s, 0), patients, f"{limit.first:.0%}", carries)
    return table


def _costs(document: PlanDocument) -> Table:
    table = _table("a month", "all on, always", "with the autoscaler", "read on")
    for offer in document.costs.offers:
        table.add_row(offer.title, _money(offer.always), _money(offer.scaled), str(offer.read_on))
        table.add_row(Text(f"  {offer.billed}", style="dim"), "", "", "")
    return table


def _money(month: Money) -> str:
    return f"US$ {month.usd:,.0f}, R$ {month.brl:,.0f}"


def _law(document: PlanDocument) -> Iterator[tuple[str, str]]:
    law = document.law
    yield (
        f"law ({law.form})",
        f"{span(law.gamma, 1)} requests/s of one replica that is fully used, contention {span(law.sigma, 4)},"
        f" coherency {span(law.kappa, 4)}; {law.reserve_replicas:.2f} replicas in reserve; knee at"
        f" {span(law.knee_replicas, 0)} replicas",
    )
    if law.held_out is not None:
        yield from (_held(one, law.held_out) for one in law.held_out.points)
    costs = document.costs
    minimum, peak_hours = document.needs.autoscaling.replicas_min, document.question.peak_hours
    yield "with the autoscaler", f"{minimum} replicas in every hour but {peak_hours:g} a month at the peak"
    yield "prices", f"{costs.price_file}; US$ 1 = R$ {costs.brl_per_usd:g} on {costs.exchange_read_on}"
    yield "not in them", ", ".join(costs.not_counted).replace("_", " ")


def _held(one: Held, check: HeldOut) -> tuple[str, str]:
    within = "within" if one.within_target else "beyond"
    return (
        f"{one.replicas} replicas",
        f"{one.measured_per_s:.1f} measured, {span(one.predicted_per_s, 1)} predicted from {check.fitted_to} and fewer:"
        f" {one.error:+.1%}, {within} {check.target:.0%}",
    )


def span(interval: Span, digits: int) -> str:
    """The estimate and its interval."""
    low, mid, high = (
        beyond if end is None else f"{end:,.{digits}f}"
        for end, beyond in ((interval.low, "none"), (interval.mid, "unbounded"), (interval.high, "more"))
    )
    return f"{mid} ({low} to {high})"


def percent(interval: Span, digits: int) -> str:
    low, mid, high = (
        "more" if end is None else f"{end:.{digits}%}" for end in (interval.low, interval.mid, interval.high)
    )
    return f"{mid} ({low} to {high})"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table


def _pairs(rows: Iterator[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table
