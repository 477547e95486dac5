"""The history as one HTML page that needs nothing else: a chart of each figure, with its changes and their commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from slotrush.compare import words as told
from slotrush.compare.figure import Unit
from slotrush.history.trend import Change, Line, Story
from slotrush.report import charts
from slotrush.report.words import Words

COMMIT_DIGITS: Final = 10
LABELS_MAX: Final = 8
"""As many dates as fit below a chart."""
WORSE, BETTER, LINE = "#D55E00", "#009E73", "#0072B2"
_SCALE: Final = {Unit.MEMORY: (2**20, "MiB per replica")}


@dataclass(frozen=True)
class Chart:
    title: str
    svg: Markup


@dataclass(frozen=True)
class Chapter:
    """One story on the page."""

    story: Story
    charts: tuple[Chart, ...]


def render(stories: Sequence[Story]) -> str:
    chapters = [Chapter(story, tuple(_charts(place, story))) for place, story in enumerate(stories)]
    environment = Environment(
        loader=PackageLoader("slotrush.history"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("history.html.j2").render(
        chapters=chapters,
        sentence=sentence,
        short=short,
        amount=told.amount,
        style=Markup(files("slotrush.report").joinpath("templates", "style.css").read_text("utf-8")),
    )


def sentence(change: Change) -> str:
    """What changed, by how much, and where to look."""
    grew = "grew" if change.is_worse else "fell"
    return (
        f"{change.figure.title} {grew} by {abs(change.growth):.1%}, from {told.amount(change.figure, change.before)} to"
        f" {told.amount(change.figure, change.after)}, with commit {short(change.commit)}"
        f" (the run before was of {short(change.after_commit)}), {change.started_at[:10]}"
    )


def short(commit: str) -> str:
    """As much of a commit as names it, with the mark of a tree that had changes."""
    digits, mark, rest = commit.partition("-")
    return f"{digits[:COMMIT_DIGITS]}{mark}{rest}"


def _charts(place: int, story: Story) -> list[Chart]:
    return [_chart(f"{place}-{line.figure.name}", line, story) for line in story.lines]


def _chart(name: str, line: Line, story: Story) -> Chart:
    scale, unit = _SCALE.get(line.figure.unit, (1, line.figure.unit))
    words = Words("en")
    known = [(at, amount / scale) for at, amount in enumerate(line.amounts) if amount is not None]

    def draw(axes: Any) -> None:
        axes.plot(*zip(*known, strict=True), color=LINE, linewidth=1.6, marker="o", markersize=4)
        for change in line.changes:
            colour = WORSE if change.is_worse else BETTER
            axes.axvline(change.at - 0.5, color=colour, linewidth=1.4, linestyle=(0, (4, 3)))
            axes.annotate(
                f"{change.growth:+.0%}  {short(change.commit)}",
                (change.at - 0.5, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -3),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
                color=colour,
            )
        axes.set_ylim(0, max(amount for _, amount in known) * 1.25)
        labels = [f"{run.started_at[:10]}\n{short(run.commit)[:7]}" for run in story.runs]
        every = max(len(labels) // LABELS_MAX, 1)
        axes.set_xticks(range(0, len(labels), every), labels[::every], fontsize=7.5)
        axes.set_ylabel(unit)
        charts.number_ticks(axes.yaxis, words)

    description = "; ".join(map(sentence, line.changes)) or f"no change in {len(known)} runs"
    return Chart(line.figure.title, Markup(charts.draw_svg(name, line.figure.title, description, draw)))
