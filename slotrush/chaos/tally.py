"""Many runs with faults, added up by fault. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.chaos.catalogue import FAULTS
from slotrush.chaos.outcome import Episode, Outcome

COLUMNS: Final = (
    *("fault", "times tried", "requests during it", "availability during it", "back after: median, longest"),
    *("allowed", "acknowledged writes lost", "double bookings", "mails lost", "mails doubled", "mails sent again"),
)


@dataclass(frozen=True)
class Row:
    """All times that one fault was tried. What was lost or doubled is of the whole runs in which it was, and None when
    one of them has no audit; `not_back`: how often the load ended before the system was back."""

    fault: str
    tried: int
    requests: int
    availability: float | None
    back_s: tuple[int, ...]
    not_back: int
    allowed_s: int
    lost_acknowledged: int | None
    double_bookings: int | None
    mails_lost: int | None
    mails_doubled: int | None
    sent_again: int


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """One for each fault that was tried, in the order of the catalogue."""
    runs = list(outcomes)
    return [_row(name, runs) for name in FAULTS if any(one.fault == name for run in runs for one in run.episodes)]


def _row(name: str, runs: Sequence[Outcome]) -> Row:
    own = [run for run in runs if any(one.fault == name for one in run.episodes)]
    tried = [one for run in own for one in run.episodes if one.fault == name]
    requests = sum(one.requests for one in tried)
    return Row(
        fault=name,
        tried=len(tried),
        requests=requests,
        availability=sum(map(_good, tried)) / requests if requests else None,
        back_s=tuple(one.back_s for one in tried if one.back_s is not None),
        not_back=sum(one.back_s is None for one in tried),
        allowed_s=FAULTS[name].back_within_s,
        lost_acknowledged=_broken(own, "lost_acknowledged"),
        double_bookings=_broken(own, "double_bookings"),
        mails_lost=_broken(own, "notifications_missing"),
        mails_doubled=_broken(own, "notifications_doubled"),
        sent_again=sum(run.sent_again for run in own),
    )


def _good(episode: Episode) -> float:
    return (episode.availability or 0.0) * episode.requests


def _broken(runs: Iterable[Outcome], invariant: str) -> int | None:
    counts = [None if run.broken is None else run.broken[invariant] for run in runs]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def markdown(table: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    return "\n".join(lines + [_line(_cells(row)) for row in table])


def legend(table: Sequence[Row]) -> str:
    """What is done by each of the faults in the table, and what may be seen of it."""
    return "\n".join(
        f"- `{row.fault}`: {FAULTS[row.fault].title}. To be seen: {FAULTS[row.fault].effect}." for row in table
    )


def _cells(row: Row) -> Iterable[str]:
    back = f"{statistics.median(row.back_s):g} s, {max(row.back_s)} s" if row.back_s else ""
    if row.not_back:
        back = f"{back} ({row.not_back} times not)".strip()
    yield f"`{row.fault}`"
    yield f"{row.tried}"
    yield f"{row.requests:,}"
    yield "" if row.availability is None else f"{row.availability:.2%}"
    yield back
    yield f"{row.allowed_s} s"
    for count in (row.lost_acknowledged, row.double_bookings, row.mails_lost, row.mails_doubled):
        yield "unknown" if count is None else str(count)
    yield f"{row.sent_again}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
