"""The messages between the master and its workers, and what the master makes of them. Pure: no clock, no sockets."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Phase = Literal["connecting", "waiting", "racing", "drained"]


@dataclass(frozen=True)
class RaceOptions:
    """The sizes of a race; `sessions` and `run_dir` are paths, without `run_dir` nothing is kept."""

    host: str
    sessions: str
    patients: int
    doctors: int
    slots: int
    drop_window_s: float
    seed: int
    run_dir: str | None = None


@dataclass(frozen=True)
class Lineup:
    """What a worker is told before the race: the options, and which of the workers it is."""

    options: RaceOptions
    position: int
    workers: int

    def as_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Self:
        return cls(RaceOptions(**message["options"]), message["position"], message["workers"])


@dataclass(frozen=True)
class Report:
    """How a worker stands. All counts are totals but `times_ms`: rounded response times since its last report."""

    position: int
    connected: int = 0
    unreachable: int = 0
    done: int = 0
    published: int = 0
    attempts: int = 0
    acknowledged: int = 0
    taken: int = 0
    gave_up: int = 0
    errors: int = 0
    last_answer_us: int = 0
    times_ms: dict[int, int] = field(default_factory=dict)

    def as_message(self) -> dict[str, Any]:
        """As plain data; the keys of a mapping must be text on the wire."""
        return asdict(self) | {"times_ms": [list(pair) for pair in self.times_ms.items()]}

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Self:
        return cls(**message | {"times_ms": dict(message["times_ms"])})


class Standings:
    """The race as the master knows it."""

    def __init__(self, options: RaceOptions) -> None:
        self.options = options
        self.drop_us: int | None = None
        self._reports: dict[int, Report] = {}
        self._times_ms: Counter[int] = Counter()
        self._earlier: tuple[int, int] = (0, 0)

    def add(self, report: Report) -> None:
        self._reports[report.position] = report
        self._times_ms.update(report.times_ms)

    def drop_at(self, drop_us: int) -> None:
        """The drop is decided; the live percentiles begin anew."""
        self.drop_us = drop_us
        self._times_ms.clear()

    @property
    def all_connected(self) -> bool:
        return self._total("connected") >= self.options.patients

    @property
    def unreachable(self) -> int:
        """How many patients have given up connecting; final once nobody else is still trying."""
        tried = self._total("connected") + self._total("unreachable")
        return self._total("unreachable") if tried >= self.options.patients else 0

    @property
    def all_done(self) -> bool:
        published = self._total("published") >= self.options.doctors
        return published and self._total("done") >= self.options.patients

    @property
    def last_answer_us(self) -> int:
        return max((report.last_answer_us for report in self._reports.values()), default=0)

    def phase(self, now_us: int) -> Phase:
        if self.drop_us is None:
            return "connecting"
        if now_us < self.drop_us:
            return "waiting"
        return "drained" if self.all_done else "racing"

    def live(self, now_us: int) -> dict[str, Any]:
        """The content of live.json; call it once per refresh, the rate is of the attempts since the last call."""
        attempts, acknowledged = self._total("attempts"), self._total("acknowledged")
        then_us, then_attempts = self._earlier
        self._earlier = (now_us, attempts)
        elapsed_s = (now_us - then_us) / 1e6
        return {
            "at_us": now_us,
            "phase": self.phase(now_us),
            "patients": self.options.patients,
            "connected": self._total("connected"),
            "attempts": attempts,
            "attempts_per_s": round((attempts - then_attempts) / elapsed_s, 1) if then_us and elapsed_s else 0.0,
            "acknowledged": acknowledged,
            "taken": self._total("taken"),
            "gave_up": self._total("gave_up"),
            "slots": self.options.slots,
            "slots_left": max(self.options.slots - acknowledged, 0),
            "errors": self._total("errors"),
            "response_ms": {
                "p50": percentile(self._times_ms, 0.5),
                "p99": percentile(self._times_ms, 0.99),
            },
            "done": self._total("done"),
        }

    def _total(self, count: str) -> int:
        return sum(getattr(report, count) for report in self._reports.values())


def percentile(counts: Counter[int], share: float) -> int:
    """The least value that at least `share` of the counted ones do not exceed; 0 when there is none."""
    wanted, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0
