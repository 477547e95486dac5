"""What a sweep tells a plan: capacity, what a request costs each part, how it is answered. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from scipy import stats

from slotrush.capacity.bisect import Verdict
from slotrush.capacity.bottleneck import Component
from slotrush.capacity.demand import FittedCapacity
from slotrush.capacity.intervals import TAIL, Interval, positive
from slotrush.capacity.laws import CpuUse, cpu_use
from slotrush.capacity.needs import CPU_M_A_CORE, DatabaseUse, TierUse
from slotrush.capacity.plan_document import MeasuredPoint, MeasuredResponse, Pod
from slotrush.capacity.planning import USABLE, Measured
from slotrush.capacity.responses import ResponseCurve, curve
from slotrush.errors import BadInputError
from slotrush.plan import evidence
from slotrush.slo import Objectives
from slotrush.sweep import law
from slotrush.sweep.law import Found
from slotrush.sweep.model import Point, Probe, Sweep
from slotrush.sweep.utilisation import APP, at_limit, busy_cores

WAIT_MAX_S: Final = 30.0
"""What is not answered by then is answered with an error: the booking system's own REQUEST_DEADLINE_S."""
PROXY, VALKEY, POSTGRES = "proxy", "valkey", "postgres"
ONE_THREAD: Final = ("notifier", "images")
"""Parts that do not grow with a plan: their work is one thread's."""
PROXY_CPU_M: Final = 500
"""The CPU request of an instance, as in k8s/base/gateway.yaml."""
PROXY_CONNECTIONS_MAX: Final = 20_000
"""Of patients, in one instance: about 350 MiB of the 1 GiB that k8s/base/gateway.yaml allows."""
PROXY_CONNECTION_BYTES: Final = 18_000
"""1,766 MB for 100,000 connections in eight processes, what they need at rest included: docs/scale-out.md."""
VALKEY_PATIENT_BYTES: Final = 1_024
"""Rate limits, idempotency keys and events on their way, of one patient; generously."""
MEMORY_MIN_MIB: Final = {APP: 192, PROXY: 256, VALKEY: 320, POSTGRES: 1024}
"""What k8s/ asks for. A sweep has few patients, so what it measured may only raise this."""
MEMORY_SPARE: Final = 1.25
MEMORY_STEP_MIB: Final = 16
OTHER_CONNECTIONS: Final = 20
"""Of the database: migrations, the standby, backups, metrics, and people."""


@dataclass(frozen=True)
class Database:
    """What the database may grow to: as k8s/data/postgres.yaml has it."""

    cpu_m_max: int = 4 * CPU_M_A_CORE
    connections_max: int = 200

    def __post_init__(self) -> None:
        """Raises BadInputError for no CPU or no connections."""
        positive("database CPU", self.cpu_m_max)
        positive("database connections", self.connections_max)


@dataclass(frozen=True)
class Known:
    """All that a plan takes from a sweep. `curves`: p99 against the share of the capacity, by class of endpoints."""

    sweep: Sweep
    found: Found
    measured: Measured
    pod: Pod
    points: tuple[MeasuredPoint, ...]
    responses: tuple[MeasuredResponse, ...]
    curves: Mapping[str, ResponseCurve]

    @property
    def replicas_max(self) -> int:
        """The most replicas that were measured and tell of the law."""
        return max(point.replicas for point in self.points if point.refusal is None)


def known(sweep: Sweep, objectives: Objectives, database: Database, standbys: int) -> Known:
    """`objectives` are those that the sweep was judged by. Raises BadInputError for a sweep that has no law."""
    found = law.of(sweep, objectives)
    cpu_m = sweep.settings.cpu_quota_m
    if isinstance(found, str) or cpu_m is None:
        raise _lawless(sweep, str(found))
    usable = [point for point in sweep.points if law.refusal(point, sweep) is None]
    passed = [probe for point in usable for probe in point.probes if probe.verdict is Verdict.PASS]
    spent = _cpu_uses(usable, sweep.settings.proxies)
    responses = evidence.responses(usable)
    measured = Measured(
        capacity=FittedCapacity(found.law),
        utilisation_at_limit=min(statistics.median(_at_limit(point, sweep)[APP] for point in usable), 1.0),
        timeout_s=WAIT_MAX_S,
        components=tuple(Component(name, spent[name], usable=USABLE) for name in ONE_THREAD if name in spent),
        database=_database_use(passed, database),
        tiers=_tiers(spent, usable, database, standbys),
        bad_share=bad_share(passed),
    )
    return Known(
        sweep=sweep,
        found=found,
        measured=measured,
        pod=Pod(cpu_m, _memory_mib(APP, usable)),
        points=evidence.points(sweep, found),
        responses=responses,
        curves=_curves(responses),
    )


