"""Panels as this project likes them: few kinds, each with a question, a unit and its objective as a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT: Final = 8
STAT_HEIGHT: Final = 4
HALF, THIRD, QUARTER, SIXTH, WHOLE = 12, 8, 6, 4, 24
Panel = timeseries.Panel | stat.Panel
Unit = Literal["short", "reqps", "ops", "s", "percentunit", "bytes", "wps", "none"]
"""Grafana's own names."""


@dataclass(frozen=True)
class Query:
    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Limits:
    """Where a value turns: `steps` of (from which value on, colour), the first from minus infinity."""

    steps: tuple[tuple[float | None, str], ...]

    def builder(self) -> build.ThresholdsConfig:
        steps = [Threshold(value=value, color=color) for value, color in self.steps]
        return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


PLAIN: Final = Limits(((None, "blue"),))


def at_least(value: float) -> Limits:
    return Limits(((None, "red"), (value, "green")))


def at_most(value: float) -> Limits:
    return Limits(((None, "green"), (value, "red")))


def rising(*levels: float) -> Limits:
    """Worse with every level, up to red; at most four."""
    colors = ("super-light-yellow", "yellow", "orange", "red")[-len(levels) :]
    return Limits(((None, "green"), *zip(levels, colors, strict=True)))


def chart(
    title: str,
    description: str,
    unit: Unit,
    *queries: Query,
    span: int = HALF,
    limits: Limits | None = None,
    stacked: bool = False,
    floor: float | None = 0,
) -> timeseries.Panel:
    """Values over time; `limits` are drawn as lines across it."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(span)
        .height(HEIGHT)
        .datasource(SOURCE)
        .line_width(1)
        .fill_opacity(25 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .targets([_target(query, chr(ord("A") + place)) for place, query in enumerate(queries)])
    )
    if floor is not None:
        panel = panel.min(floor)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if limits is not None:
        style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(limits.builder()).thresholds_style(style)
    return panel


def figure(
    title: str,
    description: str,
    unit: Unit,
    query: Query,
    *,
    span: int = SIXTH,
    limits: Limits = PLAIN,
    names_only: bool = False,
    decimals: int | None = None,
) -> stat.Panel:
    """The last value, large; `names_only` shows which series there are at the end, not their values."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(span)
        .height(STAT_HEIGHT)
        .datasource(SOURCE)
        .graph_mode(BigValueGraphMode.NONE if names_only else BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .text_mode(BigValueTextMode.NAME if names_only else BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .thresholds(limits.builder())
        .no_value("none")
        .targets([_target(query, "A").instant() if names_only else _target(query, "A")])
    )
    return panel if decimals is None else panel.decimals(decimals)


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .range()
        .ref_id(ref_id)
        .datasource(SOURCE)
    )


Row = tuple[str, Sequence[Panel]]
