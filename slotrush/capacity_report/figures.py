"""The charts of a report with their captions: each shows what the material holds, and is left out where it does not."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from slotrush.capacity.plan_document import CurvePoint, MeasuredPoint, PlanDocument, ScalingLaw, SeriesPoint
from slotrush.capacity.planning import REPLICAS
from slotrush.capacity.scaling_law import Law
from slotrush.capacity_report import promises, saying
from slotrush.capacity_report.answer import told_class
from slotrush.capacity_report.charts import cost, latency, replicas, residuals, scaling
from slotrush.capacity_report.evidence import Evidence
from slotrush.capacity_report.material import Material
from slotrush.capacity_report.summary import CURRENCIES, money, part
from slotrush.elasticity.check import Local, ScaleCheck
from slotrush.plan.making import p99_objectives_ms
from slotrush.plan.series import PRICES
from slotrush.report.words import UNKNOWN, Words
from slotrush.slo import Objectives


@dataclass(frozen=True)
class Figure:
    """`caption` says in words what the chart shows; it is the chart's description for who cannot see it, too."""

    name: str
    title: str
    caption: str
    svg: Markup


def of(material: Material, evidence: Evidence | None, objectives: Objectives, words: Words) -> tuple[Figure, ...]:
    return tuple(_drawn(material, evidence, objectives, words))


def _drawn(material: Material, evidence: Evidence | None, objectives: Objectives, words: Words) -> Iterator[Figure]:
    plan = material.planned.plan if material.planned else None
    if evidence is not None and any(point.throughput_per_s for point in evidence.points):
        yield _scaling(evidence, plan, words)
    if evidence is not None and any(point.residual is not None for point in evidence.points):
        yield _residuals(evidence.points, words)
    if evidence is not None and any(one.share <= latency.SHARE_MAX for one in evidence.responses):
        yield _latency(evidence, plan, objectives, words)
    if material.checked is not None and material.checked.check.replicas.get("ready"):
        yield _replicas(material.checked.check, objectives, words)
    if plan is not None and any(point.costs for point in plan.cost_series):
        yield _cost(plan, words)


def _figure(name: str, title: str, sentences: list[str], draw: Callable[[str, str], str]) -> Figure:
    caption = " ".join(sentences)
    return Figure(name, title, caption, Markup(draw(title, caption)))


def _scaling(evidence: Evidence, plan: PlanDocument | None, words: Words) -> Figure:
    needed = None
    if plan is not None:
        question = plan.question
        needed = scaling.Needed(question.arrivals_per_s * (1 + question.headroom), plan.answer.replicas)
    said = _law_said(evidence.law, needed, words) if evidence.law else [words("chart.scaling.caption_none")]
    if any(point.refusal for point in evidence.points):
        said.append(words("chart.scaling.caption_apart"))
    return _figure(
        "scaling",
        words("chart.scaling.title"),
        said,
        lambda title, caption: scaling.draw(evidence.points, evidence.law, needed, words, title, caption),
    )


def _residuals(points: Sequence[MeasuredPoint], words: Words) -> Figure:
    most = max(abs(point.residual) for point in points if point.residual is not None)
    return _figure(
        "residuals",
        words("chart.residuals.title"),
        [words("chart.residuals.caption", most=words.percent(most))],
        lambda title, caption: residuals.draw(points, words, title, caption),
    )


def _law_said(law: ScalingLaw, needed: scaling.Needed | None, words: Words) -> list[str]:
    def form(per_s: float) -> str:
        return saying.rate(per_s, words)

    at = _curve_at(law, needed.replicas if needed else law.curve[-1].replicas)
    said = [
        words(
            "chart.scaling.caption_law",
            one=saying.middle(_curve_at(law, 1).throughput_per_s, form),
            copies=saying.copies(at.replicas, words),
            mid=saying.middle(at.throughput_per_s, form),
            interval=saying.interval(at.throughput_per_s, form, words),
        )
    ]
    if law.knee_replicas.mid is not None:
        said.append(
            words(
                "chart.scaling.caption_knee",
                count=saying.spanned(law.knee_replicas, lambda count: saying.about(count, words), words),
                gain=words.percent(_gain_rounded_up(law, law.knee_replicas.mid), 0),
            )
        )
    if law.held_out is not None and law.held_out.points:
        held = law.held_out
        said.append(
            words(
                "chart.scaling.caption_held_out",
                fitted=words.number(held.fitted_to),
                counts=saying.listed([words.number(one.replicas) for one in held.points], words),
                errors=saying.listed([words.percent(abs(one.error)) for one in held.points], words),
                target=words.percent(held.target, 0),
            )
        )
    return said


def _gain_rounded_up(law: ScalingLaw, replicas: float) -> float:
    """What one more copy brings there, as a share of what the first does, in whole hundredths."""
    gain = Law(gamma=1.0, sigma=law.sigma.mid or 0.0, kappa=law.kappa.mid or 0.0).gain(replicas)
    return math.ceil(100 * gain) / 100


def _curve_at(law: ScalingLaw, count: int) -> CurvePoint:
    """The law at so many replicas, or at the nearest number that the plan has of it."""
    return min(law.curve, key=lambda at: abs(at.replicas - count))


