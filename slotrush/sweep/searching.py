"""Where to look for the limit of a number of replicas, when, and for how long. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.capacity.bisect import Search, Stop
from slotrush.sweep.model import Point, Settings

CPU_S_MIN: Final = 0.0004
"""What a replica spends at least on what one arrival asks for, the mix as a whole: what gives the highest rate to try.
It was 0.42 ms when this was written; a range that is too low is widened."""
FIRST_SPAN: Final = 16.0
"""How many times lower the lowest rate is, when nothing is known."""
AROUND: Final = (0.6, 1.4)
"""So much below and above what they would do in proportion to others, by the interval that is known of these."""
WIDER: Final = 2.0
RATE_MIN_PER_S: Final = 1.0
"""A lower limit cannot be found with swarms of less than a minute."""
BUSY_S: Final = 4.0
"""So many seconds of arrivals may be waiting for an answer before one is dropped: eight times the slowest objective."""
USERS_MIN: Final = 100
DOCTORS_SHARE, DOCTORS_MIN = 0.1, 20
STAFF_SHARE, STAFF_MIN = 0.04, 8
"""For each patient: more than their shares of the arrivals, and so many that one is free at the lowest rates too."""
OVERHEAD_S: Final = 14.0
"""What a probe takes besides its load: starting the generator, connecting everybody, writing the record."""
STACK_S: Final = 40.0
"""What a stack takes: starting and seeding it, and the audit at its end."""


def first(settings: Settings, replicas: int, points: Sequence[Point], cores: int) -> Search:
    """The search for this number of replicas, from what is known of others."""
    measured = [point for point in points if point.search.trials and point.replicas != replicas]
    if measured:
        near = min(measured, key=lambda point: abs(point.replicas - replicas))
        known, ratio = near.rate_per_s, replicas / near.replicas
        lowest = max(known.low, near.search.lowest) * ratio * AROUND[0]
        highest = min(known.high, near.search.highest) * ratio * AROUND[1]
    else:
        quota = cores if settings.cpu_quota_m is None else settings.cpu_quota_m * replicas / 1000
        highest = quota / CPU_S_MIN
        lowest = highest / FIRST_SPAN
    lowest = max(lowest, RATE_MIN_PER_S)
    return Search(lowest, max(highest, WIDER * lowest), settings.tolerance, settings.tests_max)


def widened(search: Search) -> Search:
    """The search over a range that has the limit in it, as far as the verdicts show; None of them is lost."""
    while len(search.trials) < search.tests_max:
        match search.stop():
            case Stop.ABOVE:
                search = _over(search, search.lowest, search.highest * WIDER)
            case Stop.BELOW if search.lowest > RATE_MIN_PER_S:
                search = _over(search, max(search.lowest / WIDER, RATE_MIN_PER_S), search.highest)
            case _:
                return search
    return search


@dataclass(frozen=True)
class Visit:
    """A stack of so many replicas, on which swarms are played until there are `probes_max` of them in all."""

    replicas: int
    probes_max: int


def visits(settings: Settings) -> list[Visit]:
    """Every number of replicas once a round, up and down in turns.

    A shared machine may be a fifth slower for a quarter of an hour. Numbers that are measured one after the other would
    take that for scaling; in rounds it hits all of them (blocking: Box, Hunter and Hunter, Statistics for
    Experimenters, 2nd ed. 2005, chapter 4).
    """
    found: list[Visit] = []
    for done in range(1, settings.rounds + 1):
        probes_max = math.ceil(settings.tests_max * done / settings.rounds)
        order = settings.replicas if done % 2 else settings.replicas[::-1]
        found += [Visit(replicas, probes_max) for replicas in order]
    return found


def is_due(visit: Visit, point: Point | None) -> bool:
    """Whether there is anything left to do on a visit."""
    return point is None or (len(point.probes) < visit.probes_max and not is_over(point))


def is_over(point: Point) -> bool:
    return point.search.next_rate() is None


@dataclass(frozen=True)
class Crowd:
    """The users of one swarm."""

    patients: int
    doctors: int
    staff: int

    @property
    def patients_max(self) -> int:
        """So many may play: a swarm takes patients in place of the staff that has nothing to do in it."""
        return self.patients + self.staff

    @property
    def users(self) -> int:
        return self.patients + self.doctors + self.staff


def crowd_for(rate_per_s: float) -> Crowd:
    """So many that an arrival finds one who is free, however slow the answers are."""
    users = max(USERS_MIN, round(BUSY_S * rate_per_s))
    doctors = max(DOCTORS_MIN, round(users * DOCTORS_SHARE))
    return Crowd(users, doctors, max(STAFF_MIN, round(users * STAFF_SHARE)))


def seconds_left(settings: Settings, points: Sequence[Point]) -> float:
    """How long the rest takes at most, with every search using up its probes."""
    by_replicas = {point.replicas: point for point in points}
    due = [visit for visit in visits(settings) if is_due(visit, by_replicas.get(visit.replicas))]
    tests = sum(
        settings.tests_max - (len(by_replicas[replicas].probes) if replicas in by_replicas else 0)
        for replicas in {visit.replicas for visit in due}
    )
    return len(due) * STACK_S + tests * (settings.probe_s + OVERHEAD_S)


def _over(search: Search, lowest: float, highest: float) -> Search:
    return Search(lowest, highest, search.tolerance, search.tests_max, search.trials)
