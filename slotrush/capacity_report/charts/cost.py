"""What a month costs against the number of patients, by offer: stairs, as replicas and nodes come whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from slotrush.capacity_report.charts import style
from slotrush.report import charts
from slotrush.report.words import Words

Stairs = Sequence[tuple[float, float]]
"""Patients and the cost of a month for them, the patients rising."""


def draw(
    offers: Mapping[str, Stairs],
    currency: str,
    planned: float,
    unit: str,
    words: Words,
    title: str,
    description: str,
) -> str:
    """`offers` by their titles; `planned` is the demand of the plan, in the axis's `unit` (patients, say)."""

    def drawn(axes: Any) -> None:
        for (name, stairs), (colour, mark, line) in zip(offers.items(), style.SERIES, strict=False):
            xs, costs = zip(*stairs, strict=True)
            axes.plot(
                xs,
                costs,
                drawstyle="steps-pre",
                color=colour,
                linestyle=line,
                linewidth=2,
                marker=mark,
                markersize=4,
                label=name,
            )
        top = max(cost for stairs in offers.values() for _, cost in stairs)
        axes.set_ylim(0, top * 1.15)
        axes.set_xlim(0, max(x for stairs in offers.values() for x, _ in stairs) * 1.02)
        style.upright(axes, planned, words("chart.cost.planned"), right=False)
        axes.set_xlabel(unit)
        axes.set_ylabel(words("chart.cost.axis", currency=words.currency(currency)))
        style.numbers(axes, words)
        charts.legend(axes, columns=1)

    return charts.draw_svg("cost", title, description, drawn, height_in=style.HEIGHT_IN)
