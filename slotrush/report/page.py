"""From the content of a report to the page in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from slotrush.report import charts, generator
from slotrush.report.content import Content
from slotrush.report.timeline import Timeline
from slotrush.report.verdict import DRAIN_RATIO_AIM, Reason
from slotrush.report.words import Words
from slotrush.runs.record import RECORD_NAME
from slotrush.summary import Summary
from slotrush.summary.model import Fault, Floor

RATIOS: Final = ("fast", "slow")
"""The verdict's reasons whose count is a ratio, shown with two decimals."""


@dataclass(frozen=True)
class Chart:
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class CostRow:
    """CPU µs of a component per booking attempt, or per request of a load that goes on; and its part of the floor."""

    component: str
    colour: str
    us: float
    share: float
    floor_us: float | None
    cpu_s: float
    memory_bytes: int


@dataclass(frozen=True)
class Costs:
    """`budget_us` is what all cores together had to give per attempt between drop and drain."""

    rows: tuple[CostRow, ...]
    total_us: float
    floor_us: float | None
    budget_us: float | None
    chart: Chart


def render(content: Content, words: Words, file_names: Mapping[str, str]) -> str:
    """The whole page; `file_names` names it in its language, and in the other one where there is such a page."""
    summary = content.summary
    other = next((language for language in file_names if language != words.language), None)
    return _template().render(
        words=words,
        summary=summary,
        verdict=content.verdict,
        audit=content.audit,
        heading=words("page.heading" if content.summary.load is None else "swarm.heading"),
        queries=content.queries,
        charts=timeline_charts(content.timeline, summary, words) if content.timeline else [],
        costs=costs(summary, words),
        generator_chart=generator_chart(content, words),
        reason=lambda found: reason(found, words),
        invariant=lambda name, otherwise="": words.find(f"invariant.{name}", otherwise or name),
        endpoint_gloss=lambda name: words.find(f"endpoint.{name}", ""),
        endpoint_class=lambda name: words.find(f"class.{name}", name),
        component=lambda name: words.find(f"component.{name}", name),
        style=Markup(files("slotrush.report").joinpath("templates", "style.css").read_text("utf-8")),
        record_name=RECORD_NAME,
        aim=words.fixed(DRAIN_RATIO_AIM, 1),
        other_language=other,
        other_file=None if other is None else file_names[other],
    )


def reason(found: Reason, words: Words) -> str:
    """A reason of the verdict as a sentence."""
    if found.fault is not None:
        return fault_text(found.fault, words)
    ratio = found.name in RATIOS
    return words(
        f"reason.{found.name}",
        count=words.fixed(found.count, 2) if ratio else words.number(found.count),
        aim=words.fixed(DRAIN_RATIO_AIM, 1),
        invariant=words.find(f"invariant.{found.invariant}", found.invariant),
        text=found.verbatim,
    )


def fault_text(fault: Fault, words: Words) -> str:
    """When the generator was the bottleneck, how much it mattered, why and what mends it."""
    figures = {
        "begin": words.number(fault.from_s),
        "end": words.number(fault.until_s),
        "count": words.number(fault.requests),
        "share": words.percent(fault.share, 2),
    }
    if fault.cause == "dropped":
        return words("fault.dropped", **figures)
    said = [words("fault.late", workers=", ".join(fault.workers), lag=words.milliseconds(fault.lag_ms), **figures)]
    if (distorted := fault.distortion) is not None:
        said.append(
            words(
                "fault.distortion" if distorted.of is None else "fault.distortion_of",
                whose=words.find(f"class.{distorted.of}", str(distorted.of)),
                percentile=words(f"latency.{distorted.percentile}"),
                reported=words.milliseconds(distorted.reported_ms),
                without=words.milliseconds(distorted.without_ms),
            )
        )
    return " ".join([*said, words(f"fault.{fault.cause}")])


def generator_chart(content: Content, words: Words) -> Chart | None:
    """None when no worker told of itself."""
    course, faults = content.generator, content.summary.generator.faults
    if course is None:
        return None
    caption = words("charts.generator.caption_spoiled" if faults else "charts.generator.caption")
    from_drop = content.timeline is not None and content.timeline.from_drop
    return _chart("generator", caption, generator.chart(course, faults, from_drop, words, caption), words)


