"""What became of a run's faults, as a table, in lines, and as the exit code of who asked for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from slotrush.chaos.catalogue import FAULTS, Planned
from slotrush.chaos.outcome import Episode, Outcome
from slotrush.chaos.processes import KillWorker
from slotrush.errors import EXIT_FAILED, EXIT_INVALID_RUN, EXIT_OK, EXIT_UNDECIDED
from slotrush.summary import INCOMPLETE, Summary
from slotrush.summary.generator import fault_sentences

COLUMNS: Final = ("at", "fault", "hit", "requests", "available", "back after", "allowed")
"""Requests and availability are of the time until the system was back and the fault over."""


@dataclass(frozen=True)
class Judged:
    """The verdict on a run with faults; `reasons` say why it is not passed."""

    exit_code: int
    reasons: tuple[str, ...]


def judge(planned: Sequence[Planned], outcome: Outcome, incomplete: Sequence[str], spoiled: Sequence[str]) -> Judged:
    """A broken promise weighs most, then a system that was not back in time, then what cannot be known.

    `incomplete`: what the run lacks, without what its faults explain; `spoiled`: why its figures are not the target's.
    """
    broken = [f"{count} broken: {name}" for name, count in (outcome.broken or {}).items() if count]
    late = [_late(episode) for episode in outcome.episodes if episode.in_time is False]
    early = [_what(episode) for episode in outcome.episodes if episode.in_time is None]
    missing = len(planned) - len(outcome.episodes)
    lacking = [f"{missing} of {len(planned)} faults were not done"] if missing else []
    lacking += [f"{what}: the load ended before the system had to be back" for what in early]
    lacking += incomplete
    if broken:
        return Judged(EXIT_FAILED, (*broken, *late, *lacking, *spoiled))
    if spoiled:
        return Judged(EXIT_INVALID_RUN, (*spoiled, *late, *lacking))
    if late:
        return Judged(EXIT_FAILED, (*late, *lacking))
    if lacking or outcome.broken is None:
        return Judged(EXIT_UNDECIDED, tuple(lacking) or ("there was no audit",))
    return Judged(EXIT_OK, ())


def unexplained(incomplete: Iterable[str], planned: Iterable[Planned]) -> list[str]:
    """What a run lacks for another reason than its faults, in words."""
    explained = {"worker-lost"} if any(one.name == KillWorker.name for one in planned) else set()
    return [INCOMPLETE[code] for code in incomplete if code not in explained]


def spoiled(summary: Summary) -> list[str]:
    """Why the figures of a run are not the target's, in words. Arrivals that found nobody free are no such reason in a
    run with faults: they are what the faults cost, and count against the system's return."""
    faults = summary.generator.faults
    own = set(fault_sentences(faults))
    others = [reason for reason in summary.measuring_faults if reason not in own]
    return [*fault_sentences([fault for fault in faults if fault.cause != "dropped"]), *others]


def table(episodes: Sequence[Episode]) -> Table:
    """One line for each fault."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in COLUMNS:
        shown.add_column(column, no_wrap=True, justify="left" if column in ("fault", "hit") else "right")
    for episode in episodes:
        shown.add_row(*cells(episode))
    return shown


def cells(episode: Episode) -> tuple[str, ...]:
    """The texts of COLUMNS."""
    return (
        f"{episode.at_s:.0f} s",
        episode.fault,
        episode.hit,
        f"{episode.requests:,}",
        "" if episode.availability is None else f"{episode.availability:.2%}",
        "not" if episode.back_s is None else f"{episode.back_s} s",
        f"{episode.back_within_s} s",
    )


def lines(outcome: Outcome, judged: Judged) -> list[str]:
    """The verdict and what it rests on."""
    broken = outcome.broken or {}
    said = [
        f"acknowledged writes lost: {_count(broken, 'lost_acknowledged')}; double bookings:"
        f" {_count(broken, 'double_bookings')}; mails lost: {_count(broken, 'notifications_missing')}, doubled:"
        f" {_count(broken, 'notifications_doubled')} (sent again under the same Message-ID: {outcome.sent_again})",
    ]
    verdict = {EXIT_OK: "passed", EXIT_FAILED: "failed", EXIT_UNDECIDED: "undecided"}.get(judged.exit_code, "invalid")
    return [*said, verdict, *(f"  {reason}" for reason in judged.reasons)]


def listing() -> Table:
    """All faults, with what may be seen of each."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("fault", "back within", "what is done", "what may be seen"):
        shown.add_column(column, no_wrap=column == "fault")
    for name, kind in FAULTS.items():
        hindrance = kind.hindrance()
        effect = kind.effect if hindrance is None else f"not on this machine: {hindrance}"
        shown.add_row(name, f"{kind.back_within_s} s", kind.title, effect)
    return shown


def _late(episode: Episode) -> str:
    if episode.back_s is None:
        return f"{_what(episode)}: the objectives did not hold again before the load ended"
    return f"{_what(episode)}: back after {episode.back_s} s, and {episode.back_within_s} s are allowed"


def _what(episode: Episode) -> str:
    return f"{episode.fault} ({episode.hit}) at {episode.at_s:.0f} s"


def _count(broken: Mapping[str, int], name: str) -> str:
    return str(broken.get(name, "unknown"))
