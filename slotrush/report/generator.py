"""The load generator second by second: how late its event loops were, how busy its processes, where that spoiled it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from slotrush.report import charts
from slotrush.report.words import Words
from slotrush.runs import record
from slotrush.summary.generator import read_windows
from slotrush.summary.model import Fault
from slotrush.summary.validity import CPU_LIMIT_SHARE, percentile_of

LAG_COLOUR: Final = "#0072B2"
CPU_COLOUR: Final = "#009E73"
FAULT_COLOUR: Final = "#D55E00"


@dataclass(frozen=True)
class Course:
    """By second since the drop or the start: the worst worker's p99 of lag, the busiest one's share of a core."""

    x_s: Sequence[float]
    lag_p99_ms: Sequence[float]
    cpu_share: Sequence[float]


def read(connection: sqlite3.Connection) -> Course | None:
    """None when no worker told of itself."""
    worst: dict[int, tuple[float, float]] = {}
    for window in read_windows(connection, record.event_times(connection)):
        if window.lags_us:
            lag_ms, cpu_share = worst.get(window.second, (0.0, 0.0))
            now_ms = percentile_of(window.lags_us, 99) / 1000
            worst[window.second] = (max(lag_ms, now_ms), max(cpu_share, window.cpu_share))
    if not worst:
        return None
    seconds = sorted(worst)
    return Course(
        x_s=[second + 0.5 for second in seconds],
        lag_p99_ms=[worst[second][0] for second in seconds],
        cpu_share=[worst[second][1] for second in seconds],
    )


def chart(course: Course, faults: Sequence[Fault], from_drop: bool, words: Words, description: str) -> str:
    """Lag above, CPU below, over the same seconds; the stretches that make the run invalid are shaded."""

    def draw(panels: Any) -> None:
        lag, cpu = panels
        marker = {"marker": "o", "markersize": 3 if len(course.x_s) < 60 else 0, "linewidth": 1.8}
        lag.plot(course.x_s, course.lag_p99_ms, color=LAG_COLOUR, label=words("charts.generator.lag"), **marker)
        lag.set_ylabel(words("charts.generator.lag_axis"))
        lag.set_ylim(0, max(course.lag_p99_ms) * 1.1 or 1)
        cpu.plot(
            course.x_s,
            [100 * share for share in course.cpu_share],
            color=CPU_COLOUR,
            label=words("charts.generator.cpu"),
            **marker,
        )
        cpu.axhline(100 * CPU_LIMIT_SHARE, color=charts.INK, linewidth=1, linestyle=(0, (4, 3)))
        cpu.set_ylabel(words("charts.generator.cpu_axis"))
        cpu.set_ylim(0, max(100.0, 100 * max(course.cpu_share)) * 1.05)
        cpu.set_xlabel(words("charts.since_drop" if from_drop else "charts.since_start"))
        cpu.set_xlim(min(course.x_s[0] - 0.5, 0), course.x_s[-1] + 0.5)
        for panel in (lag, cpu):
            for number, fault in enumerate(faults):
                label = words("charts.generator.spoiled") if number == 0 and panel is lag else None
                panel.axvspan(fault.from_s, fault.until_s, color=FAULT_COLOUR, alpha=0.22, linewidth=0, label=label)
            charts.number_ticks(panel.yaxis, words)
        charts.number_ticks(cpu.xaxis, words)
        charts.legend(lag, columns=2)

    title = words("charts.generator.title")
    return charts.draw_svg("generator", title, description, draw, height_in=3.3, panels=2)
