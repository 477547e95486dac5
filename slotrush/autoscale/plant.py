"""The way of every request: proxy → replica → connection pool → database → replica, event by event.

A replica is one thread of Python behind the proxy. Requests beyond the proxy's connections to it wait in the proxy in
order of arrival; those inside take turns on its CPU in order of arrival: once before the database and once after it.
The CPU quota is that of Linux' completely fair scheduler: so much time in each period, and then nothing until the
next (kernel documentation, scheduler/sched-bwc). The database is one queue before a number of servers.

No queue is approximated. Only what is being served has an event in the heap, one per replica and database server, so
that an event costs the same however many wait: two million requests take seconds.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from slotrush.autoscale.shedding import Shedder
from slotrush.autoscale.workload import Floats, Requests

WAITING: Final = 0
INSIDE: Final = 1
ANSWERED: Final = 2
TIMED_OUT: Final = 3
REFUSED: Final = 4
LOST: Final = 5
"""What becomes of a request; from ANSWERED on it is final. LOST was on a replica that was killed."""

QUOTA_PERIOD_S: Final = 0.1
"""Kubernetes' default, cpuCFSQuotaPeriod."""
_PICKS: Final = 1 << 31
"""Random numbers below this choose replicas, by their remainder: so many more than replicas that none is favoured."""


@dataclass(frozen=True)
class Parts:
    """The sizes of the system; what is None is without limit."""

    cpu_quota: float | None = None
    """Cores per replica; from 1 on there is no quota to feel, as a replica has one thread."""
    connections_per_replica: int | None = None
    """Of all proxy processes together."""
    connections: int | None = None
    """To all replicas together, of all proxy processes; the replicas that there are share them evenly."""
    pool_per_replica: int | None = None
    database_servers: int | None = None
    cpu_share_before_database: float = 0.5
    proxy_s: float = 0.0
    """What the way through the proxy adds to each response time."""
    timeout_s: float | None = None
    """After this the patient is gone. Work that was begun is finished nevertheless: the replica does not notice."""
    idle_cores: float = 0.0
    """What a replica uses by itself, of its quota too."""
    echo_s: float = 0.0
    """CPU time that a request takes of each replica there is, for the news of what it changed. Here its own replica
    bears it all, as each of them hears as much of the others as they of it."""
    shed_after_s: float | None = None
    """When all who came to a replica for so long had waited in the proxy for more than `shed_wait_s`, it refuses those
    who have. Here that costs it nothing: proxies refuse most of what it would."""
    shed_wait_s: float = 0.2
    follower_saves: float = 0.0
    """Share of its CPU time that a turn does without when it follows another one: nobody has to be woken for it."""
    scans_all: bool = False
    """Whether the proxy looks at all replicas for the one with the fewest requests, and not at two drawn at random."""


class Replica:
    """One replica's queues and counters."""

    __slots__ = (
        "accepting", "alive", "answered", "cpu_s", "ended_s", "inside", "left_s", "number", "period", "phase_s",
        "pool_free", "pool_queue", "runnable", "running", "shedder", "waiting",
    )  # fmt: skip

    def __init__(self, number: int, phase_s: float, pool: int, shed_after_s: float) -> None:
        self.number = number
        self.phase_s = phase_s
        """When its first quota period began; replicas' periods are not in step."""
        self.period, self.left_s = -1, 0.0
        self.cpu_s = 0.0
        """CPU time that all turns so far have taken or will have taken when they end."""
        self.answered = 0
        """Requests, whether or not somebody still waited for them."""
        self.inside = 0
        self.waiting: deque[int] = deque()
        self.runnable: deque[int] = deque()
        """Turns on the CPU: the request's index for the one before the database, its complement for the one after."""
        self.running: int | None = None
        self.ended_s = -1.0
        """When the last turn ended."""
        self.pool_free = pool
        self.pool_queue: deque[int] = deque()
        self.accepting, self.alive = True, True
        self.shedder = Shedder(shed_after_s)


