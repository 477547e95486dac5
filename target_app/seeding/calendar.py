"""When the doctors of a seeded system have slots."""

from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from functools import cache
from itertools import islice
from random import Random
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from target_app.agenda.weekly import Hours, Span, expand
from target_app.seeding.people import Doctor, new_id

ZONE: Final = ZoneInfo("America/Sao_Paulo")
SLOTS_PER_DOCTOR_MAX: Final = 3_000
_LENGTHS_MINUTES: Final = (20, 30, 40, 60)
_MORNING: Final = (time(8), time(12))
_AFTERNOON: Final = (time(13), time(18))
_SHIFTS: Final = ((_MORNING,), (_AFTERNOON,), (_MORNING, _AFTERNOON))
_LONGEST: Final = timedelta(days=4 * 366)
"""Enough for the most slots of the longest kind, in mornings only."""
_WEEKDAYS: Final = range(1, 6)


class Slot(NamedTuple):
    id: UUID
    doctor_id: UUID
    span: Span


def slots(count: int, seed: int, doctors: Sequence[Doctor], first_day: date) -> Iterator[Slot]:
    """Spread evenly over the doctors, who work on weekdays from `first_day` on, each in shifts of their own."""
    random = Random(f"{seed} slots")
    each, more = divmod(count, len(doctors))

    @cache
    def times(shifts: tuple[tuple[time, time], ...], minutes: int) -> list[Span]:
        hours = [Hours(day, begin, end, minutes) for day in _WEEKDAYS for begin, end in shifts]
        return list(islice(expand(hours, first_day, first_day + _LONGEST, ZONE), each + 1))

    for number, doctor in enumerate(doctors):
        working = times(random.choice(_SHIFTS), random.choice(_LENGTHS_MINUTES))
        for span in working[: each + (number < more)]:
            yield Slot(new_id(random), doctor.id, span)
