"""What a request costs, measured: the service demands of replicas, database and proxy, from the records of runs.

By the utilisation law a component's CPU time in a second is what it needs when idle plus, for each class of endpoints,
the requests of that second times what each of them costs: a linear regression over the seconds, here without negative
costs (Lawson and Hanson 1974; Zhang, Cherkasova and Smirni 2007, "A Regression-Based Analytic Model for Dynamic
Resource Provisioning of Multi-Tier Applications"). Every replica hears of what was changed at any of them, to forget
what it had kept of it; where the number of replicas varies, that cost of a write for each of them is fitted too.

What a replica uses without requests is measured instead, where there are seconds enough before the loads: the swarms of
a sweep are all near their limits, where CPU time hardly varies, and fitted to them it came out as nearly the quota.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from slotrush.autoscale.workload import Endpoint, Times
from slotrush.errors import BadInputError
from slotrush.gate.window import Window, choose
from slotrush.runs import record
from slotrush.scaling import trail, variation
from slotrush.scaling.variation import Variation
from slotrush.slo import ALL_ENDPOINTS, Objectives
from slotrush.summary.usage import cumulative_at, usage_samples

Numbers = npt.NDArray[np.float64]
Samples = Sequence[tuple[int, int]]

REPLICA, DATABASE, PROXY = "app", "postgres", "proxy"
SWEEP_RUNS: Final = "runs"
"""Where a sweep's folder has the records of its probes."""
ONE_THREAD_M: Final = 1000
"""A replica never uses more than a core."""
READING: Final = ("GET ", "HEAD ")
"""How the endpoints begin that change nothing."""
FULL: Final = 0.97
"""From this share of the CPU time that they may use on, replicas are full."""
CALM: Final = 0.5
"""Up to this share of it, requests seldom wait for one another or for the next period of a quota."""
SECONDS_MIN: Final = 20
"""Fewer full ones, or others, tell nothing."""
QUIETEST: Final = 0.1
"""Of the seconds before the loads so many are quiet indeed; in others there was something of connecting left to do."""
SAVED_MAX: Final = 0.6
"""Beyond this share a request would cost next to nothing, which is noise."""
_US: Final = 1e-6
_MEND: Final = "Name a run that was recorded on a stack of slotrush's own, for half a minute or more"


@dataclass(frozen=True)
class ClassDemand:
    """A class of endpoints: its share of the requests, the CPU seconds that each takes in its replica on average, and
    how single ones vary around that; () where it is not known. Where there were too few of the class to tell, they
    vary as all requests do."""

    name: str
    share: float
    cpu_s: float
    varies: Variation = ()

    @property
    def times(self) -> Times:
        """Exponential where only the mean is known."""
        if not self.varies:
            return Times.exponential(self.cpu_s)
        return Times.of_samples(self.cpu_s * np.array(self.varies))


@dataclass(frozen=True)
class Demands:
    """What was measured. `idle_cores`: of a replica without requests. `echo_s`: what a request costs on average in each
    replica there is, beside its own cost; 0 where it is not known. `database_s` and `proxy_s`: CPU per request.

    `requests_per_arrival`: of an open load those that came of an arrival, of another those of a patient.
    `follower_saves`: share of its CPU time that a request does without in a replica that is busy all the time; 0 where
    none was.
    """

    source: str
    classes: tuple[ClassDemand, ...]
    idle_cores: float
    database_s: float
    proxy_s: float
    requests_per_arrival: float
    echo_s: float = 0.0
    follower_saves: float = 0.0

    @property
    def own_cpu_s(self) -> float:
        """The mean over all requests, without what the other replicas hear of them."""
        return sum(one.share * one.cpu_s for one in self.classes)

    def cpu_s(self, replicas: float) -> float:
        """The mean over all requests, of all replicas together when there are so many."""
        return self.own_cpu_s + replicas * self.echo_s

    def endpoints(self) -> list[Endpoint]:
        """For the simulator. Of the database's times only the mean is known, so they are taken as exponential."""
        return [Endpoint(one.name, one.share, one.times, Times.exponential(self.database_s)) for one in self.classes]


