"""How slow the slowest hundredth of the answers is, against the load as a share of what the copies can take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slotrush.capacity.plan_document import MeasuredResponse
from slotrush.capacity_report.charts import style
from slotrush.report import charts
from slotrush.report.words import Words

_SPREAD: Final = 1.4
"""Room above and below what is drawn, as a factor: the axis is logarithmic."""
SHARE_MAX: Final = 1.5
"""Loads beyond so many times what the copies can take only say that it was far too much."""
_END_MAX: Final = 10.0
"""An interval's end that lies farther off, or nowhere, is cut at so many times the estimate."""


@dataclass(frozen=True)
class Forecast:
    """What the plan says of one class at its peak, in ms; `high_ms` None is an end that is not known. `formula`: shares
    and the p99 in ms that a queueing formula expects of the planned copies."""

    share: float
    low_ms: float
    mid_ms: float
    high_ms: float | None
    formula: Sequence[tuple[float, float]] = ()


def draw(
    responses: Sequence[MeasuredResponse],
    objectives_ms: Mapping[str, float],
    forecast: Forecast | None,
    words: Words,
    title: str,
    description: str,
) -> str:
    """`objectives_ms` by class of endpoints; a mark is hollow where its class has one and did not keep it."""

    def drawn(axes: Any) -> None:
        names = sorted({one.endpoint_class for one in responses})
        for name, (colour, mark, _) in zip(names, style.SERIES, strict=False):
            said, objective = words.find(f"class.{name}", name), objectives_ms.get(name)
            _class(axes, [one for one in responses if one.endpoint_class == name], objective, colour, mark, said)
            if objective is not None:
                label = words("chart.latency.objective", name=said, time=words.milliseconds(objective))
                style.level(axes, objective, label, colour=colour)
        if forecast is not None:
            _forecast(axes, forecast, words("chart.latency.predicted"), words("chart.latency.formula"))
        style.upright(axes, 100, words("chart.latency.limit"), right=False)
        _axes(axes, responses, objectives_ms, forecast, words)
        charts.legend(axes, columns=3)

    return charts.draw_svg("latency", title, description, drawn, height_in=style.HEIGHT_IN + 0.2)


def _class(
    axes: Any, responses: Sequence[MeasuredResponse], objective_ms: float | None, colour: str, mark: str, label: str
) -> None:
    for filled in (True, False):
        points = [
            (100 * one.share, one.p99_ms)
            for one in responses
            if (objective_ms is None or one.p99_ms < objective_ms) is filled
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                linestyle="none",
                marker=mark,
                markersize=4.5,
                color=colour,
                markerfacecolor=colour if filled else "none",
                label=label if filled else None,
            )


def _forecast(axes: Any, forecast: Forecast, label: str, formula: str) -> None:
    if forecast.formula:
        shares, times_ms = zip(*forecast.formula, strict=True)
        at = [100 * share for share in shares]
        axes.plot(at, times_ms, color=style.GREY, linewidth=1.4, linestyle=":", label=formula)
    high_ms = min(forecast.high_ms or float("inf"), _END_MAX * forecast.mid_ms)
    axes.errorbar(
        [100 * forecast.share],
        [forecast.mid_ms],
        yerr=[[forecast.mid_ms - forecast.low_ms], [high_ms - forecast.mid_ms]],
        fmt="*",
        color=style.INK,
        markeredgecolor="white",
        markersize=14,
        capsize=4,
        linewidth=1.4,
        zorder=6,
        label=label,
    )


def _axes(
    axes: Any,
    responses: Sequence[MeasuredResponse],
    objectives_ms: Mapping[str, float],
    forecast: Forecast | None,
    words: Words,
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415

    times_ms = [*(one.p99_ms for one in responses), *objectives_ms.values()]
    times_ms += [] if forecast is None else [forecast.mid_ms, *(time_ms for _, time_ms in forecast.formula)]
    shares = [*(one.share for one in responses), 1.0]
    shares += [] if forecast is None else [forecast.share]
    axes.set_yscale("log")
    axes.set_ylim(min(times_ms) / _SPREAD, max(times_ms) * _SPREAD)
    axes.set_xlim(max(0.0, 100 * min(shares) - 8), 100 * max(shares) + 8)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value, words)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{words.number(value)}\u00a0%"))
    axes.set_xlabel(words("chart.latency.load"))
    axes.set_ylabel(words("chart.latency.axis"))


def _time(value_ms: float, words: Words) -> str:
    return f"{words.number(value_ms / 1000, 1)}\u00a0s" if value_ms >= 1000 else f"{words.number(value_ms)}\u00a0ms"
