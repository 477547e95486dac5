"""The plant once more, as plainly as possible: a list of events that is searched, quotas spent period by period.

Slow and obvious; the plant has to give the same times for every request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from slotrush.autoscale.plant import ANSWERED, INSIDE, LOST, QUOTA_PERIOD_S, REFUSED, TIMED_OUT, WAITING, Parts
from slotrush.autoscale.workload import Requests

PICKS = 1 << 31


@dataclass
class PlainReplica:
    inside: int = 0
    waiting: list[int] = field(default_factory=list)
    turns: list[tuple[int, str]] = field(default_factory=list)
    on_cpu: bool = False
    ended_s: float = -1.0
    in_pool: int = 0
    pool_queue: list[int] = field(default_factory=list)
    accepting: bool = True
    alive: bool = True
    spent: dict[int, float] = field(default_factory=dict)
    """Period → CPU time spent in it."""


@dataclass(frozen=True)
class Order:
    """At `at_s`, `what` is done to the replica: close or kill."""

    at_s: float
    what: str
    replica: int


class PlainPlant:
    def __init__(self, work: Requests, parts: Parts, replicas: int, orders: Sequence[Order], seed: int) -> None:
        self.work, self.parts = work, parts
        self.replicas = [PlainReplica() for _ in range(replicas)]
        self.routed = list(self.replicas)
        count = len(work.arrival_s)
        self.picks = np.random.default_rng(seed).integers(0, PICKS, 2 * count)
        self.status = [WAITING] * count
        self.finished_s = [float("nan")] * count
        self.of: dict[int, PlainReplica] = {}
        self.in_database = 0
        self.database_queue: list[int] = []
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        for request, at_s in enumerate(work.arrival_s):
            self.on(float(at_s), 3, lambda now_s, request=request: self.place(request, now_s))  # type: ignore[misc]
        for order in orders:
            self.on(order.at_s, 0, lambda now_s, order=order: self.obey(order, now_s))  # type: ignore[misc]

    def on(self, at_s: float, rank: int, act: Callable[[float], None]) -> None:
        self.events.append((at_s, rank, act))

    def run(self) -> None:
        while self.events:
            event = min(self.events, key=lambda event: event[:2])
            self.events.remove(event)
            event[2](event[0])

    def obey(self, order: Order, now_s: float) -> None:
        replica = self.replicas[order.replica]
        self.routed = [other for other in self.routed if other is not replica]
        replica.accepting = False
        if order.what == "close":
            moved, replica.waiting = replica.waiting, []
            for request in moved:
                if self.status[request] == WAITING:
                    self.place(request, now_s, again=True)
            return
        replica.alive = False
        for request, owner in self.of.items():
            if owner is replica and self.status[request] < ANSWERED:
                self.status[request] = LOST
        replica.waiting, replica.turns, replica.pool_queue = [], [], []

    def place(self, request: int, now_s: float, again: bool = False) -> None:
        if not again and self.parts.timeout_s is not None:
            self.on(now_s + self.parts.timeout_s, 2, lambda now_s: self.give_up(request, now_s))
        if not self.routed:
            self.status[request] = REFUSED
            return
        first, second = (self.routed[self.picks[2 * request + index] % len(self.routed)] for index in (0, 1))
        replica = second if second.inside < first.inside else first
        if self.parts.scans_all:
            fewest = min(one.inside for one in self.routed)
            equals = [one for one in self.routed if one.inside == fewest]
            replica = equals[self.picks[2 * request] % len(equals)]
        self.of[request] = replica
        replica.waiting.append(request)
        self.admit(replica, now_s)

    def admit(self, replica: PlainReplica, now_s: float) -> None:
        limit = self.parts.connections_per_replica
        while replica.alive and replica.waiting and (limit is None or replica.inside < limit):
            request = replica.waiting.pop(0)
            if self.status[request] == WAITING:
                self.status[request] = INSIDE
                replica.inside += 1
                direct = self.work.database_s[request] <= 0
                replica.turns.append((request, "whole" if direct else "before"))
                self.use_cpu(replica, now_s)

    def use_cpu(self, replica: PlainReplica, now_s: float) -> None:
        if replica.on_cpu or not replica.turns or not replica.alive:
            return
        request, which = replica.turns.pop(0)
        share = self.parts.cpu_share_before_database
        share = {"whole": 1.0, "before": share, "after": 1.0 - share}[which]
        if replica.ended_s == now_s:
            share *= 1.0 - self.parts.follower_saves
        replica.on_cpu = True
        end_s = self.spend(replica, now_s, float(self.work.cpu_s[request]) * share)
        self.on(end_s, 1, lambda now_s: self.end_turn(replica, request, which, now_s))

    def spend(self, replica: PlainReplica, now_s: float, work_s: float) -> float:
        quota = self.parts.cpu_quota
        if quota is None or quota >= 1:
            return now_s + work_s
        period = int(now_s / QUOTA_PERIOD_S)
        while True:
            at_s = max(now_s, period * QUOTA_PERIOD_S)
            left_s = quota * QUOTA_PERIOD_S - replica.spent.get(period, 0.0)
            possible_s = max(0.0, min(left_s, (period + 1) * QUOTA_PERIOD_S - at_s))
            replica.spent[period] = replica.spent.get(period, 0.0) + min(work_s, possible_s)
            if work_s <= possible_s + 1e-15:
                return at_s + work_s
            work_s -= possible_s
            period += 1

    def end_turn(self, replica: PlainReplica, request: int, which: str, now_s: float) -> None:
        if not replica.alive:
            return
        replica.on_cpu, replica.ended_s = False, now_s
        if which == "before":
            replica.pool_queue.append(request)
            self.take_from_pool(replica, now_s)
        else:
            self.answer(replica, request, now_s)
        self.use_cpu(replica, now_s)

    def take_from_pool(self, replica: PlainReplica, now_s: float) -> None:
        limit = self.parts.pool_per_replica
        while replica.pool_queue and (limit is None or replica.in_pool < limit):
            replica.in_pool += 1
            self.database_queue.append(replica.pool_queue.pop(0))
        self.use_database(now_s)

    def use_database(self, now_s: float) -> None:
        servers = self.parts.database_servers
        while self.database_queue and (servers is None or self.in_database < servers):
            request = self.database_queue.pop(0)
            self.in_database += 1
            end_s = now_s + float(self.work.database_s[request])
            self.on(end_s, 1, lambda now_s, request=request: self.end_query(request, now_s))  # type: ignore[misc]

    def end_query(self, request: int, now_s: float) -> None:
        replica = self.of[request]
        self.in_database -= 1
        self.use_database(now_s)
        replica.in_pool -= 1
        self.take_from_pool(replica, now_s)
        if replica.alive:
            replica.turns.append((request, "after"))
            self.use_cpu(replica, now_s)

    def answer(self, replica: PlainReplica, request: int, now_s: float) -> None:
        if self.status[request] == INSIDE:
            self.status[request], self.finished_s[request] = ANSWERED, now_s
            replica.inside -= 1
            self.admit(replica, now_s)

    def give_up(self, request: int, now_s: float) -> None:
        if self.status[request] >= ANSWERED:
            return
        was_inside = self.status[request] == INSIDE
        self.status[request] = TIMED_OUT
        if was_inside:
            self.of[request].inside -= 1
            self.admit(self.of[request], now_s)
