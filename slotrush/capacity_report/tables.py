"""The tables of a report as rows of texts: what to provide, what breaks when, what it costs, what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from slotrush.capacity.plan_document import PlanDocument
from slotrush.capacity_report import saying
from slotrush.capacity_report.material import Measured
from slotrush.capacity_report.summary import capital, money, other_money, part
from slotrush.report.words import UNKNOWN, Words


@dataclass(frozen=True)
class Table:
    """`numeric`: which columns are numbers, set to the right. `lead` and `note` stand above and below."""

    name: str
    heading: str
    columns: tuple[str, ...]
    numeric: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    lead: str = ""
    note: str = ""


def of_plan(plan: PlanDocument, words: Words) -> Iterator[Table]:
    yield _provide(plan, words)
    yield _limits(plan, words)
    if plan.costs.offers:
        yield _costs(plan, words)


def of_runs(runs: tuple[Measured, ...], words: Words) -> Table:
    columns = ("run", "scenario", "patients", "rate", "p99", "availability", "audit")
    return Table(
        "runs",
        words("measured_brief.heading"),
        tuple(words(f"measured_brief.{name}") for name in columns),
        frozenset({2, 3, 4, 5}),
        tuple(_run(run, words) for run in runs),
        lead=words("measured_brief.lead"),
    )


def _provide(plan: PlanDocument, words: Words) -> Table:
    rows = [*_copies(plan, words), *_beside(plan, words)]
    columns = tuple(words(f"provide.{name}") for name in ("what", "count", "size"))
    return Table("provide", words("provide.heading"), columns, frozenset(), tuple(rows))


def _copies(plan: PlanDocument, words: Words) -> Iterator[tuple[str, str, str]]:
    pod, scaling = plan.needs.pod, plan.needs.autoscaling
    yield (
        words("provide.replicas"),
        words("provide.replicas_count", replicas=words.number(plan.answer.replicas)),
        words("provide.pod_size", cpu=saying.cores(pod.cpu_m, words), memory=words.number(pod.memory_mib)),
    )
    yield (
        words("provide.autoscaler"),
        words(
            "provide.autoscaler_count",
            min=words.number(scaling.replicas_min),
            max=words.number(scaling.replicas_max),
        ),
        words(
            "provide.autoscaler_size",
            target=words.percent(scaling.target_utilisation_percent / 100, 0),
            up=words.percent(scaling.scale_up_percent / 100, 0),
            pods=words.number(scaling.scale_up_pods),
            up_s=words.number(scaling.scale_up_period_s),
            down=words.percent(scaling.scale_down_percent / 100, 0),
            down_s=words.number(scaling.scale_down_period_s),
            window_s=words.number(scaling.scale_down_window_s),
        ),
    )


def _beside(plan: PlanDocument, words: Words) -> Iterator[tuple[str, str, str]]:
    for tier in plan.needs.tiers:
        size = words("provide.pod_size", cpu=saying.cores(tier.cpu_m, words), memory=words.number(tier.memory_mib))
        yield capital(part(tier.name, words)), words.number(tier.instances), size
    pool = plan.needs.pooling
    if pool is not None:
        count = words(
            "provide.pool_count", server=words.number(pool.server_total), allows=words.number(pool.server_allows)
        )
        size = words(
            "provide.pool_size",
            poolers=words.number(pool.poolers),
            size=words.number(pool.pool_size),
            each=words.number(pool.per_replica),
        )
        yield words("provide.pool"), count, size


def _limits(plan: PlanDocument, words: Words) -> Table:
    with_patients = plan.question.patients is not None
    names = ("part", "rate", *(("patients",) if with_patients else ()), "first", "carries")
    rows = []
    for limit in plan.limits:
        spans = [limit.rate_per_s, *([limit.patients] if with_patients and limit.patients else [])]
        figures = [saying.spanned(span, lambda count: saying.about(count, words), words) for span in spans]
        carries = words("limits_table.yes" if limit.carries else "limits_table.no")
        rows.append((capital(part(limit.name, words)), *figures, words.percent(limit.first, 0), carries))
    return Table(
        "limits",
        words("limits_table.heading"),
        tuple(words(f"limits_table.{name}") for name in names),
        frozenset(range(1, len(names) - 1)),
        tuple(rows),
        lead=words("limits_table.lead"),
    )


def _costs(plan: PlanDocument, words: Words) -> Table:
    costs = plan.costs
    rows = tuple(
        (
            offer.title,
            f"{money(offer.always, words)} ({other_money(offer.always, words)})",
            f"{money(offer.scaled, words)} ({other_money(offer.scaled, words)})",
            offer.billed,
        )
        for offer in costs.offers
    )
    counted, left_out = (
        saying.listed([words.find(f"counted.{name}", name) for name in names], words)
        for names in (costs.counted, costs.not_counted)
    )
    lead = words(
        "costs_table.lead",
        counted=counted,
        not_counted=left_out,
        hours=words.number(plan.question.peak_hours),
        min=words.number(plan.needs.autoscaling.replicas_min),
    )
    days = sorted({offer.read_on.isoformat() for offer in costs.offers})
    note = words(
        "costs_table.exchange",
        rate=words.fixed(costs.brl_per_usd, 4),
        day=words.day(costs.exchange_read_on.isoformat()),
        source=costs.exchange_source,
        days=saying.listed([words.day(day) for day in days], words),
    )
    columns = tuple(words(f"costs_table.{name}") for name in ("offer", "always", "scaled", "billed"))
    return Table("costs", words("costs_table.heading"), columns, frozenset({1, 2}), rows, lead, note)


def _run(run: Measured, words: Words) -> tuple[str, ...]:
    found = run.figures
    if found.audit.clean is None:
        audited = words("measured_brief.unaudited")
    else:
        key = "measured_brief.broken" if found.broken else "measured_brief.clean"
        audited = words(key, count=words.number(found.broken))
    return (
        run.name if found.valid else f"{run.name} {words('measured_brief.invalid')}",
        found.scenario or UNKNOWN,
        words.number(found.patients),
        UNKNOWN if found.load is None else saying.rate(found.load.requests_per_s, words),
        words.milliseconds(found.p99_ms),
        words.percent(found.availability, 3),
        audited,
    )