class Plant:
    """The running system. Time moves by `advance`; in between, replicas may come and go."""

    def __init__(self, work: Requests, parts: Parts, rng: np.random.Generator) -> None:
        count = len(work.arrival_s)
        direct = work.database_s <= 0
        before_s = np.where(direct, work.cpu_s, work.cpu_s * parts.cpu_share_before_database)
        self.status: npt.NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.finished_s: Floats = np.full(count, np.nan)
        self.replicas: list[Replica] = []
        self.routed: list[Replica] = []
        self.parts = parts
        self._replica_of: npt.NDArray[np.int32] = np.full(count, -1, np.int32)
        # Memory views, because reading single elements of arrays through NumPy takes three times as long.
        self._arrival_s = _view(work.arrival_s)
        self._before_s = _view(before_s)
        self._after_s = _view(np.where(direct, 0.0, work.cpu_s - before_s))
        self._database_s = _view(work.database_s)
        self._picks = rng.integers(0, _PICKS, 2 * count).data
        self._states = self.status.data
        self._finishes = _view(self.finished_s)
        self._owners = self._replica_of.data
        self._count, self._next, self._oldest, self._unsettled = count, 0, 0, count
        self._events: list[tuple[float, int]] = []
        self._database_queue: deque[int] = deque()
        self._database_free = _limit(parts.database_servers, count)
        self._connections = self._each_connections()
        self._timeout_s = float("inf") if parts.timeout_s is None else parts.timeout_s
        quota = parts.cpu_quota
        self._quota_s = None if quota is None or quota >= 1 else (quota - parts.idle_cores) * QUOTA_PERIOD_S
        self._echo_s = parts.echo_s
        self._follower_takes = 1.0 - parts.follower_saves
        self._shed_after_s = float("inf") if parts.shed_after_s is None else parts.shed_after_s

    @property
    def unsettled(self) -> int:
        """How many requests have yet to come, or to end in one way or another."""
        return self._unsettled

    def add_replica(self, now_s: float) -> Replica:
        """A replica that is up, but gets nothing before it is routed."""
        pool = _limit(self.parts.pool_per_replica, self._count)
        replica = Replica(len(self.replicas), now_s, pool, self._shed_after_s)
        self.replicas.append(replica)
        return replica

    def route(self, replica: Replica) -> None:
        self.routed.append(replica)
        self._connections = self._each_connections()

    def unroute(self, replica: Replica) -> None:
        if replica in self.routed:
            self.routed.remove(replica)
            self._connections = self._each_connections()

    def _each_connections(self) -> int:
        """How many connections a replica has now."""
        shared = _limit(self.parts.connections, self._count * max(len(self.routed), 1))
        return min(_limit(self.parts.connections_per_replica, self._count), max(shared // max(len(self.routed), 1), 1))

    def close(self, replica: Replica, now_s: float) -> None:
        """It accepts nothing more, and finishes what it has; what waits for it in the proxy is sent to others.

        As Envoy does with `retry_on: connect-failure`.
        """
        replica.accepting = False
        waiting = [request for request in replica.waiting if self._states[request] == WAITING]
        replica.waiting.clear()
        for request in waiting:
            self._place(request, now_s)

    def kill(self, replica: Replica) -> None:
        """What it had not answered is lost."""
        self.unroute(replica)
        replica.alive = replica.accepting = False
        live = slice(self._oldest, self._next)
        mine = (self._replica_of[live] == replica.number) & (self.status[live] < ANSWERED)
        self.status[live][mine] = LOST
        self._unsettled -= int(mine.sum())
        replica.inside, replica.running = 0, None
        replica.waiting.clear()
        replica.runnable.clear()
        replica.pool_queue.clear()

    def advance(self, until_s: float) -> None:
        """Let everything happen that happens before `until_s`: what ends first, then who gives up, then who comes."""
        events, arrivals_s, timeout_s = self._events, self._arrival_s, self._timeout_s
        count, infinity = self._count, float("inf")
        while True:
            event_s = events[0][0] if events else infinity
            arrival_s = arrivals_s[self._next] if self._next < count else infinity
            giving_up_s = arrivals_s[self._oldest] + timeout_s if self._oldest < self._next else infinity
            if event_s <= arrival_s and event_s <= giving_up_s:
                if event_s >= until_s:
                    return
                _, what = heappop(events)
                if what >= 0:
                    self._cpu_done(self.replicas[what], event_s)
                else:
                    self._database_done(~what, event_s)
            elif giving_up_s <= arrival_s:
                if giving_up_s >= until_s:
                    return
                self._give_up(self._oldest, giving_up_s)
                self._oldest += 1
            else:
                if arrival_s >= until_s:
                    return
                self._place(self._next, arrival_s)
                self._next += 1

    def _place(self, request: int, now_s: float) -> None:
        """The proxy takes the replica with the fewest requests on connections, of all or of two drawn at random.

        Source: Envoy's load balancer LEAST_REQUEST with equal weights, whose selection method is FULL_SCAN or
        N_CHOICES; what waits for a connection does not count. Among equals chance decides.
        """
        if not self.routed:
            self._settle(request, REFUSED)
            return
        replica = self._least(request)
        if not replica.accepting:
            self._settle(request, REFUSED)
            return
        self._owners[request] = replica.number
        if replica.inside < self._connections:
            replica.shedder.refuses(False, now_s)
            self._enter(replica, request, now_s)
        else:
            replica.waiting.append(request)

    def _least(self, request: int) -> Replica:
        routed, pick = self.routed, self._picks[2 * request]
        if self.parts.scans_all:
            fewest = min(replica.inside for replica in routed)
            equals = [replica for replica in routed if replica.inside == fewest]
            return equals[pick % len(equals)]
        replica, other = routed[pick % len(routed)], routed[self._picks[2 * request + 1] % len(routed)]
        return other if other.inside < replica.inside else replica

    def _enter(self, replica: Replica, request: int, now_s: float) -> None:
        self._states[request] = INSIDE
        replica.inside += 1
        replica.runnable.append(request)
        if replica.running is None:
            self._next_turn(replica, now_s)

    def _admit(self, replica: Replica, now_s: float) -> None:
        while replica.waiting and replica.inside < self._connections:
            request = replica.waiting.popleft()
            if self._states[request] != WAITING:
                continue
            if replica.shedder.refuses(now_s - self._arrival_s[request] > self.parts.shed_wait_s, now_s):
                self._settle(request, REFUSED)
            else:
                self._enter(replica, request, now_s)

    def _next_turn(self, replica: Replica, now_s: float) -> None:
        turn = replica.runnable.popleft()
        work_s = self._before_s[turn] + self._echo_s * len(self.routed) if turn >= 0 else self._after_s[~turn]
        if replica.ended_s == now_s:
            work_s *= self._follower_takes
        replica.running = turn
        replica.cpu_s += work_s
        end_s = now_s + work_s if self._quota_s is None else end_under_quota(replica, now_s, work_s, self._quota_s)
        heappush(self._events, (end_s, replica.number))

    def _cpu_done(self, replica: Replica, now_s: float) -> None:
        turn = replica.running
        if turn is None:  # it was killed in the meantime
            return
        replica.running, replica.ended_s = None, now_s
        if turn < 0:
            self._answer(replica, ~turn, now_s)
        elif self._database_s[turn] <= 0:
            self._answer(replica, turn, now_s)
        elif replica.pool_free:
            replica.pool_free -= 1
            self._query(turn, now_s)
        else:
            replica.pool_queue.append(turn)
        if replica.runnable and replica.running is None:
            self._next_turn(replica, now_s)

    def _query(self, request: int, now_s: float) -> None:
        if self._database_free:
            self._database_free -= 1
            heappush(self._events, (now_s + self._database_s[request], ~request))
        else:
            self._database_queue.append(request)

    def _database_done(self, request: int, now_s: float) -> None:
        replica = self.replicas[self._owners[request]]
        self._database_free += 1
        if self._database_queue:
            self._query(self._database_queue.popleft(), now_s)
        if replica.pool_queue:
            self._query(replica.pool_queue.popleft(), now_s)
        else:
            replica.pool_free += 1
        if not replica.alive:
            return
        if self._after_s[request] <= 0:
            self._answer(replica, request, now_s)
            return
        replica.runnable.append(~request)
        if replica.running is None:
            self._next_turn(replica, now_s)

    def _answer(self, replica: Replica, request: int, now_s: float) -> None:
        replica.answered += 1
        if self._states[request] == INSIDE:
            self._settle(request, ANSWERED)
            self._finishes[request] = now_s
            replica.inside -= 1
            if replica.waiting:
                self._admit(replica, now_s)

    def _give_up(self, request: int, now_s: float) -> None:
        state = self._states[request]
        if state >= ANSWERED:
            return
        self._settle(request, TIMED_OUT)
        if state == INSIDE:
            replica = self.replicas[self._owners[request]]
            replica.inside -= 1
            self._admit(replica, now_s)

    def _settle(self, request: int, outcome: int) -> None:
        self._states[request] = outcome
        self._unsettled -= 1


def end_under_quota(replica: Replica, start_s: float, work_s: float, quota_s: float) -> float:
    """When a turn on the CPU ends that begins at `start_s`, with `quota_s` of CPU time in each period.

    Uses up the replica's quota. Turns of one replica must come in order, none before the last has ended.
    """
    period = int((start_s - replica.phase_s) / QUOTA_PERIOD_S)
    if period > replica.period:
        replica.period, replica.left_s = period, quota_s
    next_period_s = replica.phase_s + (replica.period + 1) * QUOTA_PERIOD_S
    runnable_s = min(replica.left_s, next_period_s - start_s)
    if work_s <= runnable_s:
        replica.left_s -= work_s
        return start_s + work_s
    full, rest_s = divmod(work_s - runnable_s, quota_s)
    if rest_s == 0.0:
        full, rest_s = full - 1, quota_s
    replica.period += 1 + int(full)
    replica.left_s = quota_s - rest_s
    return replica.phase_s + replica.period * QUOTA_PERIOD_S + rest_s


def _limit(limit: int | None, otherwise: int) -> int:
    return max(otherwise, 1) if limit is None else limit


def _view(times_s: Floats) -> "memoryview[float]":
    return cast("memoryview[float]", times_s.data)
