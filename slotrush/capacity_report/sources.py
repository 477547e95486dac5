"""Where each figure of a report comes from: its value, its file, and its place in that file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slotrush.capacity.plan_document import PlanDocument, Span
from slotrush.capacity_report import saying
from slotrush.capacity_report.material import Checked, Material, Measured, Planned, Swept
from slotrush.capacity_report.summary import money, part
from slotrush.report.words import Words
from slotrush.summary import SUMMARY_NAME


@dataclass(frozen=True)
class Source:
    """`place` is the path of the figure in the JSON of `file`, its names and numbers joined by dots. `also`: more of
    where it comes from, in words."""

    figure: str
    value: str
    file: str
    place: str
    also: str = ""


def by_file(material: Material, words: Words) -> dict[str, tuple[Source, ...]]:
    """Every figure, under the file that it is in."""
    found: dict[str, tuple[Source, ...]] = {}
    for source in _all(material, words):
        found[source.file] = (*found.get(source.file, ()), source)
    return found


def shown(file: Path) -> str:
    """As it was given; below the folder of work without that."""
    return str(file.relative_to(Path.cwd())) if file.is_absolute() and file.is_relative_to(Path.cwd()) else str(file)


def _all(material: Material, words: Words) -> Iterator[Source]:
    if material.planned is not None:
        yield from _of_plan(material.planned, words)
    if material.swept is not None:
        yield from _of_sweep(material.swept, words)
    if material.checked is not None:
        yield from _of_check(material.checked, words)
    for run in material.runs:
        yield from _of_run(run, words)


def _of_plan(planned: Planned, words: Words) -> Iterator[Source]:
    plan, file = planned.plan, shown(planned.file)

    def form(per_s: float) -> str:
        return saying.rate(per_s, words)

    def share(value: float) -> str:
        return saying.margin(value, words)

    demand = words("source.per_s", rate=form(plan.question.arrivals_per_s))
    yield Source(words("source.demand"), demand, file, "question.arrivals_per_s")
    yield Source(words("source.replicas"), words.number(plan.answer.replicas), file, "answer.replicas")
    yield Source(words("source.confident"), saying.certainty(plan.answer.confident, words), file, "answer.confident")
    for name in ("margin", "margin_after_failures"):
        span = getattr(plan.answer, name)
        value = saying.spanned(span, share, words)
        yield Source(words(f"source.{name}"), value, file, f"answer.{name}")
    yield from _costs(plan, file, words)
    for index, limit in enumerate(plan.limits):
        value = saying.spanned(limit.rate_per_s, form, words)
        label = words("source.limit", part=part(limit.name, words))
        yield Source(label, value, file, f"limits.{index}.rate_per_s")
    yield from _times(plan, file, words)
    yield from _law(plan, file, words)


def _costs(plan: PlanDocument, file: str, words: Words) -> Iterator[Source]:
    for index, offer in enumerate(plan.costs.offers):
        label = words("source.cost", title=offer.title)
        yield Source(label, money(offer.always, words), file, f"costs.offers.{index}.always", offer.source)


def _times(plan: PlanDocument, file: str, words: Words) -> Iterator[Source]:
    for index, found in enumerate(plan.answer.classes):
        if found.usual_ms is not None:
            value = saying.spanned(found.usual_ms, words.milliseconds, words)
            name = words.find(f"class.{found.endpoint_class}", found.endpoint_class)
            label = words("source.p99", name=name)
            yield Source(label, value, file, f"answer.classes.{index}.usual_ms")
    available = plan.answer.usual.availability

    def share(value: float) -> str:
        return words.percent(value, 3)

    value = saying.spanned(available, share, words)
    yield Source(words("source.availability"), value, file, "answer.usual.availability")


def _law(plan: PlanDocument, file: str, words: Words) -> Iterator[Source]:
    def form(value: float) -> str:
        return words.number(value, 5 if value < 1 else 1)

    for name in ("gamma", "sigma", "kappa"):
        span = getattr(plan.law, name)
        value = saying.spanned(span, form, words)
        yield Source(words("source.law", name=words(f"source.{name}")), value, file, f"law.{name}")
    for index, one in enumerate(plan.law.held_out.points if plan.law.held_out else ()):
        label = words("source.held_out", count=words.number(one.replicas))
        value = words(
            "source.held_out_value",
            forecast=saying.middle(one.predicted_per_s, lambda per_s: saying.rate(per_s, words)),
            measured=saying.rate(one.measured_per_s, words),
        )
        yield Source(label, value, file, f"law.held_out.points.{index}")


def _of_sweep(swept: Swept, words: Words) -> Iterator[Source]:
    file = shown(swept.file)

    def form(per_s: float) -> str:
        return saying.rate(per_s, words)

    for index, point in enumerate(swept.sweep.points):
        limit = point.throughput_per_s
        if limit is None:
            continue
        value = saying.spanned(Span.of(limit), form, words)
        runs = ", ".join(probe.run for probe in point.probes)
        yield Source(
            words("source.point", count=words.number(point.replicas)),
            words("source.per_s", rate=value),
            file,
            f"points.{index}.throughput_per_s",
            words("source.runs", folder=f"{swept.file.parent.name}/runs", runs=runs),
        )


def _of_check(checked: Checked, words: Words) -> Iterator[Source]:
    check, file = checked.check, shown(checked.file)
    mean = words.fixed(check.elasticity.replicas_mean, 2)
    yield Source(words("source.check_replicas"), mean, file, "elasticity.replicas_mean")
    if check.local is None:
        return
    said = check.local.prediction
    for name, value in (
        ("replicas_mean_predicted", words.fixed(said.replicas_mean_predicted, 2)),
        ("availability", words.percent(said.availability, 3)),
        ("availability_predicted", words.percent(said.availability_predicted, 3)),
    ):
        yield Source(words(f"source.check_{name}"), value, file, f"local.prediction.{name}")


def _of_run(run: Measured, words: Words) -> Iterator[Source]:
    figures, file = run.figures, shown(run.file.with_name(SUMMARY_NAME))
    if figures.load is not None:
        value = words("source.per_s", rate=saying.rate(figures.load.requests_per_s, words))
        yield Source(words("source.run_rate", run=run.name), value, file, "load.requests_per_s")
    available = words.percent(figures.availability, 3)
    yield Source(words("source.run_availability", run=run.name), available, file, "availability")
