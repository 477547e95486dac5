"""Simulations for who sits at the terminal."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.table import Table

from slotrush.scaling.demands import Demands
from slotrush.scaling.simulating import Answer, Share, System


def table(answers: Sequence[Answer]) -> Table:
    """One simulation in a column."""
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    shown.add_column(style="dim", no_wrap=True)
    for _ in answers:
        shown.add_column(justify="right")
    for name, figure in _FIGURES:
        shown.add_row(name, *(figure(one) for one in answers))
    for place, share in enumerate(answers[0].shares):
        within = "" if share.within_s is None else f" in {1000 * share.within_s:g} ms"
        shown.add_row(
            f"{share.objective}: {100 * share.target:.5g} %{within}", *(_share(one.shares[place]) for one in answers)
        )
    verdicts = ("[green]holds[/green]" if one.holds else "[red]does not hold[/red]" for one in answers)
    shown.add_row("all objectives", *verdicts)
    return shown


def assumptions(demands: Demands, system: System) -> str:
    """What the answers rest on, in a line or two."""
    each = ", ".join(f"{one.name} {1000 * one.cpu_s:.2f} ms ({one.share:.0%})" for one in demands.classes)
    if demands.echo_s:
        each += f", and {1e6 * demands.echo_s:.0f} µs of each replica"
    if demands.follower_saves:
        each += f"; {demands.follower_saves:.0%} less for those that follow another one"
    return (
        f"CPU per request from {demands.source}: {each}; autoscaler {system.hpa.name}: {system.hpa.min_replicas} to"
        f" {system.hpa.max_replicas} replicas of {system.cpu_request_m}m, of which {system.replicas} stand ready; a new"
        f" one takes {system.delays.schedule_s + system.delays.start_s + system.delays.endpoint_lag_s:.0f} s"
    )


def floored(share: float) -> str:
    """Never rounded up: 99.9996 % is not everything."""
    return f"{int(share * 100_000) / 1000:g} %"


def _share(share: Share) -> str:
    return floored(share.share) if share.holds else f"[red]{floored(share.share)}[/red]"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1000 * seconds:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


_FIGURES: Final[Sequence[tuple[str, Callable[[Answer], str]]]] = (
    ("patients", lambda one: f"{one.rush.patients:,}"),
    ("requests", lambda one: f"{one.requests:,}"),
    ("most requests in a second", lambda one: f"{one.peak_per_s:,.0f}"),
    ("replicas, at most", lambda one: f"{one.replicas_max}"),
    ("replicas, mean", lambda one: f"{one.replicas_mean:.1f}"),
    ("replicas that the peak needs", lambda one: "-" if one.replicas_needed is None else f"{one.replicas_needed:,}"),
    ("p50 of those answered", lambda one: _time(one.p50_s)),
    ("p99", lambda one: _time(one.p99_s)),
    ("simulated in", lambda one: f"{one.compute_s:.1f} s"),
)
