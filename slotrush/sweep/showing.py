"""A sweep on the screen: what it is just doing, with the time left, and what it found."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from slotrush.capacity.bisect import Verdict
from slotrush.capacity.intervals import Interval
from slotrush.capacity.scaling import Form
from slotrush.slo import Objectives
from slotrush.sweep import law, pace
from slotrush.sweep.law import Found
from slotrush.sweep.model import Point, Sweep
from slotrush.sweep.sweeping import News, Tell
from slotrush.sweep.utilisation import APP, MACHINE, at_limit, limited_by


@contextmanager
def progress(console: Console) -> Iterator[Tell]:
    """A bar with the time left on a terminal; elsewhere a line for each thing that is begun."""
    if not console.is_terminal:
        yield lambda news: console.print(f"{news.doing} ({left(news.left_s)})", highlight=False, soft_wrap=True)
        return
    doing, rest = TextColumn("{task.description}"), TextColumn("{task.fields[left]}")
    columns = (SpinnerColumn(), doing, BarColumn(), TimeElapsedColumn(), rest)
    with Progress(*columns, console=console) as shown:
        task = shown.add_task("starting", total=None, left="")
        begun_s = time.monotonic()

        def tell(news: News) -> None:
            spent_s = time.monotonic() - begun_s
            shown.update(
                task, description=news.doing, completed=spent_s, total=spent_s + news.left_s, left=left(news.left_s)
            )

        yield tell


def left(seconds: float) -> str:
    """At most so long, in whole minutes."""
    return f"at most {math.ceil(seconds / 60)} min left"


def table(sweep: Sweep) -> RenderableType:
    """A row for each number of replicas."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("replicas", "arrivals/s", "requests/s", "each", "probes", "app", "machine", "full first", "audit"):
        shown.add_column(column, justify="left" if column in ("full first", "audit") else "right")
    for point in sweep.points:
        shown.add_row(*_row(point, sweep))
    return shown


def conclusion(sweep: Sweep, objectives: Objectives) -> list[str]:
    """The law in words, or why there is none; and what of each point does not count."""
    found = law.of(sweep, objectives)
    lines = [
        f"{point.replicas} replicas: {refusal}"
        for point in sweep.points
        if sweep.settings.cpu_quota_m is not None and (refusal := law.refusal(point, sweep)) is not None
    ]
    lines += checks(sweep)
    slowest, fastest = pace.range_of(sweep)
    lines.append(
        f"the machine was {slowest:.2f} to {fastest:.2f} times as fast as on average; limits are those at its average"
        f" (swarms that passed above one that failed: {pace.crossed(sweep, measured=True)} pairs as measured,"
        f" {pace.crossed(sweep, measured=False)} at the average)"
    )
    if not isinstance(found, Found):
        return [*lines, f"no scaling law: {found}"]
    fitted = found.law
    lines.append(
        f"scaling law ({found.form}): {_interval(fitted.gamma)} requests/s of one replica that is fully used,"
        f" contention {_interval(fitted.sigma, 4)}, coherency {_interval(fitted.kappa, 4)}; of any number of them"
        f" {fitted.reserve:.2f} stay in reserve for the sake of response times"
    )
    if found.form is Form.AMDAHL and found.universal is not None:
        both = found.universal
        lines.append(
            f"the universal form, to compare: contention {_interval(both.sigma, 4)}, coherency"
            f" {_interval(both.kappa, 4)}"
        )
    for one in found.held_out:
        inside = "inside" if one.within else "outside"
        lines.append(
            f"{one.load:.0f} replicas, from {law.FIT_TO} and fewer: {one.predicted.mid:.1f} requests/s predicted,"
            f" {one.measured:.1f} measured ({one.error:+.1%}, {inside} the interval)"
        )
    return lines


def checks(sweep: Sweep) -> list[str]:
    """By how much the measured numbers disagree with the operational laws, which hold for any system in balance."""
    little = [
        abs(probe.little)
        for point in sweep.points
        for probe in point.probes
        if probe.little is not None and probe.verdict is Verdict.PASS
    ]
    uses = [at_limit(point, sweep.settings, sweep.cores).get(APP) for point in sweep.points]
    utilisation = [use.disagreement for use in uses if use is not None and use.disagreement is not None]
    lines = []
    if little:
        lines.append(f"Little's law: bookings under way are off by {max(little):.1%} at worst, where a swarm passed")
    if utilisation:
        lines.append(f"utilisation law: the replicas' CPU is off by {max(utilisation):.1%} at worst")
    return lines


def _row(point: Point, sweep: Sweep) -> list[str]:
    uses = at_limit(point, sweep.settings, sweep.cores)
    limit = point.throughput_per_s
    shares = [f"{uses[name].share:.0%}" if name in uses else "" for name in (APP, MACHINE)]
    each = "" if limit is None else f"{limit.mid / point.replicas:.1f}"
    probes = f"{len(point.probes)}"
    return [
        str(point.replicas),
        _interval(point.rate_per_s),
        "" if limit is None else _interval(limit),
        each,
        probes,
        *shares,
        limited_by(uses) or "",
        _audit(point),
    ]


def _audit(point: Point) -> str:
    if not point.audits:
        return "not yet"
    missing = f", {point.unaudited} probes not audited" if point.unaudited else ""
    return (f"[red]{point.broken} broken[/red]" if point.broken else "clean") + missing


def _interval(interval: Interval, digits: int = 1) -> str:
    low, mid, high = (f"{end:.{digits}f}" for end in (interval.low, interval.mid, interval.high))
    return f"{mid} ({low} to {high if math.isfinite(interval.high) else 'more'})"
