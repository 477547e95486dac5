"""A weekly pattern of consulting hours, and the slots that it stands for."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

_DAY: Final = timedelta(days=1)


class Span(NamedTuple):
    """When a slot is, in UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Hours:
    """Consulting hours on one day of the week (ISO: Monday is 1), from and until by the clock on the wall."""

    weekday: int
    begin: time
    end: time
    minutes: int
    """Length of each slot."""
    break_minutes: int = 0
    """Between two slots."""


def expand(pattern: Sequence[Hours], first_day: date, last_day: date, zone: tzinfo) -> Iterator[Span]:
    """The slots of the pattern, day by day, `last_day` included.

    Hours begin and end by the clock of `zone`, and slots follow each other in real time between: where the clock jumps
    ahead, a day has fewer of them, where it is set back, more. See `instant` for hours that begin or end just then.
    """
    for day in _days(first_day, last_day):
        for hours in pattern:
            if hours.weekday == day.isoweekday():
                yield from _slots(hours, day, zone)


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """The moment, in UTC, when a clock in `zone` shows `wall`.

    The first one where the clock shows it twice; the moment of the jump where it never does. So a later clock time
    is never an earlier moment, and hours that do not overlap on the wall never overlap.
    """
    before_jump = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before_jump.astimezone(zone).replace(tzinfo=None) == wall:
        return before_jump
    # PEP 495: of a time that was skipped, fold 0 is read with the offset before the jump, fold 1 with the one after it.
    earliest = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = before_jump.astimezone(zone).utcoffset()
    seconds = range(int((before_jump - earliest).total_seconds()))
    jump_s = bisect_left(
        seconds, True, key=lambda second: (earliest + timedelta(seconds=second)).astimezone(zone).utcoffset() == after
    )
    return earliest + timedelta(seconds=jump_s)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + number * _DAY for number in range((last - first).days + 1))


def _slots(hours: Hours, day: date, zone: tzinfo) -> Iterator[Span]:
    start, end = (instant(datetime.combine(day, clock), zone) for clock in (hours.begin, hours.end))
    length, rhythm = timedelta(minutes=hours.minutes), timedelta(minutes=hours.minutes + hours.break_minutes)
    while start + length <= end:
        yield Span(start, start + length)
        start += rhythm
