"""From the content of a report to the page in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from slotrush.report import charts
from slotrush.report.content import Content
from slotrush.report.timeline import Timeline
from slotrush.report.verdict import DRAIN_RATIO_AIM, Reason
from slotrush.report.words import Words
from slotrush.runs.record import RECORD_NAME
from slotrush.summary import Summary
from slotrush.summary.model import Floor

RATIOS: Final = ("fast", "slow")
"""The verdict's reasons whose count is a ratio, shown with two decimals."""


@dataclass(frozen=True)
class Chart:
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class CostRow:
    """CPU µs per booking attempt of a component, and the part of the floor that stands for it."""

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
    """The whole page; `file_names` names the page in every language."""
    summary = content.summary
    other = next(language for language in file_names if language != words.language)
    return _template().render(
        words=words,
        summary=summary,
        verdict=content.verdict,
        audit=content.audit,
        queries=content.queries,
        charts=timeline_charts(content.timeline, summary, words) if content.timeline else [],
        costs=costs(summary, words),
        reason=lambda found: reason(found, words),
        invariant=lambda name, otherwise="": words.find(f"invariant.{name}", otherwise or name),
        endpoint_gloss=lambda name: words.find(f"endpoint.{name}", ""),
        component=lambda name: words.find(f"component.{name}", name),
        style=Markup(files("slotrush.report").joinpath("templates", "style.css").read_text("utf-8")),
        record_name=RECORD_NAME,
        aim=words.fixed(DRAIN_RATIO_AIM, 1),
        other_language=other,
        other_file=file_names[other],
    )


def reason(found: Reason, words: Words) -> str:
    """A reason of the verdict as a sentence."""
    ratio = found.name in RATIOS
    return words(
        f"reason.{found.name}",
        count=words.fixed(found.count, 2) if ratio else words.number(found.count),
        aim=words.fixed(DRAIN_RATIO_AIM, 1),
        invariant=words.find(f"invariant.{found.invariant}", found.invariant),
        text=found.verbatim,
    )


def timeline_charts(timeline: Timeline, summary: Summary, words: Words) -> list[Chart]:
    """Those that have something to show."""
    cores = summary.machine.cores
    slots = summary.race.slots if summary.race else None
    drawn = []
    if timeline.attempts_per_s:
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
    """None when it is not known what the components used between the drop and the drain."""
    measured = {
        name: cost.cpu_us_per_attempt for name, cost in summary.cost.items() if cost.cpu_us_per_attempt is not None
    }
    total_us = sum(measured.values())
    if not total_us:
        return None
    parts = floor_parts(summary.floor)
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
    if floor_us is None:
        caption = words("charts.costs.caption_alone", measured=words.microseconds(total_us))
    else:
        caption = words(
            "charts.costs.caption", measured=words.microseconds(total_us), floor=words.microseconds(floor_us)
        )
    chart = _chart("costs", caption, charts.costs(measured, parts, words, caption), words)
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
