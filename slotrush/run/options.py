"""What a run is asked for: checked before anything starts, and handed on to the stack, the swarm and the record."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slotrush import disk, limits
from slotrush import seed as seeding
from slotrush.chaos.catalogue import Planned, load_s, need_standby, replica_settings, require_bearable, slow_link_ms
from slotrush.errors import BadInputError
from slotrush.stack import StackOptions, StackUrls
from slotrush.stack.replicas import check_quota
from slotrush.swarm import scenario
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.plan import Plan, plan_of
from slotrush.swarm.scenario import Scenario
from slotrush.swarm.start import SwarmOptions
from slotrush.swarm.think import parse_think_time
from slotrush.targets import check_target, is_loopback, parse_origin

if TYPE_CHECKING:
    from slotrush.gate.abort import Watch

COUNT_MAX: Final = 1_000_000
RUN_TIME_MAX_S: Final = 7 * 24 * 3600.0
"""A week: longer is a slip of the pen."""
SLOTS_PER_DOCTOR_MAX: Final = 200
"""What the reference target takes in one publication."""


@dataclass(frozen=True)
class RunOptions:
    """`scenario` is the name of one of ours or the path of a locustfile; `plays` has its sizes and its load.

    `host` names a target that runs already, and then `sessions` its people; else a stack is started. `database_url`
    and `redis_url` take the place of the stack's own servers. `tags` are those of the tasks to play, as Locust has
    them. `cpu_quota_m`: thousandths of a core that each replica has. On `web_port` there is Locust's own page, on
    `metrics_port` of `metrics_address` what Prometheus scrapes. With `abort_on_fail` the run ends as soon as one of the
    objectives in the file `slo`, or of our own, is beyond saving. `faults` are done to our own stack meanwhile,
    which is made for `replicas_max` replicas if that is more than those it begins with.
    """

    scenario: str
    plays: Scenario
    results: Path = Path("results")
    seed: int = 1
    spawn_rate_per_s: int = 1000
    workers: int = 2
    replicas: int = 2
    cpu_quota_m: int | None = None
    proxies: int = 2
    port: int | None = None
    web_port: int | None = None
    metrics_port: int | None = None
    metrics_address: str = Plan.metrics_address
    database_url: str | None = None
    redis_url: str | None = None
    host: str | None = None
    sessions: Path | None = None
    adapter: str | None = None
    allow_list: Path | None = None
    tags: tuple[str, ...] = ()
    floor: bool = False
    abort_on_fail: bool = False
    slo: Path | None = None
    faults: tuple[Planned, ...] = ()
    replicas_max: int = 0


@dataclass(frozen=True)
class Place:
    """Where the swarm goes. `urls` are those of our own stack, None for a foreign target."""

    base_url: str
    sessions: Path
    urls: StackUrls | None


def check(options: RunOptions) -> limits.Limits:
    """Everything that can be known to be wrong before anything starts. Raises BadInputError."""
    scenario.locustfile(options.scenario)
    plays = options.plays
    users = "patients" if options.scenario == "race" else "users"
    for name, value in ((users, plays.users), ("doctors", plays.doctors)):
        _in_range(f"--{name}", value, 1, COUNT_MAX)
    for name in ("workers", "replicas", "proxies"):
        _in_range(f"--{name}", getattr(options, name), 1, COUNT_MAX)
    _in_range("--spawn-rate", options.spawn_rate_per_s, 1, COUNT_MAX)
    _in_range("--slots", plays.slots, 0, COUNT_MAX)
    _in_range("--drop-window-s", plays.drop_window_s, 0, 3600)
    _in_range("--seed", options.seed, 0, seeding.SEED_MAX)
    if plays.model == "drop":
        _check_publications(plays.slots, plays.doctors)
    if (options.host is None) != (options.sessions is None):
        raise BadInputError(
            "--host and --sessions",
            "a target that runs already needs both",
            "Name its URL and the file of its sessions, or neither to start a stack",
        )
    if plays.run_time_s is not None:
        _in_range("--run-time", plays.run_time_s, 1, RUN_TIME_MAX_S)
    parse_think_time(plays.think)
    if plays.arrivals is not None:
        parse_arrivals(plays.arrivals, plays.run_time_s)
    elif plays.model == "open":
        raise BadInputError("--arrivals", "an open model has to know when who arrives", "Say e.g. poisson:100")
    objectives_of(options)
    disk.require_room(options.results)
    _check_faults(options)
    if options.host is not None and options.cpu_quota_m is not None:
        raise BadInputError("--cpu", "a target that runs already has its own", "Leave it out, or do without --host")
    if options.host is not None:
        check_target(options.host, options.allow_list)
        host = parse_origin(options.host, "--host").host
        one_address = ":" in host or not is_loopback(host)
        return limits.check(plays.users, options.workers, proxies=0, replicas=0, one_address=one_address)
    most = max(options.replicas, options.replicas_max)
    check_quota(options.cpu_quota_m, most)
    return limits.check(plays.users, options.workers, options.proxies, most)


def _check_faults(options: RunOptions) -> None:
    plays = options.plays
    if options.faults and (options.host or options.database_url or options.redis_url):
        raise BadInputError("faults", "what would be broken is not ours", "Use a stack with stores of its own")
    require_bearable(options.faults, options.workers)
    needed_s = load_s(options.faults)
    if plays.model != "drop" and plays.run_time_s is not None and plays.run_time_s < needed_s:
        problem = f"the last of the faults can be judged after {needed_s:.0f} s of load"
        raise BadInputError(f"--run-time {plays.run_time_s:g}s", problem, f"Use --run-time {needed_s:.0f}s or more")


def _check_publications(slots: int, doctors: int) -> None:
    if slots < doctors:
        raise BadInputError(
            f"--slots {slots}",
            f"{doctors} doctors cannot publish at least one each",
            f"Use --slots {doctors} or more, or fewer --doctors",
        )
    if slots > SLOTS_PER_DOCTOR_MAX * doctors:
        fewest = -(-slots // SLOTS_PER_DOCTOR_MAX)
        raise BadInputError(
            f"--slots {slots}",
            f"a doctor publishes at most {SLOTS_PER_DOCTOR_MAX}, and there are {doctors} doctors",
            f"Use --doctors {fewest} or more, or fewer --slots",
        )


def objectives_of(options: RunOptions) -> "Watch | None":
    """Who watches the objectives, if somebody is to. Raises BadInputError."""
    if options.abort_on_fail:
        from slotrush import fail_fast  # noqa: PLC0415  SciPy takes its time, and keeps `--help` waiting

        return fail_fast.watch(options.plays, options.slo)
    if options.slo is not None:
        raise BadInputError(f"--slo {options.slo}", "only --abort-on-fail reads it here", "Add --abort-on-fail")
    return None


def plain(options: RunOptions) -> dict[str, Any]:
    """The options as they go into the record: no secrets, no paths of this machine."""
    hidden = {"database_url", "redis_url", "results", "sessions", "allow_list", "plays", "scenario", "adapter", "slo"}
    told = {
        name: value for name, value in asdict(options).items() if name not in hidden | {"faults", "metrics_address"}
    }
    if options.faults:
        told["faults"] = [str(fault) for fault in options.faults]
    plays = options.plays
    told |= {"patients": plays.users, "doctors": plays.doctors, "slots": plays.slots, "model": plays.model}
    if plays.model == "drop":
        told["drop_window_s"] = plays.drop_window_s
    else:
        told |= {"think": plays.think, "arrivals": _without_path(plays.arrivals), "run_time_s": plays.run_time_s}
    own = {"own_database": options.database_url is None, "own_redis": options.redis_url is None}
    return told if options.host is not None else told | own


def stack_options(options: RunOptions, run_dir: Path) -> StackOptions:
    return StackOptions(
        run_dir=run_dir,
        replicas=options.replicas,
        cpu_quota_m=options.cpu_quota_m,
        replicas_max=options.replicas_max,
        proxies=options.proxies,
        database_url=options.database_url,
        redis_url=options.redis_url,
        port=options.port,
        objects=options.plays.needs_objects,
        standby=need_standby(options.faults),
        slow_link_ms=slow_link_ms(options.faults),
        settings=replica_settings(options.faults),
    )


def swarm_options(options: RunOptions, run_dir: Path, place: Place) -> SwarmOptions:
    plan = plan_of(
        options.plays,
        host=place.base_url,
        sessions=str(place.sessions.resolve()),
        seed=options.seed,
        arrivals=_with_whole_path(options.plays.arrivals),
        adapter=None if options.adapter is None else _whole_path(options.adapter),
        metrics_port=options.metrics_port,
        metrics_address=options.metrics_address,
        allow_list=None if options.allow_list is None else str(options.allow_list.resolve()),
        run_dir=str(run_dir.resolve()),
    )
    return SwarmOptions(
        locustfile=scenario.locustfile(options.scenario).resolve(),
        plan=plan,
        workers=options.workers,
        spawn_rate_per_s=options.spawn_rate_per_s,
        web_port=options.web_port,
        extra=("--tags", *options.tags) if options.tags else (),
    )


def folder_name(name: str) -> str:
    """What a run's folder is named after: a scenario, or a locustfile without its path."""
    return re.sub(r"[^a-z0-9]+", "-", Path(name).stem.lower()).strip("-") or "swarm"


def _whole_path(path: str) -> str:
    """For Locust, which runs in another folder; what follows the path, as in file.py:Class, stays."""
    return str(Path(path).resolve())


def _with_whole_path(arrivals: str | None) -> str | None:
    kind, _, rest = (arrivals or "").partition(":")
    return f"trace:{_whole_path(rest)}" if kind == "trace" else arrivals


def _without_path(arrivals: str | None) -> str | None:
    """A trace by its file's name alone."""
    kind, _, rest = (arrivals or "").partition(":")
    return f"trace:{Path(rest).name}" if kind == "trace" else arrivals


def _in_range(thing: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise BadInputError(f"{thing} {value}", f"it must be from {lowest} to {highest}", "Give another number")
