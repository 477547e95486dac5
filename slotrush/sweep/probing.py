"""One probe: a short swarm at one rate on a stack that runs, with people who have not been there before."""

import asyncio
import json
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from slotrush import run as running
from slotrush.gate import judge, tally
from slotrush.gate.window import Window
from slotrush.run import RunOptions
from slotrush.runs import record
from slotrush.runs.distribution import Distribution
from slotrush.slo import Objectives
from slotrush.stack import Stack, StackUrls
from slotrush.stack.quota import Throttling
from slotrush.summary import summarise
from slotrush.summary.usage import cumulative_at, usage_samples
from slotrush.swarm.scenario import SCENARIOS
from slotrush.sweep import verdict
from slotrush.sweep.balance import little
from slotrush.sweep.model import SCENARIO, Probe, Settings
from slotrush.sweep.searching import Crowd, crowd_for

SLOTS_PER_DOCTOR: Final = 80
"""As in the scenario itself: what an agenda costs depends on it."""
US_PER_S: Final = 1_000_000
MS_PER_S: Final = 1000
BYTES_A_MIB: Final = 1024 * 1024
DATABASE_S_MAX: Final = 10
BUSY_SQL: Final = """
SELECT (active_time + idle_in_transaction_time) / 1000 FROM pg_stat_database WHERE datname = current_database()
"""
BUSY: Final = ("user", "nice", "system", "irq", "softirq")
"""What a machine does, of the kinds of time in /proc/stat; guests' time is in the first two already (proc(5))."""

Samples = list[tuple[int, int]]
"""(at_us, so far), as `cumulative_at` reads them."""


@dataclass
class Counters:
    """What no run record has: how busy the whole machine is, and how often the quotas were used up."""

    busy_us: Samples = field(default_factory=list)
    steal_us: Samples = field(default_factory=list)
    periods: Samples = field(default_factory=list)
    throttled: Samples = field(default_factory=list)

    def read(self, quotas: Throttling) -> None:
        at_us, machine = time.time_ns() // 1000, psutil.cpu_times()
        busy_s = sum(getattr(machine, name, 0.0) for name in BUSY)
        self.busy_us.append((at_us, round(busy_s * US_PER_S)))
        self.steal_us.append((at_us, round(getattr(machine, "steal", 0.0) * US_PER_S)))
        self.periods.append((at_us, quotas.periods))
        self.throttled.append((at_us, quotas.throttled))


class People:
    """The session bank of a stack, of which each swarm gets the next ones.

    It starts anew when all have played; doctors would then publish the same days again, which is refused.
    """

    def __init__(self, bank: Path) -> None:
        self._bank: dict[str, deque[Any]] = {
            group: deque(people) for group, people in json.loads(bank.read_text()).items()
        }

    def next(self, crowd: Crowd, path: Path) -> Path:
        """Write a bank of so many people who have not played yet."""
        groups = {"patients": crowd.patients_max, "doctors": crowd.doctors, "staff": crowd.staff}
        path.write_text(json.dumps({group: list(islice(self._bank[group], count)) for group, count in groups.items()}))
        for group, count in groups.items():
            self._bank[group].rotate(-count)
        return path


def options_for(settings: Settings, replicas: int, rate_per_s: float, seed: int) -> RunOptions:
    """The swarm of a probe. Everybody connects at the rate of the probe, so that it is no rush of its own."""
    crowd = crowd_for(rate_per_s)
    plays = replace(
        SCENARIOS[SCENARIO],
        users=crowd.users,
        doctors=crowd.doctors,
        slots=crowd.doctors * SLOTS_PER_DOCTOR,
        arrivals=f"poisson:{rate_per_s:.6g}@{settings.probe_s:g}s",
        run_time_s=settings.probe_s,
    )
    return RunOptions(
        scenario=SCENARIO,
        plays=plays,
        seed=seed,
        spawn_rate_per_s=max(round(rate_per_s), 1),
        workers=settings.workers,
        replicas=replicas,
        cpu_quota_m=settings.cpu_quota_m,
        proxies=settings.proxies,
    )


