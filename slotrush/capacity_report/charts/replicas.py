"""A scale check over time: the replicas that the load needed, those predicted and those there; availability below."""

from typing import Any, Final

import numpy as np

from slotrush.capacity_report.charts import style
from slotrush.elasticity.check import Prediction, ScaleCheck
from slotrush.report import charts
from slotrush.report.words import Words

_MINUTES_FROM_S: Final = 600.0
"""Longer checks are shown in minutes."""
_WORST_SHOWN: Final = 0.995
"""The axis of availability goes down to 99.5 % at least, so that nothing looks like a catastrophe that is none."""


def draw(check: ScaleCheck, target: float | None, words: Words, title: str, description: str) -> str:
    """`target`: the objective's availability. Only a check on this machine has a prediction, and a second panel."""
    local = check.local

    def drawn(axes: Any) -> None:
        panels = axes if isinstance(axes, np.ndarray) else [axes]
        _replicas(panels[0], check, words)
        if local is not None:
            _availability(panels[1], local.prediction, check, target, words)
        in_minutes = _in_minutes(check)
        panels[-1].set_xlabel(words("chart.replicas.minutes" if in_minutes else "chart.replicas.seconds"))
        panels[-1].set_xlim(0, _time(check.last_s - check.first_s, in_minutes))
        charts.number_ticks(panels[-1].xaxis, words)
        charts.legend(panels[0], columns=2)

    height_in = style.HEIGHT_IN + (1.4 if local else 0.0)
    return charts.draw_svg("replicas", title, description, drawn, height_in=height_in, panels=2 if local else 1)


def _replicas(axes: Any, check: ScaleCheck, words: Words) -> None:
    curves, in_minutes = check.replicas, _in_minutes(check)
    at = [_time(place * check.step_s, in_minutes) for place in range(len(curves["ready"]))]
    step = {"drawstyle": "steps-post"}
    if "demand" in curves:
        label = words("chart.replicas.demand")
        axes.fill_between(at, curves["demand"], step="post", color=style.GREY, alpha=0.25, linewidth=0, label=label)
    if "predicted_low" in curves:
        ends = curves["predicted_low"], curves["predicted_high"]
        label = words("chart.replicas.interval")
        axes.fill_between(at, *ends, step="post", color=style.BLUE, alpha=style.BAND_ALPHA, linewidth=0, label=label)
    if "predicted" in curves:
        axes.plot(
            at,
            curves["predicted"],
            color=style.BLUE,
            linestyle="--",
            linewidth=2,
            label=words("chart.replicas.predicted"),
            **step,
        )
    else:
        wanted = words("chart.replicas.wanted")
        axes.plot(at, curves["wanted"], color=style.BLUE, linestyle="--", linewidth=2, label=wanted, **step)
    axes.plot(at, curves["ready"], color=style.INK, linewidth=2, label=words("chart.replicas.ready"), **step)
    axes.set_ylim(0, max(map(max, curves.values())) * 1.15)
    axes.set_ylabel(words("chart.replicas.axis"))
    axes.yaxis.get_major_locator().set_params(integer=True)
    charts.number_ticks(axes.yaxis, words)


def _availability(axes: Any, said: Prediction, check: ScaleCheck, target: float | None, words: Words) -> None:
    """In the colours and lines of the panel above."""
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    in_minutes = _in_minutes(check)
    lines = (
        (said.availability_predicted_by_time, style.BLUE, "--", "s"),
        (said.availability_measured_by_time, style.INK, "-", "o"),
    )
    for shares, colour, line, mark in lines:
        points = [
            (_time((place + 0.5) * said.interval_s, in_minutes), 100 * share)
            for place, share in enumerate(shares)
            if share is not None
        ]
        axes.plot(
            *zip(*points, strict=True),
            color=colour,
            linestyle=line,
            marker=mark,
            markersize=3,
        )
    known = [share for shares, *_ in lines for share in shares if share is not None]
    lowest = 100 * min(*known, _WORST_SHOWN)
    axes.set_ylim(lowest - 0.12 * (100 - lowest), 100 + 0.12 * (100 - lowest))
    if target is not None:
        label = words("chart.replicas.target", share=words.percent(target, 2))
        style.level(axes, 100 * target, label, colour=style.VERMILION, at=1.0, above=False)
    axes.set_ylabel(words("chart.replicas.availability_axis"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value, 2)))


def _in_minutes(check: ScaleCheck) -> bool:
    return check.last_s - check.first_s > _MINUTES_FROM_S


def _time(seconds: float, in_minutes: bool) -> float:
    return seconds / 60 if in_minutes else seconds