def _latency(evidence: Evidence, plan: PlanDocument | None, objectives: Objectives, words: Words) -> Figure:
    forecast = None if plan is None else _forecast(plan)
    shown = [one for one in evidence.responses if one.share <= latency.SHARE_MAX]
    classes = {one.endpoint_class for one in shown}
    limits = {name: limit_ms for name, limit_ms in p99_objectives_ms(objectives).items() if name in classes}
    loads = {(one.replicas, one.share) for one in shown}
    said = [words("chart.latency.caption", count=words.number(len(loads)))]
    if limits:
        said.append(words("chart.latency.caption_promised"))
    if forecast is not None:
        said.append(
            words(
                "chart.latency.caption_predicted", name=_class_told(plan, words), share=words.percent(forecast.share, 0)
            )
        )
    return _figure(
        "latency",
        words("chart.latency.title"),
        said,
        lambda title, caption: latency.draw(shown, limits, forecast, words, title, caption),
    )


def _forecast(plan: PlanDocument) -> latency.Forecast | None:
    found, capacity = told_class(plan), plan.answer.usual.capacity_per_s.mid
    if found is None or found.usual_ms is None or found.usual_ms.mid is None or not capacity:
        return None
    span, mid = found.usual_ms, found.usual_ms.mid
    formula = [
        (point.arrivals_per_s / capacity, 1000 * point.p99_s)
        for point in plan.response_series
        if point.p99_s is not None and point.arrivals_per_s <= latency.SHARE_MAX * capacity
    ]
    return latency.Forecast(plan.question.arrivals_per_s / capacity, span.low or mid, mid, span.high, formula)


def _cost(plan: PlanDocument, words: Words) -> Figure:
    by_patients = plan.question.patients is not None
    titles = {offer.offer: offer.title for offer in plan.costs.offers}
    currency = CURRENCIES[words.language]
    stairs: dict[str, list[tuple[float, float]]] = {}
    for point in plan.cost_series:
        for one in point.costs:
            amount = getattr(one.always, currency.lower())
            stairs.setdefault(titles.get(one.offer, one.offer), []).append((_load(point, by_patients), amount))
    costs = [f"{offer.title}: {money(offer.always, words)}" for offer in plan.costs.offers]
    said = [words("chart.cost.caption", costs="; ".join(costs))]
    if refused := [point for point in plan.cost_series if point.replicas is None]:
        reason = _refusal(refused[0].refused_by, words)
        said.append(words("chart.cost.caption_refused", count=words.number(len(refused)), reason=reason))
    planned = float(plan.question.patients or plan.question.arrivals_per_s)
    axis = words("chart.cost.patients" if by_patients else "chart.cost.arrivals")
    return _figure(
        "cost",
        words("chart.cost.title" if by_patients else "chart.cost.title_arrivals"),
        said,
        lambda title, caption: cost.draw(stairs, currency, planned, axis, words, title, caption),
    )


def _refusal(refused_by: str | None, words: Words) -> str:
    """Why the first demand without a plan has none; so have all that are larger."""
    if refused_by == REPLICAS:
        return words("chart.cost.refused_replicas")
    if refused_by == PRICES:
        return words("chart.cost.refused_prices")
    return words("chart.cost.refused_part", part=part(refused_by or UNKNOWN, words))


def _load(point: SeriesPoint, by_patients: bool) -> float:
    return float(point.patients) if by_patients and point.patients is not None else point.arrivals_per_s


def _replicas(check: ScaleCheck, objectives: Objectives, words: Words) -> Figure:
    followed = check.local.demand if check.local else check.elasticity
    said = [
        words(
            "chart.replicas.caption",
            min=words.number(followed.replicas_min),
            max=words.number(followed.replicas_max),
            mean=words.fixed(followed.replicas_mean, 1),
            under=words.share(followed.under_share),
            over=words.share(followed.over_share),
        )
    ]
    if check.local is not None:
        said += _local_said(check.local, words)
    target = promises.availability_target(objectives, check.scenario)
    return _figure(
        "replicas",
        words("chart.replicas.title"),
        said,
        lambda title, caption: replicas.draw(check, target, words, title, caption),
    )


def _local_said(local: Local, words: Words) -> list[str]:
    forecast = local.prediction
    said = [
        words(
            "chart.replicas.caption_local",
            predicted=words.fixed(forecast.replicas_mean_predicted, 1),
            error=words.percent(abs(forecast.replicas_error)),
            availability_predicted=words.percent(forecast.availability_predicted, 2),
            availability=words.percent(forecast.availability, 2),
        ),
        words(
            "chart.replicas.caption_lost",
            started=words.number(local.started),
            left=words.number(local.left),
            failed=words.number(local.failed),
            requests=words.number(local.requests),
            leaving=words.number(local.failed_while_leaving),
        ),
    ]
    if local.start_s is not None:
        said.append(words("chart.replicas.caption_start", start=words.seconds(local.start_s)))
    if local.compression != 1:
        said.append(words("chart.replicas.caption_compression", compression=words.number(local.compression, 1)))
    return said


def _class_told(plan: PlanDocument | None, words: Words) -> str:
    found = told_class(plan) if plan else None
    return "" if found is None else words.find(f"class.{found.endpoint_class}", found.endpoint_class)
