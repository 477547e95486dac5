"""What became of a run's faults, from its record alone: requests, availability, time until the system was back."""

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, Self

from slotrush import slo
from slotrush.chaos.catalogue import FAULTS
from slotrush.chaos.recovery import HOLD_S_MIN, Counts, Course
from slotrush.gate.tally import answered, in_time
from slotrush.gate.window import Window
from slotrush.runs import record
from slotrush.slo import Availability, Latency
from slotrush.slo.keeping import DROPPED, DROPPED_MAX
from slotrush.snapshot import SENT_AGAIN

META_KEY: Final = "chaos"
EVERYTHING: Final = ""
"""The name under which a second's requests of any kind are counted: answered as promised, and all."""
US_PER_S: Final = 1_000_000
_ARRIVALS_SQL: Final = """
SELECT second - ?, sum(arrivals - dropped), sum(arrivals) FROM generator_health
WHERE second BETWEEN ? AND ? GROUP BY second
"""


@dataclass(frozen=True)
class Episode:
    """One fault. Seconds count from the fault but `at_s`, which counts from the start of the load.

    `back_s`: from when on the objectives hold, None when the load ended before that; `back_within_s`: what the fault is
    allowed, or what those are that were done at the same time. The load went on for `seen_s`. `requests`, and the share
    of them that was answered as promised, are of the time until the system was back and the fault over.
    """

    fault: str
    hit: str
    at_s: float
    over_s: float | None
    back_s: int | None
    back_within_s: int
    seen_s: int
    requests: int
    availability: float | None

    @property
    def in_time(self) -> bool | None:
        """None when the load ended before it could be known."""
        if self.back_s is None:
            return False if self.seen_s >= self.back_within_s + HOLD_S_MIN else None
        return self.back_s <= self.back_within_s


@dataclass(frozen=True)
class Outcome:
    """`broken`: by invariant, how many cases the audit found; None without an audit. `sent_again`: mails that went out
    a second time under the same Message-ID, by which a mailbox shows them once."""

    episodes: tuple[Episode, ...]
    broken: Mapping[str, int] | None
    sent_again: int

    @property
    def clean(self) -> bool:
        return self.broken is not None and not any(self.broken.values())

    @property
    def passed(self) -> bool:
        return self.clean and all(episode.in_time for episode in self.episodes)

    def as_meta(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """What `as_meta` made, maybe with other keys beside it."""
        return cls(tuple(Episode(**one) for one in meta["episodes"]), meta["broken"], meta["sent_again"])


@dataclass(frozen=True)
class _Done:
    at_us: int
    fault: str
    hit: str
    over_us: int | None


def note(connection: sqlite3.Connection) -> Outcome:
    """Work out what became of the faults, and enter it into the record's meta."""
    found = read(connection)
    record.put_meta(connection, **{META_KEY: found.as_meta()})
    return found


def read(connection: sqlite3.Connection) -> Outcome:
    """What became of them, by the record's seconds, events and audit."""
    done = _done(connection)
    window = _window(connection)
    broken = dict(connection.execute("SELECT invariant, broken FROM audit").fetchall()) or None
    again = int(record.get_meta(connection).get(SENT_AGAIN, 0))
    if window is None or not done:
        return Outcome((), broken, again)
    course = _course(connection, window)
    return Outcome(tuple(_episode(one, done, course, window) for one in done), broken, again)


def _done(connection: sqlite3.Connection) -> list[_Done]:
    rows = connection.execute(
        "SELECT name, at_us, detail FROM events WHERE name IN (?, ?) ORDER BY at_us",
        (record.FAULT_EVENT, record.HEALED_EVENT),
    )
    events = [(name, at_us, json.loads(detail)) for name, at_us, detail in rows]
    over = {detail["number"]: at_us for name, at_us, detail in events if name == record.HEALED_EVENT}
    return [
        _Done(at_us, detail["fault"], detail["hit"], over.get(detail["number"]))
        for name, at_us, detail in events
        if name == record.FAULT_EVENT
    ]


def _window(connection: sqlite3.Connection) -> Window | None:
    """The whole seconds of the load; None when it never began."""
    events = record.event_times(connection)
    begun_us = record.load_began_us(events)
    last_s = connection.execute("SELECT max(second) FROM latency").fetchone()[0]
    if begun_us is None or last_s is None:
        return None
    ended_us = record.load_ended_us(events) or (last_s + 1) * US_PER_S
    first_s, until_s = begun_us // US_PER_S, ended_us // US_PER_S
    return Window(first_s, until_s - 1, stages=False, rule="the whole load") if until_s > first_s else None


def _course(connection: sqlite3.Connection, window: Window) -> Course:
    objectives = slo.load()
    scenario = record.get_meta(connection).get("scenario")
    targets, by_name = {}, {EVERYTHING: answered(connection, window, lambda _: True)}
    for one in objectives.of(scenario):
        if not isinstance(one, Availability | Latency) or one.skip:
            continue
        covers = partial(objectives.covers, one.endpoints)
        targets[one.name] = one.target
        by_name[one.name] = (
            in_time(connection, window, covers, one.threshold_ms, one.timed_from)
            if isinstance(one, Latency)
            else answered(connection, window, covers)
        )
    sums = {name: (tally.good.sum(axis=1), tally.total.sum(axis=1)) for name, tally in by_name.items()}
    seconds: list[dict[str, tuple[int, int]]] = [
        {name: (int(good[second]), int(total[second])) for name, (good, total) in sums.items()}
        for second in range(window.seconds)
    ]
    for second, begun, due in connection.execute(_ARRIVALS_SQL, (window.first_s, window.first_s, window.last_s)):
        seconds[second][DROPPED] = (begun, due)
    return Course(targets | {DROPPED: 1 - DROPPED_MAX}, seconds)


def _episode(one: _Done, done: Sequence[_Done], course: Course, window: Window) -> Episode:
    """Looked at until the next fault that hits a system which is back, or until the end."""
    begins_s = min(one.at_us // US_PER_S - window.first_s, window.seconds)
    ends_s = [other.at_us // US_PER_S - window.first_s for other in done if other.at_us > one.at_us] + [window.seconds]
    ended_s = begins_s if one.over_us is None else one.over_us // US_PER_S - window.first_s
    backs = (course.back_after_s(begins_s, end_s, ended_s) for end_s in ends_s if end_s > ended_s)
    back_s = next((back for back in backs if back is not None), None)
    over_s = None if one.over_us is None else (one.over_us - one.at_us) / US_PER_S
    until_s = window.seconds if back_s is None else begins_s + max(back_s, int(over_s or 0), 1)
    good, count = _of_everything(course.seconds[begins_s:until_s])
    return Episode(
        fault=one.fault,
        hit=one.hit,
        at_s=one.at_us / US_PER_S - window.first_s,
        over_s=over_s,
        back_s=back_s,
        back_within_s=_allowed_s(one, done),
        seen_s=window.seconds - begins_s,
        requests=count,
        availability=good / count if count else None,
    )


def _allowed_s(one: _Done, done: Sequence[_Done]) -> int:
    """Until when the system must be back: after each of the faults that were done before it had to be."""

    def until_us(other: _Done) -> int:
        return other.at_us + FAULTS[other.fault].back_within_s * US_PER_S

    together = [other for other in done if other.at_us <= until_us(one) and one.at_us <= until_us(other)]
    return math.ceil((max(map(until_us, together)) - one.at_us) / US_PER_S)


def _of_everything(seconds: Sequence[Counts]) -> tuple[int, int]:
    return sum(each[EVERYTHING][0] for each in seconds), sum(each[EVERYTHING][1] for each in seconds)
