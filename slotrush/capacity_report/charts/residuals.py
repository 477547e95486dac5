"""By how much each measured limit is above or below the law, with its interval: a pattern would betray another law."""

from collections.abc import Sequence
from typing import Any, Final

from slotrush.capacity.plan_document import MeasuredPoint
from slotrush.capacity_report.charts import style
from slotrush.report import charts
from slotrush.report.words import Words

_HEIGHT_IN: Final = 1.9
_ROOM: Final = 1.15


def draw(points: Sequence[MeasuredPoint], words: Words, title: str, description: str) -> str:
    """Of the points that the law was fitted to."""
    shown = [(point, point.residual, spread(point)) for point in points if point.residual is not None]

    def drawn(axes: Any) -> None:
        axes.axhline(0, color=style.BLUE, linewidth=1.6, label=words("chart.scaling.law"))
        style.measured(
            axes,
            [point.replicas for point, *_ in shown],
            [100 * residual for _, residual, _ in shown],
            [(100 * below, 100 * above) for *_, (below, above) in shown],
            words("chart.scaling.measured"),
        )
        reach = _ROOM * 100 * max(abs(residual) + max(ends) for _, residual, ends in shown)
        axes.set_ylim(-reach, reach)
        axes.set_xlim(0, _ROOM * max(point.replicas for point, *_ in shown))
        axes.set_xlabel(words("chart.scaling.replicas"))
        axes.set_ylabel(words("chart.residuals.axis"))
        axes.xaxis.get_major_locator().set_params(integer=True)
        style.numbers(axes, words)
        charts.legend(axes, columns=2)

    return charts.draw_svg("residuals", title, description, drawn, height_in=_HEIGHT_IN)


def spread(point: MeasuredPoint) -> tuple[float, float]:
    """How far the measurement's interval reaches below and above it, as shares of the law; 0 for an end not found."""
    span, residual = point.throughput_per_s, point.residual
    if span is None or not span.mid or residual is None:
        return 0.0, 0.0
    law_per_s = span.mid / (1 + residual)
    below, above = style.reach(span, span.mid)
    return below / law_per_s, above / law_per_s
