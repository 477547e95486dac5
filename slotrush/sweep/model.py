"""A sweep as data: what was asked for, what was found so far, and both as the JSON of results/sweep-<id>/sweep.json.

Rates are arrivals per second of the traffic mix, each of which is one thing that somebody does and mostly one request;
throughputs are requests per second. CPU is in cores: 1.5 is one core and a half.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from slotrush import slo
from slotrush.capacity.bisect import Search, Verdict
from slotrush.capacity.intervals import Interval
from slotrush.capacity.scaling import Form
from slotrush.errors import BadInputError
from slotrush.files import write_whole
from slotrush.slo import Objectives

SCHEMA_VERSION: Final = 3
FILE_NAME: Final = "sweep.json"
SCENARIO: Final = "steady_day"
"""Its locustfile plays the mix of a clinic's day; its arrivals are the sweep's."""


@dataclass(frozen=True)
class Settings:
    """What was asked for. Every probe lasts `probe_s`; a search ends at `tolerance` or after `tests_max` probes, which
    are played in so many `rounds` over all numbers of replicas.

    `cpu_quota_m`: thousandths of a core that each replica has, None when they share the machine. `slo`: the file with
    the objectives, None for our own. `law`: the form of the law that predicts, said before there are points.
    """

    replicas: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    cpu_quota_m: int | None = 60
    probe_s: float = 40.0
    tolerance: float = 0.05
    tests_max: int = 12
    rounds: int = 3
    seed: int = 1
    workers: int = 2
    proxies: int = 2
    slo: str | None = None
    law: Form = Form.AMDAHL

    def objectives(self) -> Objectives:
        """What every swarm is held to. Raises BadInputError for a file that cannot be read."""
        return slo.load(None if self.slo is None else Path(self.slo))


@dataclass(frozen=True)
class Probe:
    """One swarm at one rate, and what its steady seconds showed.

    `gate`: the outcome of the gate, which wants more evidence than a short swarm has. `cores` by component, with
    `machine`, which is everything that runs on it, `strangers`, which is that without our own parts, and `steal`, what
    the hypervisor gave to others. `throttled`: the share of the quota's periods in which a replica used all of it.
    `memory_mib` is the most that a component had. Of the whole swarm: `transactions_s`, the seconds for which a request
    kept connections of the database's server busy, all that was done for it later included. `little`: by what share
    the bookings under way differ from what Little's law makes of their throughput and their response time. `pace`: how
    many times as fast as on average in the sweep the machine was.
    """

    run: str
    rate_per_s: float
    verdict: Verdict
    reason: str
    gate: str
    throughput_per_s: float | None = None
    requests: int | None = None
    availability: float | None = None
    mean_ms: float | None = None
    p99_ms: Mapping[str, float] = field(default_factory=dict)
    cores: Mapping[str, float] = field(default_factory=dict)
    throttled: float | None = None
    memory_mib: Mapping[str, float] = field(default_factory=dict)
    transactions_s: float | None = None
    little: float | None = None
    pace: float = 1.0


@dataclass(frozen=True)
class Audited:
    """What the audit of one stack found, over all swarms that it had: the probes whose `runs` these are."""

    clean: bool
    checked: int
    broken: Mapping[str, int]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One number of replicas: the search, with its probes in the order of its trials, and the audits of its stacks.

    `limit`: the highest rate that meets the objectives, where it is known better than by the verdicts (`limits.found`).
    """

    replicas: int
    search: Search
    probes: tuple[Probe, ...] = ()
    audits: tuple[Audited, ...] = ()
    limit: Interval | None = None

    def after(self, probe: Probe) -> "Point":
        search = self.search.after(probe.rate_per_s, probe.verdict)
        return replace(self, search=search, probes=(*self.probes, probe))

    @property
    def broken(self) -> int:
        """Broken promises that the audits found."""
        return sum(sum(audited.broken.values()) for audited in self.audits)

    @property
    def unaudited(self) -> int:
        """Probes that no audit covers: their stack ended before it."""
        covered = {run for audited in self.audits for run in audited.runs}
        return sum(probe.run not in covered for probe in self.probes)

    @property
    def rate_per_s(self) -> Interval:
        """The highest rate of arrivals that meets the objectives."""
        return self.search.estimate() if self.limit is None else self.limit

    @property
    def throughput_per_s(self) -> Interval | None:
        """The same in requests, by what an arrival asked for where the objectives were met; None if they never were."""
        fine = [probe for probe in self.probes if probe.throughput_per_s and probe.verdict is Verdict.PASS]
        if not fine:
            return None
        asked = sum(probe.throughput_per_s or 0.0 for probe in fine) / sum(probe.rate_per_s for probe in fine)
        rate = self.rate_per_s
        return Interval(rate.low * asked, rate.mid * asked, rate.high * asked)


