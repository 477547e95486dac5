"""The charts, as SVG that can be put into a page: letters are paths, so they look the same everywhere.

Matplotlib is imported by the functions that draw, since the import alone takes most of a second.
"""

import re
from collections.abc import Callable, Mapping
from html import escape
from io import StringIO
from typing import Any, Final

from slotrush.report.timeline import Timeline
from slotrush.report.words import Words

COMPONENTS: Final = (
    *("generator", "proxy", "app", "postgres", "valkey", "notifier", "mailbox", "images", "objects", "harness"),
)
"""In the order in which a request meets them; stacked and listed in this order everywhere."""

# Okabe and Ito's palette (2008), which colour-blind readers can tell apart, and a grey.
COMPONENT_COLOURS: Final = dict(
    zip(
        COMPONENTS,
        ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#8C6BB1", "#A6761D", "#7F7F7F"),
        strict=True,
    )
)
OUTCOME_COLOURS: Final = {"booked": "#009E73", "taken": "#B8C4CE", "refused": "#E69F00", "unknown": "#D55E00"}
CLASS_COLOURS: Final = {"reads": "#56B4E9", "bookings": "#009E73", "other-writes": "#E69F00"}
INK: Final = "#1f2933"
_FAINT: Final = "#5b6770"
_GRID: Final = "#e1e6ea"
_SIZE_IN: Final = (6.0, 2.75)
_STYLE: Final = {
    "svg.fonttype": "path",
    "svg.hashsalt": "slotrush",
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": _FAINT,
    "axes.edgecolor": "#9aa5b1",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "legend.frameon": False,
    "legend.handlelength": 1.1,
    "legend.handleheight": 0.9,
    "legend.columnspacing": 1.3,
    "legend.borderaxespad": 0.2,
}


def attempts(timeline: Timeline, words: Words, description: str) -> str:
    def draw(axes: Any) -> None:
        base = [0.0] * max(map(len, timeline.attempts_per_s.values()), default=0)
        left = [timeline.bins_from_s + index * timeline.bin_s for index in range(len(base))]
        for outcome, rates in timeline.attempts_per_s.items():
            axes.bar(
                left,
                rates,
                width=timeline.bin_s * 0.92,
                bottom=base,
                align="edge",
                color=OUTCOME_COLOURS[outcome],
                label=words(f"outcome.{outcome}"),
            )
            base = [below + rate for below, rate in zip(base, rates, strict=True)]
        legend(axes, columns=4)
        _race_axes(axes, timeline, words, words("charts.attempts.axis"))

    return draw_svg("attempts", words("charts.attempts.title"), description, draw)


def throughput(timeline: Timeline, words: Words, description: str) -> str:
    """What was answered, by class of endpoints, and of an open load what was due."""

    def draw(axes: Any) -> None:
        base = [0.0] * max(map(len, timeline.requests_per_s.values()), default=0)
        left = [timeline.bins_from_s + index * timeline.bin_s for index in range(len(base))]
        for name, rates in timeline.requests_per_s.items():
            axes.bar(
                left,
                rates,
                width=timeline.bin_s * 0.92,
                bottom=base,
                align="edge",
                color=CLASS_COLOURS.get(name, "#7F7F7F"),
                label=words.find(f"class.{name}", name),
            )
            base = [below + rate for below, rate in zip(base, rates, strict=True)]
        if timeline.arrivals_per_s:
            middles = [x_s + timeline.bin_s / 2 for x_s in left]
            due = words("charts.throughput.due")
            axes.plot(middles, timeline.arrivals_per_s[: len(middles)], color=INK, linewidth=1.2, label=due)
        legend(axes, columns=4)
        _race_axes(axes, timeline, words, words("charts.throughput.axis"))

    return draw_svg("throughput", words("charts.throughput.title"), description, draw)


def sold(timeline: Timeline, slots: int | None, words: Words, description: str) -> str:
    def draw(axes: Any) -> None:
        start = [(timeline.sold[0][0], 0)] if timeline.sold else []
        end = [(timeline.span_s[1], timeline.sold[-1][1])] if timeline.sold else []
        xs, counts = zip(*start, *timeline.sold, *end, strict=True) if timeline.sold else ((), ())
        axes.fill_between(xs, counts, step="post", color=OUTCOME_COLOURS["booked"], alpha=0.18, linewidth=0)
        axes.plot(
            xs,
            counts,
            drawstyle="steps-post",
            color=OUTCOME_COLOURS["booked"],
            linewidth=2,
            label=words("charts.sold.line"),
        )
        if slots:
            axes.axhline(slots, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=words("charts.sold.offered"))
        legend(axes, columns=2)
        _race_axes(axes, timeline, words, words("charts.sold.axis"))

    return draw_svg("sold", words("charts.sold.title"), description, draw)


def responses(timeline: Timeline, words: Words, description: str) -> str:
    """On a logarithmic scale: the fastest and the slowest differ by factors of a hundred."""

    def draw(axes: Any) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415

        xs = [moment.x_s for moment in timeline.responses]
        lines = (("max", "#D55E00", 1.2), ("p99", "#E69F00", 2.0), ("p50", "#0072B2", 2.0))
        for name, colour, width in lines:
            axes.plot(
                xs,
                [max(getattr(moment, name), 0.1) for moment in timeline.responses],
                color=colour,
                linewidth=width,
                marker="o",
                markersize=3 if len(xs) < 60 else 0,
                label=words(f"charts.responses.{name}"),
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _duration_tick(value, words)))
        shortest = min((moment.p50 for moment in timeline.responses), default=1.0)
        longest = max((moment.max for moment in timeline.responses), default=1.0)
        axes.set_ylim(max(shortest, 0.1) / 1.6, max(longest, 1.0) * 2.2)  # with room for the marks' labels
        legend(axes, columns=3)
        _race_axes(axes, timeline, words, words("charts.responses.axis"), counts=False)

    return draw_svg("responses", words("charts.responses.title"), description, draw)