def bad_share(passed: Sequence[Probe]) -> Interval:
    """Share of requests that go bad where the objectives are met: Jeffreys' interval, which has no end at 0.

    Source: Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion, Statistical Science 16(2), 2001.
    """
    counted = [(probe.requests, probe.availability) for probe in passed if probe.requests]
    requests = sum(requests or 0 for requests, _ in counted)
    bad = sum((requests or 0) * (1 - (1.0 if good is None else good)) for requests, good in counted)
    chances = stats.beta(bad + 0.5, requests - bad + 0.5)
    return Interval(*(float(chances.ppf(share)) for share in (TAIL, 0.5, 1 - TAIL)))


def _lawless(sweep: Sweep, reason: str) -> BadInputError:
    """With what is wrong with each point, and the mend that the fit asks for, if it came so far."""
    points = ((point.replicas, law.refusal(point, sweep)) for point in sweep.points)
    wrong = [f"{replicas} replica{'s' * (replicas > 1)}: {refusal}" for replicas, refusal in points if refusal]
    problem, _, mend = reason.rpartition(". ")
    return BadInputError(
        f"sweep {sweep.sweep_id}",
        f"it has no scaling law, and a plan would be a guess: {'; '.join([problem or reason, *wrong])}",
        mend if problem else "Sweep with a CPU quota for each replica, for instance --cpu 60m",
    )


def _at_limit(point: Point, sweep: Sweep) -> dict[str, float]:
    return {name: use.share for name, use in at_limit(point, sweep.settings, sweep.cores).items()}


def _cpu_uses(points: Sequence[Point], proxies: int) -> dict[str, CpuUse]:
    """Of each part beside the replicas, from all probes of all points together: their range of throughputs tells what
    requests cost from what a part does anyway. That of the proxies is for each of them."""
    found = {name: cpu_use(*busy_cores(points, name)) for name in (PROXY, VALKEY, POSTGRES, *ONE_THREAD)}
    uses = {name: use for name, use in found.items() if use is not None}
    if PROXY in uses:
        uses[PROXY] = replace(uses[PROXY], idle_cores=uses[PROXY].idle_cores / proxies)
    return uses


def _database_use(passed: Sequence[Probe], database: Database) -> DatabaseUse | None:
    """A connection is lent for no longer than its request lives."""
    lent = [probe.mean_ms / 1000 for probe in passed if probe.mean_ms]
    busy = [probe.transactions_s for probe in passed if probe.transactions_s]
    if not lent or not busy:
        return None
    return DatabaseUse(max(lent), max(busy), OTHER_CONNECTIONS, database.connections_max)


def _tiers(
    spent: Mapping[str, CpuUse], points: Sequence[Point], database: Database, standbys: int
) -> tuple[TierUse, ...]:
    uses = []
    if PROXY in spent:
        base_mib = float(_memory_mib(PROXY, points))
        size = (PROXY_CPU_M, PROXY_CONNECTIONS_MAX)
        uses.append(TierUse(PROXY, spent[PROXY], base_mib, PROXY_CONNECTION_BYTES, *size))
    if VALKEY in spent:
        uses.append(TierUse(VALKEY, spent[VALKEY], _memory_mib(VALKEY, points), VALKEY_PATIENT_BYTES))
    if POSTGRES in spent:
        uses.append(
            TierUse(
                POSTGRES,
                spent[POSTGRES],
                _memory_mib(POSTGRES, points),
                0.0,
                cpu_m_max=database.cpu_m_max,
                standbys=standbys,
            )
        )
    return tuple(uses)


def _memory_mib(component: str, points: Sequence[Point]) -> int:
    """Of one replica, or of a whole component: the most that was seen, and some to spare."""
    seen = [
        probe.memory_mib[component] / (point.replicas if component == APP else 1)
        for point in points
        for probe in point.probes
        if component in probe.memory_mib
    ]
    wanted = max(MEMORY_MIN_MIB[component], MEMORY_SPARE * max(seen, default=0.0))
    return math.ceil(wanted / MEMORY_STEP_MIB) * MEMORY_STEP_MIB


def _curves(responses: Sequence[MeasuredResponse]) -> dict[str, ResponseCurve]:
    """Up to the capacity: beyond it queues grow for as long as a swarm lasts, so its times say nothing of another."""
    found = {}
    for name in sorted({one.endpoint_class for one in responses}):
        own = [one for one in responses if one.endpoint_class == name and one.share <= 1]
        if (smooth := curve([one.share for one in own], [one.p99_ms for one in own])) is not None:
            found[name] = smooth
    return found
