"""The race as one worker sees it: whom it plays, when the drop is, who has arrived. Knows gevent, not Locust."""

import json
from dataclasses import dataclass
from pathlib import Path

from gevent.event import Event

from slotrush.runs import record
from slotrush.swarm import arrivals
from slotrush.swarm.health import resident_bytes
from slotrush.swarm.recorder import Recorder, now_us
from slotrush.swarm.sessions import Session, read_bank
from slotrush.swarm.standings import Lineup, Report


@dataclass(frozen=True, slots=True)
class Entrant:
    """One person of the race: the index in the session bank, the session, the seed of their choices."""

    index: int
    session: Session
    own_seed: int


class Course:
    """One worker's part of one race."""

    def __init__(self, lineup: Lineup) -> None:
        """Open the worker's part file, if a record is kept, and read the worker's sessions."""
        base_bytes = resident_bytes()
        self.options = options = lineup.options
        self.position = lineup.position
        name = f"worker{lineup.position}"
        part = None
        if options.run_dir is not None:
            part = record.create(Path(options.run_dir) / record.PARTS_FOLDER / f"{name}.sqlite")
        self.recorder = Recorder(name, part)
        self.recorder.add_event(now_us(), "base", json.dumps({"worker": name, "rss_bytes": base_bytes}))
        bank = read_bank(Path(options.sessions))
        bank.require(options.patients, options.doctors)
        self.doctor_ids = [bank.doctor(index).id for index in range(options.doctors)]
        self.specialties = [bank.doctor(index).specialty for index in range(options.doctors)]
        self.doctors = [
            Entrant(index, bank.doctor(index), arrivals.personal_seed(options.seed, -1 - index))
            for index in arrivals.share(lineup.position, lineup.workers, options.doctors)
        ]
        self._patients = [
            Entrant(index, bank.patient(index), arrivals.personal_seed(options.seed, index))
            for index in arrivals.share(lineup.position, lineup.workers, options.patients)
        ]
        self.patients = len(self._patients)
        self._patients.reverse()
        self._dropped = Event()
        self._never = Event()
        self.drop_us = 0
        self.connected = self.unreachable = self.started = self.done = self.gave_up = self.published = 0

    def join(self) -> Entrant:
        """The next patient of this worker. Raises LookupError when all are playing."""
        if not self._patients:
            raise LookupError(f"all {self.patients} patients of this worker are playing: more need a new race")
        return self._patients.pop()

    def drop_at(self, drop_us: int) -> None:
        """The drop is known; wakes everyone who waits for it."""
        self.drop_us = drop_us
        self._dropped.set()

    def wait_for_drop(self) -> int:
        """Block until the time of the drop is known, which is before it comes; returns it in epoch µs."""
        self._dropped.wait()
        return self.drop_us

    def finish(self, gave_up: bool = False) -> None:
        """A patient has their last answer."""
        self.done += 1
        self.gave_up += gave_up

    def stay(self) -> None:
        """Keep a finished patient connected until the swarm stops."""
        self._never.wait()

    @property
    def all_done(self) -> bool:
        return self.done >= self.patients and self.published >= len(self.doctors)

    def missed_arrivals(self, at_us: int) -> int:
        """How many patients' intended starts had passed at `at_us` without a request; counts only once raced."""
        if not self._dropped.is_set() or at_us < self.drop_us + self.options.drop_window_s * 1e6:
            return 0
        return self.patients - self.started

    def report(self, times_ms: dict[int, int]) -> Report:
        tally = self.recorder.tally
        return Report(
            position=self.position,
            connected=self.connected,
            unreachable=self.unreachable,
            done=self.done,
            published=self.published,
            attempts=tally.attempts,
            acknowledged=tally.acknowledged,
            taken=tally.taken,
            gave_up=self.gave_up,
            errors=tally.errors,
            last_answer_us=self.recorder.last_answer_us,
            times_ms=times_ms,
        )