@dataclass(frozen=True)
class Seconds:
    """The steady seconds of a run: requests by class, shape [seconds, classes]; CPU seconds of each second.

    `at_s`: their Unix times. `writes`: requests that change something. `serving` replicas had what `replica_cpu_s`
    says, of `allowed_cpu_s` at most. `arrivals` in all those seconds, or patients. `quiet_cores`: what a replica used
    in each second before the load in which everybody was connected and nobody asked for anything.
    """

    at_s: Numbers
    requests: Numbers
    writes: Numbers
    serving: Numbers
    replica_cpu_s: Numbers
    allowed_cpu_s: Numbers
    database_cpu_s: Numbers
    proxy_cpu_s: Numbers
    arrivals: float
    quiet_cores: Numbers = field(default_factory=lambda: np.zeros(0))

    def __add__(self, other: "Seconds") -> "Seconds":
        together = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self._by_second()}
        quiet_cores = np.concatenate([self.quiet_cores, other.quiet_cores])
        return Seconds(**together, arrivals=self.arrivals + other.arrivals, quiet_cores=quiet_cores)

    def those(self, chosen: npt.NDArray[np.bool_]) -> "Seconds":
        """Some of them, with what is known of all."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in self._by_second()})

    @classmethod
    def _by_second(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.name not in ("arrivals", "quiet_cores")]

    @property
    def load(self) -> Numbers:
        """Requests for each replica."""
        return np.asarray(self.requests.sum(axis=1) / self.serving, float)

    @property
    def calm_loads(self) -> dict[float, float]:
        """The same by the time of each second, of those in which replicas used little of what they may."""
        calm = self.replica_cpu_s <= CALM * self.allowed_cpu_s
        return dict(zip(self.at_s[calm].tolist(), self.load[calm].tolist(), strict=True))


def given(cpu_s: float, database_s: float = 0.0) -> Demands:
    """What somebody says that a request costs."""
    for thing, value_s, least_s in (("--cpu-ms", cpu_s, 1e-6), ("--database-ms", database_s, 0.0)):
        if not least_s <= value_s <= 60:
            raise BadInputError(f"{thing} {1000 * value_s:g}", "it must be above 0, and a minute at most", "Change it")
    return Demands("what was given", (ClassDemand("all", 1.0, cpu_s),), 0.0, database_s, 0.0, 1.0)


def measured(path: Path, objectives: Objectives) -> Demands:
    """From a run's folder, or from all runs of a sweep's. Raises BadInputError when it cannot be told from them."""
    folders = sorted((path / SWEEP_RUNS).iterdir()) if (path / SWEEP_RUNS).is_dir() else [path]
    found: dict[Path, Seconds] = {}
    problem = "it has no run"
    for folder in folders:
        with closing(record.open_finished(folder)) as connection:
            seconds = steady_seconds(connection, objectives)
        if isinstance(seconds, str):
            problem = seconds
        else:
            found[folder] = seconds
    if not found:
        raise BadInputError(f"--from {path}", problem, _MEND)
    together = reduce(add, found.values())
    costs = fitted(together, [one.name for one in objectives.classes])
    varies = variation.measured({folder: one.calm_loads for folder, one in found.items()}, objectives)
    known = (replace(one, varies=varies.get(one.name) or varies.get(ALL_ENDPOINTS, ())) for one in costs.classes)
    return replace(costs, classes=tuple(known), source=_source(path, len(found)))


def fitted(seconds: Seconds, names: Sequence[str]) -> Demands:
    """The demands that fit the seconds best; those of classes that nobody asked for, or that drown, are left out.

    Of the seconds in which the replicas were not full, if there are enough of them: where requests queue up, replicas
    have to be woken for fewer of them. The full ones tell what that saves.
    """
    full = seconds.replica_cpu_s >= FULL * seconds.allowed_cpu_s
    if min(full.sum(), (~full).sum()) < SECONDS_MIN:
        return _fitted(seconds, names)
    costs = _fitted(seconds.those(~full), names)
    saves = _saved(seconds.those(full), costs)
    return replace(costs, requests_per_arrival=_each(seconds), follower_saves=saves)


def _each(seconds: Seconds) -> float:
    """Requests of an arrival."""
    return float(seconds.requests.sum() / seconds.arrivals) if seconds.arrivals else 1.0


def _saved(full: Seconds, costs: Demands) -> float:
    """By the replicas that were full: what their requests would have cost had each come alone, and did cost."""
    idle_s = costs.idle_cores * float(full.serving.sum())
    every = full.requests.sum(axis=1)
    alone_s = costs.own_cpu_s * float(every.sum()) + costs.echo_s * float(full.serving @ every)
    return float(np.clip(1 - (full.replica_cpu_s.sum() - idle_s) / alone_s, 0.0, SAVED_MAX)) if alone_s else 0.0


def _fitted(seconds: Seconds, names: Sequence[str]) -> Demands:
    from scipy.optimize import nnls  # noqa: PLC0415  SciPy takes its time, and keeps `--help` waiting

    asked = seconds.requests.sum(axis=0)
    total = asked.sum()
    if total <= 0:
        raise BadInputError("--from", "nothing was asked in its steady seconds", _MEND)
    used = np.flatnonzero(asked).tolist()
    every = seconds.requests.sum(axis=1)
    heard = [seconds.serving * seconds.writes] if np.ptp(seconds.serving) >= 1 else []

    quiet = seconds.quiet_cores
    known = float(np.quantile(quiet, QUIETEST)) if len(quiet) >= SECONDS_MIN else None

    def fit(columns: Numbers) -> list[float]:
        unknown = [*([seconds.serving] if known is None else []), *heard, columns]
        busy_s = seconds.replica_cpu_s - (known or 0.0) * seconds.serving
        found: list[float] = nnls(np.column_stack(unknown), busy_s)[0].tolist()
        idle_cores = found.pop(0) if known is None else known
        return [idle_cores, found.pop(0) if heard else 0.0, *found]

    idle, echo_s, *each = fit(seconds.requests[:, used])
    if min(each) <= 0:  # too alike in all seconds to tell them apart: one cost for all
        idle, echo_s, one = fit(every[:, None])
        if one <= 0:
            idle, echo_s, one = 0.0, 0.0, float(seconds.replica_cpu_s.sum() / total)
        each = [one] * len(used)
    classes = [
        ClassDemand(names[place], float(asked[place] / total), float(cpu_s))
        for place, cpu_s in zip(used, each, strict=True)
    ]
    return Demands(
        source="",
        classes=tuple(classes),
        idle_cores=float(idle),
        database_s=float(seconds.database_cpu_s.sum() / total),
        proxy_s=float(seconds.proxy_cpu_s.sum() / total),
        requests_per_arrival=_each(seconds),
        echo_s=float(echo_s * seconds.writes.sum() / total),
    )


def steady_seconds(connection: sqlite3.Connection, objectives: Objectives) -> Seconds | str:
    """Of one run; or why it has none."""
    last_answer_s = connection.execute("SELECT max(second) FROM latency").fetchone()[0]
    events = record.event_times(connection)
    window = choose(events, last_answer_s)
    if isinstance(window, str):
        return window
    used = usage_samples(connection)
    followed = trail.read(connection)
    if followed:
        used[REPLICA] = [(look.at_us, look.serving_cpu_us) for look in followed]
    replica, database, proxy = (_per_second(used.get(name, ()), window) for name in (REPLICA, DATABASE, PROXY))
    if replica is None:
        return "the CPU time of its replicas is not in the record"
    none = np.zeros(window.seconds)
    meta = record.get_meta(connection)
    target = meta.get("target") or {}
    fixed, quota_m = target.get("replicas") or 1, target.get("cpu_quota_m") or ONE_THREAD_M
    serving = trail.by_second(followed, "serving", window.first_s, window.seconds) if followed else none + fixed
    quiet = None if followed else _before_load(events)
    quiet_cpu_s = None if quiet is None else _per_second(used[REPLICA], quiet)
    requests, writes = _requests(connection, window, objectives)
    return Seconds(
        at_s=np.arange(window.first_s, window.last_s + 1, dtype=float),
        requests=requests,
        writes=writes,
        serving=serving,
        replica_cpu_s=replica,
        allowed_cpu_s=serving * min(quota_m, ONE_THREAD_M) / 1000,
        database_cpu_s=none if database is None else database,
        proxy_cpu_s=none if proxy is None else proxy,
        arrivals=_arrivals(connection, window, (meta.get("options") or {}).get("patients")),
        quiet_cores=np.zeros(0) if quiet_cpu_s is None else quiet_cpu_s / fixed,
    )


def _before_load(events: Mapping[str, int]) -> Window | None:
    """The whole seconds in which everybody was connected and the load had not begun; None without any."""
    connected_us, began_us = events.get("connected"), record.load_began_us(events)
    if connected_us is None or began_us is None:
        return None
    first_s, end_s = -(-connected_us // 1_000_000), began_us // 1_000_000
    return Window(first_s, end_s - 1, stages=False, rule="before the load") if first_s < end_s else None


def _requests(connection: sqlite3.Connection, window: Window, objectives: Objectives) -> tuple[Numbers, Numbers]:
    """By second and class, and of each second those that change something."""
    places = {one.name: place for place, one in enumerate(objectives.classes)}
    counts, writes = np.zeros((window.seconds, len(places))), np.zeros(window.seconds)
    rows = connection.execute(
        "SELECT endpoint, second, good + bad + refused FROM latency WHERE second BETWEEN ? AND ?",
        (window.first_s, window.last_s),
    )
    for endpoint, second, count in rows:
        if (name := objectives.class_of(endpoint)) is not None:
            counts[second - window.first_s, places[name]] += count
            writes[second - window.first_s] += 0 if endpoint.startswith(READING) else count
    return counts, writes


def _arrivals(connection: sqlite3.Connection, window: Window, patients: int | None) -> float:
    due = connection.execute(
        "SELECT coalesce(sum(arrivals - dropped), 0) FROM generator_health WHERE second BETWEEN ? AND ?",
        (window.first_s, window.last_s),
    ).fetchone()[0]
    return float(due or patients or 0)


def _per_second(samples: Samples, window: Window) -> Numbers | None:
    """The CPU seconds of each second of the window; None where the samples do not cover it."""
    edges = [cumulative_at(samples, second * 1_000_000) for second in range(window.first_s, window.last_s + 2)]
    known = [edge for edge in edges if edge is not None]
    return np.diff(np.array(known)) * _US if len(known) == len(edges) else None


def _source(path: Path, runs: int) -> str:
    return f"run {path.name}" if runs == 1 else f"{runs} runs of {path.name}"