def probe(
    stack: Stack,
    urls: StackUrls,
    people: People,
    settings: Settings,
    replicas: int,
    rate_per_s: float,
    seed: int,
    run_dir: Path,
) -> Probe:
    """Play a swarm at this rate and judge it. Raises StackError when a part died, and KeyboardInterrupt."""
    options = options_for(settings, replicas, rate_per_s, seed)
    counters = Counters()
    before_s = database_busy_s(urls.database_url)
    run_dir.mkdir(parents=True)
    sessions = people.next(crowd_for(rate_per_s), run_dir / "sessions.json")
    try:
        running.play_on(stack, urls, sessions, options, run_dir, lambda: counters.read(stack.replicas.throttling()))
    finally:
        with suppress(FileNotFoundError):
            sessions.unlink()
    busy_s = database_busy_s(urls.database_url) - before_s
    return measured(run_dir, rate_per_s, counters, settings, busy_s)


def database_busy_s(database_url: str) -> float:
    """Seconds for which connections of the database were in a transaction so far, all together, whoever had them."""

    async def ask() -> float:
        database = await asyncpg.connect(database_url, timeout=DATABASE_S_MAX)
        try:
            return float(await database.fetchval(BUSY_SQL))
        finally:
            await database.close()

    return asyncio.run(ask())


def measured(
    run_dir: Path, rate_per_s: float, counters: Counters, settings: Settings, database_busy_s: float | None = None
) -> Probe:
    """What the record of a probe says. `database_busy_s`: for how long the swarm kept its connections busy."""
    with closing(record.open_finished(run_dir)) as connection:
        objectives = settings.objectives()
        judged = judge(connection, objectives)
        kind, reason = verdict.of(judged, summarise(connection).generator.faults)
        told = Probe(run_dir.name, rate_per_s, kind, reason, judged.outcome.value)
        if judged.window is None:
            return told
        window = judged.window
        answered = tally.answered(connection, window, lambda _: True)
        mean_ms, p99_ms = times_ms(connection, window, objectives)
        memory = connection.execute("SELECT component, max(memory_bytes) FROM usage GROUP BY component").fetchall()
        balance = little(connection, window)
        (requests,) = connection.execute("SELECT sum(good + bad + refused) FROM latency").fetchone()
        used = {name: cores(samples, window) for name, samples in usage_samples(connection).items()}
    known = {name: busy for name, busy in used.items() if busy is not None}
    machine, steal = cores(counters.busy_us, window), cores(counters.steal_us, window)
    if machine is not None and steal is not None:
        known |= {"machine": machine, "strangers": max(machine - sum(known.values()), 0.0), "steal": steal}
    return replace(
        told,
        throughput_per_s=answered.requests / window.seconds,
        requests=answered.requests,
        availability=float(answered.good.sum()) / answered.requests if answered.requests else None,
        mean_ms=mean_ms,
        p99_ms=p99_ms,
        cores=known,
        throttled=_share(grown(counters.throttled, window), grown(counters.periods, window)),
        memory_mib={component: peak / BYTES_A_MIB for component, peak in memory},
        transactions_s=_share(database_busy_s, requests),
        little=None if balance is None else balance.disagreement,
    )


def times_ms(
    connection: sqlite3.Connection, window: Window, objectives: Objectives
) -> tuple[float | None, dict[str, float]]:
    """Of the response times in the window: the mean, and the 99th percentile by class of endpoints."""
    times: dict[str, list[bytes]] = {}
    rows = connection.execute(
        "SELECT endpoint, response_hdr FROM latency WHERE second BETWEEN ? AND ?", (window.first_s, window.last_s)
    )
    for endpoint, blob in rows:
        if (name := objectives.class_of(endpoint)) is not None:
            times.setdefault(name, []).append(blob)
    found = {name: Distribution(blobs) for name, blobs in times.items()}
    counted = sum(one.count for one in found.values())
    mean_ms = sum(one.sum_s for one in found.values()) / counted * MS_PER_S if counted else None
    return mean_ms, {name: one.percentiles_ms().p99 for name, one in found.items()}


def cores(samples: Sequence[tuple[int, int]], window: Window) -> float | None:
    """Cores kept busy in the window, from samples of the CPU µs so far; None when there are none of that time."""
    spent_us = grown(samples, window)
    return None if spent_us is None else spent_us / (window.seconds * US_PER_S)


def grown(samples: Sequence[tuple[int, int]], window: Window) -> float | None:
    """By how much a cumulative counter grew in the window."""
    begun = cumulative_at(samples, window.first_s * US_PER_S)
    ended = cumulative_at(samples, (window.last_s + 1) * US_PER_S)
    return None if begun is None or ended is None else ended - begun


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole
