"""Charts of simulated and of real scaling, in the report's style, as SVG files of their own."""

from collections.abc import Sequence
from typing import Any, Final

from slotrush.elasticity.check import ScaleCheck
from slotrush.report.charts import INK, draw_svg, legend
from slotrush.scaling.simulating import Answer

WANTED, SERVING, DEMAND, PREDICTED, GOOD = "#E69F00", "#009E73", "#5b6770", "#0072B2", "#CC79A7"
"""Of Okabe and Ito's palette (2008), as all charts here; and a grey."""
_HEIGHT_IN: Final = 2.6
_Y_ROOM: Final = 1.12
_CLOSE_PERCENT: Final = 99.0
"""A chart of availability begins here, unless it was lower: a point or less should be seen."""


def of_answers(answers: Sequence[Answer]) -> str:
    """For each simulation what came, how many replicas there were for it, and what became of it."""

    def draw(panels: Any) -> None:
        rows = panels.reshape(len(answers), 2) if len(answers) > 1 else [panels]
        for (replicas, good), one in zip(rows, answers, strict=True):
            curves = one.curves
            replicas.step(curves.at_s, curves.wanted, where="post", color=WANTED, label="replicas wanted")
            replicas.step(curves.at_s, curves.serving, where="post", color=SERVING, linewidth=2, label="serving")
            replicas.set_ylabel("replicas")
            replicas.set_ylim(0, max(*curves.wanted, *curves.serving) * _Y_ROOM)
            replicas.set_title(
                f"{one.rush.patients:,} patients within {one.rush.within_s:g} s", loc="left", fontsize=9.5
            )
            good.set_ylim(-2, 104)
            _good_share(good, curves.at_s, curves.good_share, GOOD, "answered, of the requests of that moment")
        rows[-1][1].set_xlabel("seconds from the first patient")
        replicas_of_first, good_of_first = rows[0]
        handles = [*replicas_of_first.get_legend_handles_labels()[0], *good_of_first.get_legend_handles_labels()[0]]
        replicas_of_first.figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8.5)

    title = "Replicas and availability over time, simulated"
    described = "; ".join(
        f"{one.rush.patients:,} patients: up to {one.replicas_max} replicas, {'holds' if one.holds else 'fails'}"
        for one in answers
    )
    return draw_svg("simulated", title, described, draw, _HEIGHT_IN * len(answers), panels=2 * len(answers))


def of_check(check: ScaleCheck) -> str:
    """Replicas and availability of a check on this machine, predicted against measured."""
    assert check.local is not None
    said, curves = check.local.prediction, check.replicas
    at_s = [place * check.step_s for place in range(len(curves["ready"]))]

    def draw(panels: Any) -> None:
        replicas, good = panels
        replicas.fill_between(
            at_s,
            curves["predicted_low"],
            curves["predicted_high"],
            step="post",
            color=PREDICTED,
            alpha=0.18,
            linewidth=0,
        )
        replicas.step(
            at_s, curves["demand"], where="post", color=DEMAND, linewidth=1, linestyle=":", label="load needs"
        )
        replicas.step(at_s, curves["wanted"], where="post", color=WANTED, label="wanted")
        replicas.step(at_s, curves["ready"], where="post", color=SERVING, linewidth=2, label="serving, measured")
        replicas.plot(at_s, curves["predicted"], color=PREDICTED, linewidth=1.6, label="serving, predicted")
        replicas.set_ylabel("replicas")
        replicas.set_ylim(
            0, max(max(curves[name]) for name in ("wanted", "ready", "demand", "predicted_high")) * _Y_ROOM
        )
        places = [place * said.interval_s for place in range(len(said.availability_measured_by_time))]
        measured, predicted = said.availability_measured_by_time, said.availability_predicted_by_time
        _good_share(good, places, measured, SERVING, "")
        _good_share(good, places, predicted, PREDICTED, "", dashed=True)
        lowest = min((100 * share for share in (*measured, *predicted) if share is not None), default=100.0)
        good.set_ylim(min(lowest - 1, _CLOSE_PERCENT), 100 + (100 - min(lowest, _CLOSE_PERCENT)) * 0.1)
        good.set_xlabel("seconds from the beginning of the load")
        legend(replicas, columns=4)

    title = f"Replicas and availability of {check.run}, predicted and measured"
    described = (
        f"mean replicas: {said.replicas_mean_measured:.2f} measured, {said.replicas_mean_predicted:.2f} predicted"
        f" ({said.replicas_error:+.1%}); availability: {said.availability:.3%} measured,"
        f" {said.availability_predicted:.3%} predicted ({said.availability_error_points:+.3f} points)"
    )
    return draw_svg("scale-check", title, described, draw, 4.2, panels=2)


def _good_share(
    axes: Any, at_s: Sequence[float], shares: Sequence[float | None], colour: str, label: str, dashed: bool = False
) -> None:
    known = [float("nan") if share is None else 100 * share for share in shares]
    axes.plot(at_s, known, color=colour, linewidth=1.6, linestyle="--" if dashed else "-", label=label or None)
    axes.set_ylabel("answered, %")
    axes.axhline(100, color=INK, linewidth=0.6)