def timeline_charts(timeline: Timeline, summary: Summary, words: Words) -> list[Chart]:
    """Those that have something to show."""
    cores = summary.machine.cores
    slots = summary.race.slots if summary.race else None
    drawn = []
    if timeline.requests_per_s:
        peak = max(map(sum, zip(*timeline.requests_per_s.values(), strict=True)))
        caption = words("charts.throughput.caption", peak=words.number(peak), width=timeline.bin_s)
        drawn.append(_chart("throughput", caption, charts.throughput(timeline, words, caption), words))
    elif timeline.attempts_per_s:
        peak = max(map(sum, zip(*timeline.attempts_per_s.values(), strict=True)))
        caption = words("charts.attempts.caption", peak=words.number(peak), width=timeline.bin_s)
        drawn.append(_chart("attempts", caption, charts.attempts(timeline, words, caption), words))
        caption = _sold_caption(timeline, words)
        drawn.append(_chart("sold", caption, charts.sold(timeline, slots, words, caption), words))
    if timeline.responses:
        slowest = max(moment.max for moment in timeline.responses)
        caption = words("charts.responses.caption", slowest=words.milliseconds(slowest))
        drawn.append(_chart("responses", caption, charts.responses(timeline, words, caption), words))
    if timeline.cpu.x_s:
        peak = max(map(sum, zip(*timeline.cpu.cores.values(), strict=True)))
        caption = words("charts.cpu.caption", cores=words.number(cores), peak=words.number(peak, 1))
        drawn.append(_chart("cpu", caption, charts.cpu(timeline, cores, words, caption), words))
    return drawn


def costs(summary: Summary, words: Words) -> Costs | None:
    """None when it is not known what the components used between the drop and the drain, or the start and the end."""
    each = {
        name: cost.cpu_us_per_request if summary.load else cost.cpu_us_per_attempt
        for name, cost in summary.cost.items()
    }
    measured = {name: us for name, us in each.items() if us is not None}
    total_us = sum(measured.values())
    if not total_us:
        return None
    parts = {} if summary.load else floor_parts(summary.floor)
    rows = tuple(
        CostRow(
            component=name,
            colour=charts.colour(name),
            us=measured[name],
            share=measured[name] / total_us,
            floor_us=parts.get(name),
            cpu_s=summary.cost[name].cpu_s,
            memory_bytes=summary.cost[name].peak_memory_bytes,
        )
        for name in charts.in_order(measured)
    )
    floor_us = sum(parts.values()) if parts else None
    if summary.load:
        caption = words("charts.costs.caption_load", measured=words.microseconds(total_us))
    elif floor_us is None:
        caption = words("charts.costs.caption_alone", measured=words.microseconds(total_us))
    else:
        caption = words(
            "charts.costs.caption", measured=words.microseconds(total_us), floor=words.microseconds(floor_us)
        )
    title = words("charts.costs.title_load" if summary.load else "charts.costs.title")
    axis = words("charts.costs.axis_load" if summary.load else "charts.costs.axis")
    chart = Chart(title, caption, Markup(charts.costs(measured, parts, words, title, axis, caption)))
    return Costs(rows, total_us, floor_us, _budget_us(summary), chart)


def floor_parts(floor: Floor | None) -> dict[str, float]:
    """The parts of the floor under the components that they are the least of."""
    if floor is None:
        return {}
    return {"generator": floor.request_us, "app": floor.hello_us, "postgres": floor.booking_us}


def _budget_us(summary: Summary) -> float | None:
    race, cores = summary.race, summary.machine.cores
    if race is None or race.drain_s is None or not race.attempts or not cores:
        return None
    return race.drain_s * cores * 1e6 / race.attempts


def _sold_caption(timeline: Timeline, words: Words) -> str:
    if not timeline.sold:
        return words("charts.sold.caption_none")
    count = timeline.sold[-1][1]
    half_s = next(x_s for x_s, so_far in timeline.sold if so_far * 2 >= count)
    return words(
        "charts.sold.caption",
        count=words.number(count),
        half=words.seconds(half_s),
        last=words.seconds(timeline.sold[-1][0]),
    )


def _chart(name: str, caption: str, svg: str, words: Words) -> Chart:
    return Chart(words(f"charts.{name}.title"), caption, Markup(svg))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("slotrush.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
