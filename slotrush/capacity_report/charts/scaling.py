"""Requests per second against copies: the law with its interval, what was measured, and what the plan needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from slotrush.capacity.plan_document import MeasuredPoint, ScalingLaw
from slotrush.capacity_report.charts import style
from slotrush.report import charts
from slotrush.report.words import Words

_ROOM: Final = 1.08
"""How much higher the axis is than what is drawn, so that labels fit."""
_BESIDE: Final = 1.12
"""How much farther the axis goes than the last number of copies that matters."""


@dataclass(frozen=True)
class Needed:
    """What the plan asks for: the peak with its head-room, in requests per second, and its replicas."""

    rate_per_s: float
    replicas: int


def draw(
    points: Sequence[MeasuredPoint],
    law: ScalingLaw | None,
    needed: Needed | None,
    words: Words,
    title: str,
    description: str,
) -> str:
    def drawn(axes: Any) -> None:
        right, top = _right(points, needed), _top(points, law, needed)
        if law is not None:
            _law(axes, law, right, top, words)
        counted = [point for point in points if point.refusal is None]
        _measured(axes, counted, words("chart.scaling.measured"), style.INK, "o")
        apart = [point for point in points if point.refusal is not None]
        _measured(axes, apart, words("chart.scaling.apart"), style.GREY, "x")
        if law is not None and law.held_out is not None:
            _forecast(axes, law, words("chart.scaling.held_out", count=law.held_out.fitted_to))
        if needed is not None:
            _need(axes, needed, words)
        if law is not None and law.knee_replicas.mid is not None:
            _knee(axes, law.knee_replicas.mid, right, words)
        axes.set_xlim(0, right)
        axes.set_ylim(0, top)
        axes.set_xlabel(words("chart.scaling.replicas"))
        axes.set_ylabel(words("chart.scaling.axis"))
        axes.xaxis.get_major_locator().set_params(integer=True)
        style.numbers(axes, words)
        charts.legend(axes, columns=2)

    return charts.draw_svg("scaling", title, description, drawn, height_in=style.HEIGHT_IN + 0.5)


def _knee(axes: Any, knee: float, right: float, words: Words) -> None:
    """At the edge, with an arrow, where it lies farther off: the measured points would else be a blot."""
    label = words("chart.scaling.knee", count=words.number(knee))
    if knee <= right:
        style.upright(axes, knee, label, colour=style.PURPLE, y=0.12)
    else:
        style.beyond(axes, label)


def _right(points: Sequence[MeasuredPoint], needed: Needed | None) -> float:
    return _BESIDE * max([*(point.replicas for point in points), needed.replicas if needed else 0, 2])


def _top(points: Sequence[MeasuredPoint], law: ScalingLaw | None, needed: Needed | None) -> float:
    measured = [point.throughput_per_s.mid or 0.0 for point in points if point.throughput_per_s]
    right = _right(points, needed)
    fitted = [at.throughput_per_s.mid or 0.0 for at in law.curve if at.replicas <= right] if law else []
    held_out = law.held_out.points if law and law.held_out else ()
    forecast = [one.predicted_per_s.mid or 0.0 for one in held_out]
    return _ROOM * max([*measured, *fitted, *forecast, needed.rate_per_s * _ROOM if needed else 0.0, 1.0])


def _law(axes: Any, law: ScalingLaw, right: float, top: float, words: Words) -> None:
    curve = [(at.replicas, at.throughput_per_s) for at in law.curve]
    xs = [replicas for replicas, _ in curve]
    low = [span.low or 0.0 for _, span in curve]
    high = [span.high if span.high is not None else top for _, span in curve]
    label = words("chart.scaling.interval")
    axes.fill_between(xs, low, high, color=style.BLUE, alpha=style.BAND_ALPHA, linewidth=0, label=label)
    axes.plot(xs, [span.mid for _, span in curve], color=style.BLUE, linewidth=2, label=words("chart.scaling.law"))
    if (one := law.gamma.mid) is not None:
        linear = words("chart.scaling.linear")
        axes.plot([0, right], [0, one * right], color=style.GREY, linewidth=1, linestyle=":", label=linear)


def _measured(axes: Any, points: Sequence[MeasuredPoint], label: str, colour: str, mark: str) -> None:
    spans = [(point.replicas, point.throughput_per_s) for point in points if point.throughput_per_s]
    known = [(replicas, span.mid, span) for replicas, span in spans if span.mid is not None]
    if not known:
        return
    style.measured(
        axes,
        [replicas for replicas, _, _ in known],
        [mid for _, mid, _ in known],
        [style.reach(span, mid) for _, mid, span in known],
        label,
        colour=colour,
        mark=mark,
    )


def _forecast(axes: Any, law: ScalingLaw, label: str) -> None:
    assert law.held_out is not None
    axes.plot(
        [one.replicas for one in law.held_out.points],
        [one.predicted_per_s.mid for one in law.held_out.points],
        linestyle="none",
        marker="D",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=style.VERMILION,
        markeredgewidth=1.6,
        zorder=5,
        label=label,
    )


def _need(axes: Any, needed: Needed, words: Words) -> None:
    label = words("chart.scaling.needed", rate=words.number(needed.rate_per_s))
    style.level(axes, needed.rate_per_s, label, colour=style.VERMILION)
    label = words("chart.scaling.planned", count=words.number(needed.replicas))
    style.upright(axes, needed.replicas, label, right=False, y=0.24)
