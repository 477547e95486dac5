"""The swarm as one worker sees it: whom it plays, when the start is, who has arrived. Knows gevent, not Locust."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gevent import get_hub
from gevent.event import Event

from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.swarm import arrivals
from slotrush.swarm.health import resident_bytes
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.pace import Doorkeeper, Thinking
from slotrush.swarm.plan import Lineup
from slotrush.swarm.recorder import Recorder, now_us
from slotrush.swarm.sessions import GROUPS, Bank, Role, Session, digest_of, read_bank
from slotrush.swarm.think import parse_think_time
from slotrush.targets import check_target

_ACTORS: Final[Mapping[Role, int]] = {"patient": 0, "doctor": -(1 << 32), "staff": -(1 << 33)}
"""Where the actors of each role begin, so that no two people have the same seed, nor the same idempotency keys."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One person of the swarm: the index in the session bank, the session, the seed of their choices."""

    index: int
    session: Session
    own_seed: int


class Course:
    """One worker's part of one swarm."""

    def __init__(self, lineup: Lineup, name: str, part: Path | None) -> None:
        """Open the worker's part file, if a record is kept, and read the worker's sessions. Raises BadInputError."""
        base_bytes = resident_bytes()
        self.plan = plan = lineup.plan
        self.position, self.workers, self.name = lineup.position, lineup.workers, name
        # In a thread: a large bank takes seconds where many workers read it at once, and heartbeats must go on.
        bank = get_hub().threadpool.apply(_bank_of, (lineup,))
        doctors = [bank.person("doctor", index) for index in range(plan.doctors)]
        self.doctor_ids = [doctor.id for doctor in doctors]
        self.specialties = [doctor.specialty for doctor in doctors]
        self._people = {role: deque(self._share(bank, role)) for role in GROUPS}
        self._think = parse_think_time(plan.think)
        self.doors: Doorkeeper | None = None
        if plan.arrivals is not None:
            spec = parse_arrivals(plan.arrivals, plan.run_time_s)
            self.doors = Doorkeeper(spec, plan.seed, self.position, lineup.shares, lineup.homes)
        self.recorder = Recorder(name, None if part is None else record.create(part))
        self.recorder.add_event(now_us(), "base", json.dumps({"worker": name, "rss_bytes": base_bytes}))
        self._started = Event()
        self._never = Event()
        self.start_us = 0
        self.closing = False
        self.connected = self.unreachable = self.raced = self.done = self.gave_up = self.published = 0

    def join(self, role: Role) -> Entrant:
        """The next person of this role. Raises LookupError when all of this worker's are playing."""
        if not self._people[role]:
            raise LookupError(f"all {GROUPS[role]} of {self.name} are playing: more of them need a larger bank")
        return self._people[role].popleft()

    def everyone(self, role: Role) -> list[Entrant]:
        """All of this worker's of the role, who play from now on."""
        people = list(self._people[role])
        self._people[role].clear()
        return people

    def allowed(self, url: str) -> None:
        """Raises BadInputError for a server that may not be loaded."""
        check_target(url, None if self.plan.allow_list is None else Path(self.plan.allow_list))

    def thinking(self, me: Entrant) -> Thinking:
        return Thinking(self._think, me.own_seed)

    def start_at(self, start_us: int) -> None:
        """The start is known; wakes everyone who waits for it."""
        self.start_us = start_us
        self._started.set()

    def wait_for_start(self) -> int:
        """Block until the time of the start is known, which is before it comes; returns it in epoch µs."""
        self._started.wait()
        return self.start_us

    def close(self) -> None:
        """It is over: nobody begins anything new."""
        self.closing = self.recorder.stopping = True
        if self.doors is not None:
            self.doors.close(now_us())

    def finish(self, gave_up: bool = False) -> None:
        """A patient of a drop has their last answer."""
        self.done += 1
        self.gave_up += gave_up

    def stay(self) -> None:
        """Keep a finished patient connected until the swarm stops."""
        self._never.wait()

    @property
    def patients(self) -> int:
        """How many patients of a drop this worker plays."""
        return len(arrivals.share(self.position, self.workers, self.plan.users))

    @property
    def all_done(self) -> bool:
        """Whether everyone of a drop has their last answer."""
        doctors = len(arrivals.share(self.position, self.workers, self.plan.doctors))
        return self.done >= self.patients and self.published >= doctors

    @property
    def arrivals_due(self) -> int:
        """How many arrivals were due so far."""
        return self.doors.due if self.doors is not None else 0

    def dropped_arrivals(self, at_us: int) -> int:
        """How many arrivals were due at `at_us` and never started."""
        if self.doors is not None:
            return self.doors.dropped
        over = self._started.is_set() and at_us >= self.start_us + self.plan.drop_window_s * 1e6
        return self.patients - self.raced if over and self.closing and self.plan.model == "drop" else 0

    def _share(self, bank: Bank, role: Role) -> list[Entrant]:
        wanted = self.plan.doctors if role == "doctor" else self.plan.users
        return [
            Entrant(index, bank.person(role, index), arrivals.personal_seed(self.plan.seed, _ACTORS[role] + index))
            for index in arrivals.share(self.position, self.workers, min(wanted, bank.count(role)))
        ]


def _bank_of(lineup: Lineup) -> Bank:
    """The session bank on this worker's disk. Raises BadInputError when there is none, or another than the master's."""
    path = Path(lineup.plan.sessions)
    if not path.exists():
        mend = "Copy the master's session bank to this host; if it has another path here, give --sessions to the worker"
        raise BadInputError(f"sessions {path}", "there is no such file on the worker's host", mend)
    if lineup.bank and digest_of(path) != lineup.bank:
        problem = "the worker's session bank is another one than the master's, and has other people or older tokens"
        raise BadInputError(f"sessions {path}", problem, "Copy the master's to this host")
    return read_bank(path)