def cpu(timeline: Timeline, cores: int | None, words: Words, description: str) -> str:
    def draw(axes: Any) -> None:
        usage = timeline.cpu
        names = in_order(usage.cores)
        axes.stackplot(
            usage.x_s,
            [usage.cores[name] for name in names],
            colors=[colour(name) for name in names],
            labels=[words.find(f"component.{name}", name) for name in names],
            linewidth=0,
            step="mid",
        )
        if cores:
            axes.axhline(cores, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        legend(axes, columns=4 if len(names) <= 8 else 3)
        _race_axes(axes, timeline, words, words("charts.cpu.axis"), whole_run=True)

    return draw_svg("cpu", words("charts.cpu.title"), description, draw, height_in=3.2)


def costs(
    measured: Mapping[str, float], floor: Mapping[str, float], words: Words, title: str, axis: str, description: str
) -> str:
    """CPU µs per attempt or request as stacked bars; `floor` names its parts as the components they stand for."""

    def draw(axes: Any) -> None:
        bars = [(words("charts.costs.measured"), measured)]
        if floor:
            bars.append((words("charts.costs.floor"), floor))
        longest = max(sum(parts.values()) for _, parts in bars)
        for row, (_, parts) in enumerate(bars):
            left = 0.0
            for name in in_order(parts):
                label = words.find(f"component.{name}", name) if row == 0 else None
                axes.barh(
                    row,
                    parts[name],
                    left=left,
                    height=0.62,
                    color=colour(name),
                    label=label,
                    edgecolor="white",
                    linewidth=0.8,
                )
                left += parts[name]
            axes.text(left + longest * 0.012, row, words.microseconds(left), va="center", weight="bold")
        axes.set_yticks(range(len(bars)), [name for name, _ in bars], color=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, longest * 1.17)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.set_xlabel(axis)
        number_ticks(axes.xaxis, words)
        legend(axes, columns=4)

    return draw_svg("costs", title, description, draw, height_in=2.5)


def in_order(components: Mapping[str, Any]) -> list[str]:
    """The known components in their order, then any others by name."""
    return [name for name in COMPONENTS if name in components] + sorted(set(components) - set(COMPONENTS))


def colour(component: str) -> str:
    return COMPONENT_COLOURS.get(component, "#333333")


def _race_axes(
    axes: Any, timeline: Timeline, words: Words, label: str, *, counts: bool = True, whole_run: bool = False
) -> None:
    """What all timelines share: seconds along, the drop and the drain marked."""
    if whole_run:
        first_s, last_s = timeline.cpu.x_s[0], timeline.cpu.x_s[-1]
        room_s = 0.17 * (last_s - first_s)  # for the label of the last mark
        axes.set_xlim(first_s, max(last_s, (timeline.drained_s or last_s - room_s) + room_s))
    else:
        axes.set_xlim(timeline.span_s)
    axes.set_xlabel(words("charts.since_drop" if timeline.from_drop else "charts.since_start"))
    axes.set_ylabel(label)
    number_ticks(axes.xaxis, words)
    if counts:
        axes.set_ylim(0, axes.dataLim.y1 * 1.16 or 1)  # with room for the marks' labels
        number_ticks(axes.yaxis, words)
    left_s, right_s = axes.get_xlim()
    inside = (timeline.drained_s or right_s) > 0.4 * (right_s - left_s)  # room for both labels between them
    if timeline.from_drop:
        _mark(axes, 0.0, words("charts.drop"), after=inside)
    if timeline.from_drop and timeline.drained_s is not None:
        _mark(axes, timeline.drained_s, words("charts.drained"), after=not inside)


def _mark(axes: Any, x_s: float, label: str, *, after: bool) -> None:
    """An upright line at `x_s`, its label beside its upper end."""
    axes.axvline(x_s, color=INK, linewidth=1)
    axes.annotate(
        label,
        (x_s, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3 if after else -3, -3),
        textcoords="offset points",
        ha="left" if after else "right",
        va="top",
        fontsize=8.5,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1},
    )


def legend(axes: Any, columns: int) -> None:
    """Above the figure, for everything on it that has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.figure.legend(loc="outside upper left", ncols=columns, fontsize=8.5)


def number_ticks(axis: Any, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    axis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value, 1)))


def _duration_tick(value_ms: float, words: Words) -> str:
    return f"{words.number(value_ms / 1000)} s" if value_ms >= 1000 else f"{words.number(value_ms, 1)} ms"


def draw_svg(
    name: str,
    title: str,
    description: str,
    draw: Callable[[Any], None],
    height_in: float = _SIZE_IN[1],
    panels: int = 1,
) -> str:
    """What `draw` puts on its axes, as an SVG for a page; it gets several, one above the other, for several `panels`.

    The panels share their horizontal axis; legends are the figure's own.
    """
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(_STYLE):
        figure = Figure(figsize=(_SIZE_IN[0], height_in), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        draw(figure.subplots(panels, sharex=True))
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return inline(text.getvalue(), f"chart-{name}", title, description)


def inline(svg: str, name: str, title: str, description: str) -> str:
    """A stand-alone SVG made fit for a page: no XML head, ids of its own, a title and a description."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    opening = svg[: svg.index(">") + 1]
    view_box = re.search(r'viewBox="[^"]+"', opening)
    return (
        f'<svg {view_box.group() if view_box else ""} xmlns="http://www.w3.org/2000/svg"'
        f' xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        + svg[len(opening) :]
    )
