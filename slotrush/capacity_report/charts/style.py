"""What the charts share: colours, marks, sizes, and labels that stay clear of each other."""

from collections.abc import Sequence
from typing import Any, Final

from slotrush.capacity.plan_document import Span
from slotrush.report import charts
from slotrush.report.words import Words

# After Okabe and Ito's palette (2008), all but the blue darkened until small letters in them can be read on white,
# which takes a contrast of 4.5 : 1 (WCAG 2.2, 1.4.3).
BLUE: Final = "#0072B2"
VERMILION: Final = "#BF5000"
GREEN: Final = "#007F5C"
PURPLE: Final = "#A34F80"
INK: Final = charts.INK
GREY: Final = "#6b7680"
COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE, INK, GREY)
SERIES: Final = ((BLUE, "o", "-"), (VERMILION, "s", "--"), (GREEN, "^", "-."), (PURPLE, "D", ":"))
"""Colour, mark and line of the first, second … of several: they differ in print without colour too."""
HEIGHT_IN: Final = 3.1
BAND_ALPHA: Final = 0.16
DASHED: Final = (0, (4, 3))
SMALL_PT: Final = 8.5


def upright(axes: Any, x: float, label: str, *, colour: str = INK, right: bool = True, y: float = 1.0) -> None:
    """A dashed line at `x`, with its label beside it at the height `y`, as a share of the axes."""
    axes.axvline(x, color=colour, linewidth=1.1, linestyle=DASHED)
    axes.annotate(
        label,
        (x, y),
        xycoords=("data", "axes fraction"),
        xytext=(4 if right else -4, -3),
        textcoords="offset points",
        ha="left" if right else "right",
        va="top",
        fontsize=SMALL_PT,
        color=colour,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def beyond(axes: Any, label: str) -> None:
    """A label at the lower right edge, for something that lies farther to the right."""
    axes.annotate(
        f"{label} \u2192",
        (1, 0),
        xycoords="axes fraction",
        xytext=(-4, 5),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL_PT,
        color=PURPLE,
        bbox={"facecolor": "white", "alpha": 1, "edgecolor": "none", "pad": 1},
    )


def level(axes: Any, y: float, label: str, *, colour: str = INK, at: float = 0.0, above: bool = True) -> None:
    """A dashed line at the height `y`, its label on it; `at` is where, as a share of the axes: 0 left, 1 right."""
    axes.axhline(y, color=colour, linewidth=1.1, linestyle=DASHED)
    axes.annotate(
        label,
        (at, y),
        xycoords=("axes fraction", "data"),
        xytext=(4 if at < 0.5 else -4, 2 if above else -2),
        textcoords="offset points",
        ha="left" if at < 0.5 else "right",
        va="bottom" if above else "top",
        fontsize=SMALL_PT,
        color=colour,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
    )


def measured(
    axes: Any,
    replicas: Sequence[int],
    values: Sequence[float],
    reaches: Sequence[tuple[float, float]],
    label: str,
    *,
    colour: str = INK,
    mark: str = "o",
) -> None:
    """Measured values, each with how far its interval reaches below and above it."""
    axes.errorbar(
        replicas,
        values,
        yerr=[[below for below, _ in reaches], [above for _, above in reaches]],
        fmt=mark,
        color=colour,
        markersize=5,
        capsize=3,
        linewidth=1.2,
        zorder=4,
        label=label,
    )


def reach(span: Span, mid: float) -> tuple[float, float]:
    """How far an interval reaches below and above its middle; 0 for an end that was not found."""
    return mid - (mid if span.low is None else span.low), (mid if span.high is None else span.high) - mid


def numbers(axes: Any, words: Words) -> None:
    """Ticks on both axes as the language writes numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        charts.number_ticks(axis, words)
