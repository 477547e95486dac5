"""A check for who sits at the terminal: the objectives, how the replicas did, and what the simulator had said."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from slotrush.elasticity.check import Local, Prediction, ScaleCheck
from slotrush.elasticity.measure import Elasticity
from slotrush.gate import words
from slotrush.gate.table import STYLES, reasons, results_table
from slotrush.gate.verdict import Result


def render(check: ScaleCheck, results: Sequence[Result], subject: str) -> Iterator[RenderableType]:
    """The headline, what was judged, the objectives, how the replicas did, and why results are what they are."""
    yield Text(words.headline_of(check.outcome), style=STYLES[check.outcome])
    yield Text(subject)
    yield results_table(results)
    scaling = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _rows(check):
        scaling.add_row(Text(name, style="dim"), Text(value))
    yield scaling
    yield from reasons(results)


def _rows(check: ScaleCheck) -> Iterator[tuple[str, str]]:
    followed = check.elasticity
    yield (
        "replicas ready",
        f"{followed.replicas_min} to {followed.replicas_max}, mean {followed.replicas_mean:.1f}",
    )
    yield "at the limit", f"{followed.at_limit_share:.1%} of the time, of {followed.limit} replicas"
    yield "too few ready", _too_few(followed)
    yield "more than wanted", _too_many(followed)
    slowest = "-" if followed.slowest_rise_s is None else f"{followed.slowest_rise_s:.0f} s"
    yield "slowest time to scale", f"{slowest}, of {followed.rises} rises, {followed.unfinished_rises} not finished"
    if check.local is not None:
        yield from _local_rows(check.local)


def _too_few(followed: Elasticity) -> str:
    return f"{followed.under_share:.1%} of the time, {followed.under_mean:.2f} missing on average"


def _too_many(followed: Elasticity) -> str:
    return f"{followed.over_share:.1%} of the time, {followed.over_mean:.2f} to spare on average"


def _local_rows(local: Local) -> Iterator[tuple[str, str]]:
    yield "fewer than the load needs", _too_few(local.demand)
    yield "more than the load needs", _too_many(local.demand)
    start = "" if local.start_s is None else f", {local.start_s:.1f} s from wanted to serving"
    yield "replicas started", f"{local.started}{start}"
    yield (
        "replicas that left",
        f"{local.left}; {local.failed_while_leaving} requests failed or were refused in those seconds,"
        f" {local.failed} failed in all,"
        f" of {local.requests:,}",
    )
    yield from _prediction_rows(local.prediction)


def _prediction_rows(said: Prediction) -> Iterator[tuple[str, str]]:
    yield (
        "predicted mean replicas",
        f"{said.replicas_mean_predicted:.2f}, measured {said.replicas_mean_measured:.2f}: {said.replicas_error:+.1%}",
    )
    yield (
        "predicted availability",
        f"{said.availability_predicted:.3%}, measured {said.availability:.3%}:"
        f" {said.availability_error_points:+.3f} points",
    )
    yield (
        "predicted from",
        f"{said.calibrated_from}: {said.cpu_ms_per_request:.2f} ms of CPU per request, {said.seeds} simulated runs",
    )
