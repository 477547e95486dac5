"""What one worker writes down: latency cells, the ledger of writes, its own health.

The hot path only appends to lists. Locust's statistics round to two digits, so percentiles come from HdrHistograms,
which are encoded by `flush_latency`, away from the seconds that are being measured.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Final, Literal, NamedTuple

from slotrush.runs import hdr
from slotrush.swarm.health import HealthSecond

Action = Literal[
    "publish", "edit_slot", "remove_slot", "request", "reschedule", "accept", "decline", "cancel", "complete",
    "no_show", "accept_offer", "refuse_offer",
]  # fmt: skip
Outcome = Literal["acknowledged", "refused", "unknown"]
TAKEN: Final = "slot-taken"
_LEDGER_SQL: Final = f"INSERT INTO ledger VALUES ({','.join('?' * 18)})"


def now_us() -> int:
    """Unix epoch µs: the clock of the whole run record."""
    return time.time_ns() // 1000


class Verdict(IntEnum):
    """How a request counts for availability."""

    GOOD = 0  # answered as promised; "taken" is such an answer
    REFUSED = 1  # shed: 429 and 503
    BAD = 2  # other 5xx, time-outs, broken connections, answers that break the contract


class Attempt(NamedTuple):
    """One sending of one write, whatever became of it; `runs/schema.sql` has the fields. A retry repeats the key."""

    key: str
    action: Action
    actor: str
    subject: str
    intended_us: int
    sent_us: int
    answered_us: int | None
    outcome: Outcome
    status: int
    reason: str = ""
    appointment: str | None = None
    doctor: str | None = None
    price_cents: int | None = None
    created: int | None = None
    moves: str | None = None
    starts_us: int | None = None
    ends_us: int | None = None


class Cell:
    """The requests of one endpoint that were answered in one second."""

    __slots__ = ("bad", "endpoint", "refused", "response_us", "second", "service_us")

    def __init__(self, endpoint: str, second: int) -> None:
        self.endpoint, self.second = endpoint, second
        self.response_us: list[int] = []
        self.service_us: list[int] = []
        self.refused = self.bad = 0

    @property
    def count(self) -> int:
        return len(self.response_us)


class Endpoint:
    """Where the answers of one endpoint are noted."""

    __slots__ = ("_cell", "_closed", "_second", "last_us", "name")

    def __init__(self, name: str, closed: list[Cell]) -> None:
        self.name = name
        self._closed = closed
        self._second = 0
        self._cell = Cell(name, 0)
        self.last_us = 0

    def answered(self, intended_us: int, sent_us: int, answered_us: int, verdict: Verdict = Verdict.GOOD) -> None:
        """Note one request: response time is from the intended start, service time from the sending."""
        second = answered_us // 1_000_000
        if second != self._second:
            self.close_cell()
            self._second = second
            self._cell = Cell(self.name, second)
        self.last_us = answered_us
        cell = self._cell
        cell.response_us.append(answered_us - intended_us)
        cell.service_us.append(answered_us - sent_us)
        if verdict is Verdict.BAD:
            cell.bad += 1
        elif verdict is Verdict.REFUSED:
            cell.refused += 1

    def close_cell(self) -> None:
        if self._cell.response_us:
            self._closed.append(self._cell)
            self._cell = Cell(self.name, self._second)


@dataclass(slots=True)
class Tally:
    """Totals of one worker: bookings tried, acknowledged, refused as taken; requests of any kind that went wrong;
    writes of any kind, by action and outcome."""

    attempts: int = 0
    acknowledged: int = 0
    taken: int = 0
    errors: int = 0
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)


class Recorder:
    """Everything that one worker records. Without a part file it only counts, for runs that keep no record."""

    def __init__(self, worker: str, part: sqlite3.Connection | None) -> None:
        self.worker = worker
        self._part = part
        if part is not None:  # a checkpoint waits for the disk; closing makes one
            part.execute("PRAGMA wal_autocheckpoint = 0")
        self._endpoints: dict[str, Endpoint] = {}
        self._closed: list[Cell] = []
        self._unwritten: list[Cell] = []
        self._attempts: list[Attempt] = []
        self.tally = Tally()
        self.open_sockets = 0
        self.in_flight = 0
        self.stopping = False  # whoever wants to ask something more is to end
        self.closed = False

    @property
    def last_answer_us(self) -> int:
        return max((endpoint.last_us for endpoint in self._endpoints.values()), default=0)

    def endpoint(self, name: str) -> Endpoint:
        """The place for answers of this endpoint; ask once and keep it."""
        if name not in self._endpoints:
            self._endpoints[name] = Endpoint(name, self._closed)
        return self._endpoints[name]

    def wrote(self, attempt: Attempt) -> None:
        """Note one sending of a write."""
        self._attempts.append(attempt)
        self.tally.writes[attempt.action, attempt.outcome] += 1
        if attempt.action == "request":
            self.tally.attempts += 1
            if attempt.outcome == "acknowledged":
                self.tally.acknowledged += 1
            elif attempt.reason == TAKEN:
                self.tally.taken += 1

    def take_cells(self) -> list[Cell]:
        """The cells since the last call, for live figures; they stay due for `flush_latency`."""
        for endpoint in self._endpoints.values():
            endpoint.close_cell()
        taken = self._closed.copy()
        self._closed.clear()
        self._unwritten += taken
        self.tally.errors += sum(cell.bad + cell.refused for cell in taken)
        return taken

    def flush_attempts(self, rows_at_once: int = 400) -> Iterator[int]:
        """Write the ledger in small transactions, yielding after each, so that an event loop can run in between."""
        while self._attempts:
            rows = list(islice(self._attempts, rows_at_once))
            del self._attempts[: len(rows)]
            if self._part is not None:
                with self._part:
                    self._part.executemany(_LEDGER_SQL, (_ledger_row(self.worker, row) for row in rows))
            yield len(rows)

    def flush_latency(self) -> None:
        """Write the cells taken so far. Costs some µs per request: call it when nothing is being measured."""
        cells, self._unwritten = self._unwritten, []
        if self._part is None:
            return
        with self._part:
            for (endpoint, second), group in _by_endpoint_and_second(cells).items():
                _add_latency(self._part, self.worker, endpoint, second, group)

    def write_health(self, health: HealthSecond) -> None:
        if self._part is None:
            return
        row = (
            self.worker,
            health.second,
            hdr.encode(health.loop_lag_us),
            health.cpu_us,
            health.memory_bytes,
            health.users,
            health.sockets,
            health.gc_pause_us,
            health.arrivals,
            health.dropped,
        )
        with self._part:
            self._part.execute(
                "INSERT INTO generator_health VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                " gc_pause_us = gc_pause_us + excluded.gc_pause_us, arrivals = arrivals + excluded.arrivals,"
                " dropped = dropped + excluded.dropped",
                row,
            )

    def add_event(self, at_us: int, name: str, detail: str = "") -> None:
        if self._part is not None:
            with self._part:
                self._part.execute("INSERT INTO events VALUES (?, ?, ?)", (at_us, name, detail))

    def flush(self) -> None:
        """Write everything."""
        for _ in self.flush_attempts():
            pass
        self.take_cells()
        self.flush_latency()

    def close(self) -> None:
        """Write everything and close the part; what is noted afterwards is lost."""
        self.flush()
        self.closed = True
        if self._part is not None:
            self._part.close()
            self._part = None


def _ledger_row(worker: str, attempt: Attempt) -> tuple[str | int | None, ...]:
    return (attempt.key, worker, *attempt[1:])


def _by_endpoint_and_second(cells: Iterable[Cell]) -> dict[tuple[str, int], list[Cell]]:
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.endpoint, cell.second), []).append(cell)
    return groups


def _add_latency(part: sqlite3.Connection, worker: str, endpoint: str, second: int, cells: list[Cell]) -> None:
    """Write one endpoint's second, added to what is there: a second may be flushed before it is over."""
    response = hdr.encode(time_us for cell in cells for time_us in cell.response_us)
    service = hdr.encode(time_us for cell in cells for time_us in cell.service_us)
    bad, refused = sum(cell.bad for cell in cells), sum(cell.refused for cell in cells)
    good = sum(cell.count for cell in cells) - bad - refused
    key = (worker, endpoint, second)
    where = "WHERE worker = ? AND endpoint = ? AND second = ?"
    there = part.execute(f"SELECT response_hdr, service_hdr FROM latency {where}", key).fetchone()
    if there is None:
        part.execute("INSERT INTO latency VALUES (?,?,?,?,?,?,?,?)", (*key, good, bad, refused, response, service))
        return
    merged = [bytes(hdr.merge(pair).encode()) for pair in zip(there, (response, service), strict=True)]
    part.execute(
        "UPDATE latency SET good = good + ?, bad = bad + ?, refused = refused + ?, response_hdr = ?,"
        f" service_hdr = ? {where}",
        (good, bad, refused, *merged, *key),
    )
