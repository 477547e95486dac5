"""What the workers tell the master each second, and what the master makes of it. Pure: no clock, no sockets."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, NamedTuple, Self

from slotrush.swarm.arrivals import share
from slotrush.swarm.knee import StepTally
from slotrush.swarm.plan import Plan
from slotrush.swarm.sessions import Role

RATE_OVER_S: Final = 0.5
"""A rate over less time says little: workers report once a second."""
Phase = Literal["connecting", "waiting", "racing", "running", "drained", "ended"]


class Answers(NamedTuple):
    """Requests of one endpoint: how they counted, and how many took how long, by response time rounded to ms."""

    good: int
    refused: int
    bad: int
    times_ms: dict[int, int]


@dataclass(frozen=True)
class Report:
    """How a worker stands. Counts are totals, but `answers`, `writes` and the health are since its last report.

    `answers` by endpoint, `writes` by (action, outcome); `arrivals` were due, `dropped` of them never started;
    `cpu_share` is of one core.
    """

    position: int
    users: int = 0
    connected: int = 0
    unreachable: int = 0
    done: int = 0
    published: int = 0
    attempts: int = 0
    acknowledged: int = 0
    taken: int = 0
    gave_up: int = 0
    errors: int = 0
    arrivals: int = 0
    dropped: int = 0
    last_answer_us: int = 0
    loop_lag_ms: float = 0.0
    cpu_share: float = 0.0
    answers: dict[str, Answers] = field(default_factory=dict)
    writes: dict[tuple[str, str], int] = field(default_factory=dict)

    def as_message(self) -> dict[str, Any]:
        """As plain data; the keys of a mapping must be text on the wire."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        answers = {name: [*counts[:3], list(counts.times_ms.items())] for name, counts in self.answers.items()}
        return plain | {"answers": answers, "writes": [[*what, count] for what, count in self.writes.items()]}

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Self:
        answers = {
            name: Answers(good, refused, bad, dict(times_ms))
            for name, (good, refused, bad, times_ms) in message["answers"].items()
        }
        writes = {(action, outcome): count for action, outcome, count in message["writes"]}
        return cls(**message | {"answers": answers, "writes": writes})


class Standings:
    """The swarm as the master knows it."""

    def __init__(self, plan: Plan, workers: int, players: Mapping[Role, int]) -> None:
        """`players`: how many users of each role there are."""
        self.plan = plan
        self.start_us: int | None = None
        self._workers, self._players = workers, players
        self._over = False
        self._lost: set[int] = set()
        self._reports: dict[int, Report] = {}
        self._times_ms: Counter[int] = Counter()
        self._tally = StepTally()
        self._requests = 0
        self._earlier = (0, 0, 0)

    def add(self, report: Report) -> None:
        self._reports[report.position] = report
        self._tally.add(report.answers)
        for answers in report.answers.values():
            self._times_ms.update(answers.times_ms)
            self._requests += sum(answers[:3])

    def lose(self, position: int) -> None:
        """A worker is gone: nothing more is expected of it."""
        self._lost.add(position)

    def start_at(self, start_us: int) -> None:
        """The start is decided; the live percentiles begin anew."""
        self.start_us = start_us
        self._times_ms.clear()

    def finish(self) -> None:
        """It is over, perhaps before its time."""
        self._over = True

    def users_of(self, position: int) -> int:
        """How many users a worker plays."""
        return sum(len(share(position, self._workers, count)) for count in self._players.values())

    @property
    def all_connected(self) -> bool:
        """Whether everyone is there who can still come."""
        lost = sum(map(self.users_of, self._lost))
        there = sum(report.connected for place, report in self._reports.items() if place not in self._lost)
        return there >= self.plan.users - lost

    @property
    def connected(self) -> int:
        return self._total("connected")

    @property
    def unreachable(self) -> int:
        """How many users have given up connecting; final once nobody else is still trying."""
        tried = self._total("connected") + self._total("unreachable")
        return self._total("unreachable") if tried >= self.plan.users else 0

    @property
    def all_done(self) -> bool:
        """Whether everyone of a drop who is still there has their last answer."""
        left = [position for position in range(self._workers) if position not in self._lost]
        return all(self._is_done(position) for position in left)

    @property
    def deserted(self) -> bool:
        """Whether all users have left who were there: nobody acts any more. Only once the start is known."""
        return all(report.users == 0 for place, report in self._reports.items() if place not in self._lost)

    @property
    def arrivals(self) -> int:
        """How many were due so far."""
        return self._total("arrivals")

    @property
    def dropped(self) -> int:
        return self._total("dropped")

    @property
    def last_answer_us(self) -> int:
        return max((report.last_answer_us for report in self._reports.values()), default=0)

    def phase(self, now_us: int) -> Phase:
        if self.start_us is None:
            return "connecting"
        if now_us < self.start_us:
            return "waiting"
        if self.plan.model == "drop":
            return "drained" if self.all_done else "racing"
        over = self.plan.run_time_s is not None and now_us >= self.start_us + self.plan.run_time_s * 1e6
        return "ended" if over or self._over else "running"

    def live(self, now_us: int) -> dict[str, Any]:
        """The content of live.json; call it once per refresh, rates are of what came since the last call."""
        attempts, acknowledged = self._total("attempts"), self._total("acknowledged")
        then_us, then_attempts, then_requests = self._earlier
        elapsed_s = (now_us - then_us) / 1e6 if then_us else 0.0
        if not then_us or elapsed_s >= RATE_OVER_S:
            self._earlier = (now_us, attempts, self._requests)

        def rate(now: int, then: int) -> float:
            return round((now - then) / elapsed_s, 1) if elapsed_s >= RATE_OVER_S else 0.0

        return {
            "at_us": now_us,
            "scenario": self.plan.scenario,
            "model": self.plan.model,
            "phase": self.phase(now_us),
            "start_us": self.start_us,
            "run_time_s": self.plan.run_time_s,
            "patients": self.plan.users,
            "connected": self._total("connected"),
            "requests": self._requests,
            "requests_per_s": rate(self._requests, then_requests),
            "attempts": attempts,
            "attempts_per_s": rate(attempts, then_attempts),
            "acknowledged": acknowledged,
            "taken": self._total("taken"),
            "gave_up": self._total("gave_up"),
            "slots": self.plan.slots,
            "slots_left": max(self.plan.slots - acknowledged, 0),
            "arrivals": self._total("arrivals"),
            "dropped": self._total("dropped"),
            "errors": self._total("errors"),
            "response_ms": {
                "p50": percentile(self._times_ms, 0.5),
                "p99": percentile(self._times_ms, 0.99),
            },
            "done": self._total("done"),
            "endpoints": {
                name: {
                    "good": self._tally.good[name],
                    "total": total,
                    "times_ms": list(self._tally.times_ms[name].items()),
                }
                for name, total in self._tally.total.items()
            },
        }

    def _is_done(self, position: int) -> bool:
        report = self._reports.get(position)
        patients = len(share(position, self._workers, self.plan.users))
        doctors = len(share(position, self._workers, self.plan.doctors))
        return report is not None and report.done >= patients and report.published >= doctors

    def _total(self, count: str) -> int:
        return sum(getattr(report, count) for report in self._reports.values())


def percentile(counts: Counter[int], share_below: float) -> int:
    """The least value that at least so large a share of the counted ones do not exceed; 0 when there is none."""
    wanted, seen = share_below * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0