@dataclass(frozen=True)
class Sweep:
    """`cores` of the machine; `commit` of the booking system, None where it is not known."""

    sweep_id: str
    started_at: str
    settings: Settings
    machine: Mapping[str, Any]
    commit: str | None
    points: tuple[Point, ...] = ()

    @property
    def cores(self) -> int:
        return int(self.machine["cores"])

    def point(self, replicas: int) -> Point | None:
        return next((point for point in self.points if point.replicas == replicas), None)

    def having(self, point: Point) -> "Sweep":
        """The sweep with this point in place of the one with as many replicas, if there is one."""
        others = [other for other in self.points if other.replicas != point.replicas]
        return replace(self, points=tuple(sorted((*others, point), key=lambda one: one.replicas)))

    def asking(self, **more: Any) -> "Sweep":
        """The sweep with other `tests_max`, `rounds` or `tolerance`. Raises BadInputError, as a search does."""
        settings = replace(self.settings, **more)
        points = tuple(
            replace(point, search=replace(point.search, tests_max=settings.tests_max, tolerance=settings.tolerance))
            for point in self.points
        )
        return replace(self, settings=settings, points=points)


def save(sweep: Sweep, folder: Path, found: Mapping[str, Any], per_point: Mapping[int, Mapping[str, Any]]) -> Path:
    """Write sweep.json, whole or not at all. `found` and `per_point` are conclusions, which nobody reads back."""
    points = [
        {
            "replicas": point.replicas,
            **per_point.get(point.replicas, {}),
            "audits": [asdict(audited) for audited in point.audits],
            "search": point.search.as_json(),
            "probes": [asdict(probe) for probe in point.probes],
        }
        for point in sweep.points
    ]
    content = {
        "schema_version": SCHEMA_VERSION,
        **{name: getattr(sweep, name) for name in ("sweep_id", "started_at", "commit", "machine")},
        "settings": asdict(sweep.settings),
        **found,
        "points": points,
    }
    path = folder / FILE_NAME
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def load(folder: Path) -> Sweep:
    """What `save` wrote. Raises BadInputError for a folder without it, and for something else in it."""
    path = folder / FILE_NAME if folder.is_dir() else folder
    mend = "Name a folder results/sweep-…, or start a new sweep"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"sweep {folder}", f"{path} cannot be read ({error.strerror})", mend) from error
    except ValueError as error:
        raise BadInputError(f"sweep {path}", f"it is not JSON ({error})", mend) from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise BadInputError(f"sweep {path}", f"it is no sweep of schema version {SCHEMA_VERSION}", mend)
    try:
        asked = content["settings"]
        settings = asked | {"replicas": tuple(asked["replicas"]), "law": Form(asked["law"])}
        names = ("sweep_id", "started_at", "machine", "commit")
        return Sweep(
            **{name: content[name] for name in names},
            settings=Settings(**settings),
            points=tuple(_point(one) for one in content["points"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"sweep {path}", f"something is missing or unknown in it: {error!r}", mend) from error


def newest(results: Path) -> Path:
    """The folder of the sweep that was begun last. Raises BadInputError when there is none."""
    found = sorted(results.glob(f"sweep-*/{FILE_NAME}"))
    if not found:
        raise BadInputError(
            "sweep", f"there is none in {results}", "Measure one with `slotrush sweep`, or name its folder"
        )
    return found[-1].parent


def _point(content: Mapping[str, Any]) -> Point:
    probes: Sequence[Mapping[str, Any]] = content["probes"]
    return Point(
        replicas=content["replicas"],
        search=Search.from_json(content["search"]),
        probes=tuple(Probe(**{**one, "verdict": Verdict(one["verdict"])}) for one in probes),
        audits=tuple(Audited(**one | {"runs": tuple(one["runs"])}) for one in content["audits"]),
    )
