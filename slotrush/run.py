"""The main job, end to end: stack, people, floor, swarm, snapshot, audit, report.

Whatever happens, what was recorded so far is merged, summed up and reported, and every process is stopped.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.console import Console

from slotrush import audit, disk, floor, limits, machine, report, snapshot, summary
from slotrush import seed as seeding
from slotrush.accounting import StatementCounter, UsageSampler
from slotrush.chaos.catalogue import Planned, load_s, need_standby, replica_settings, require_bearable, slow_link_ms
from slotrush.chaos.injecting import Faults
from slotrush.errors import BadInputError, StackError
from slotrush.live import LiveState, LiveView
from slotrush.runs import record
from slotrush.stack import Stack, StackOptions, StackUrls
from slotrush.stack.replicas import check_quota
from slotrush.summary import Summary
from slotrush.swarm import scenario
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.plan import Plan, plan_of
from slotrush.swarm.scenario import Scenario
from slotrush.swarm.start import Swarm, SwarmOptions
from slotrush.swarm.think import parse_think_time
from slotrush.targets import check_target, is_loopback, parse_origin

if TYPE_CHECKING:
    from slotrush.gate.abort import Watch

STOP_GRACE_S: Final = 60.0
"""A swarm that is told to end needs some seconds for the last answers, and some to write a large race."""
_SESSIONS: Final = "sessions.json"
SNAPSHOT_WAIT_S: Final = 300.0
POLL_S: Final = 0.25
COUNT_MAX: Final = 1_000_000
RUN_TIME_MAX_S: Final = 7 * 24 * 3600.0
"""A week: longer is a slip of the pen."""
SLOTS_PER_DOCTOR_MAX: Final = 200
"""What the reference target takes in one publication."""


Tend = Callable[[int | None], Iterable[str]]
"""Called several times a second, with the µs since the load began, None before; tells what it did."""
Attend = Callable[[Stack, Path], contextlib.AbstractContextManager[Tend]]
"""What is asked for one when the stack runs, with the run's folder, and left when the swarm and the audit are over."""


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


class Ran(NamedTuple):
    """A run that is over, and what it amounts to."""

    folder: Path
    summary: Summary


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
    _objectives(options)
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


def run(options: RunOptions, console: Console, attend: Attend | None = None) -> Ran:
    """Run the swarm; its folder then has the record, summary.json and the reports.

    `attend`: who looks after our own stack while the swarm plays.
    Raises BadInputError before anything starts, StackError when a part fails, KeyboardInterrupt when interrupted;
    in the last two cases the folder is complete for what had happened by then.
    """
    allowed = check(options)
    begun = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    run_dir = options.results / f"{_plain_name(options.scenario)}-{begun}-{secrets.token_hex(2)}"
    say = _Steps(console)
    with disk.said_when_full(run_dir):
        _begin(run_dir, options, allowed)
        try:
            _swarm(options, run_dir, console, say, attend)
        except BadInputError:
            _remove_if_empty(run_dir)
            raise
        except KeyboardInterrupt:
            _note(run_dir, "interrupted", "by the user")
            raise
        except StackError as error:
            _note(run_dir, "failed", str(error))
            raise
        finally:
            if run_dir.exists():
                ran = conclude(run_dir, say)
        return ran


def play_on(
    stack: Stack, urls: StackUrls, sessions: Path, options: RunOptions, run_dir: Path, on_poll: Callable[[], None]
) -> None:
    """One of several swarms on a stack that runs, recorded in `run_dir`; calls `on_poll` several times a second.

    Its record has no snapshot and no audit, as the stores hold what all of these swarms did. Raises as `run` does.
    """
    _begin(run_dir, options, check(options))
    place = Place(urls.base_url, sessions, urls)
    swarm = Swarm(_swarm_options(options, run_dir, place))
    _describe_target(run_dir, options, place)
    sampler = UsageSampler(lambda: _pids(stack, swarm), run_dir)
    sampler.start()
    try:
        swarm.start()
        while (code := swarm.poll()) is None:
            stack.check()
            on_poll()
            time.sleep(POLL_S)
        swarm.require_success(code)
    except KeyboardInterrupt:
        _note(run_dir, "interrupted", "by the user")
        raise
    finally:
        swarm.stop(STOP_GRACE_S)
        sampler.stop()
        _merge(run_dir)


def conclude(run_dir: Path, say: Callable[[str], None]) -> Ran:
    """Sum up and report what the record has, complete or not."""
    say("writing the report")
    summed = summary.write(run_dir)
    report.write(run_dir, summed)
    return Ran(run_dir, summed)


def _swarm(
    options: RunOptions, run_dir: Path, console: Console, say: Callable[[str], None], attend: Attend | None
) -> None:
    with ExitStack() as ending:
        stack = Stack(_stack_options(options, run_dir)) if options.host is None else None
        if stack is not None:
            ending.enter_context(stack)
        ending.callback((run_dir / _SESSIONS).unlink, missing_ok=True)  # nobody else needs these tokens
        place = _place(options, run_dir, stack, say)
        swarm = Swarm(_swarm_options(options, run_dir, place))
        sampler = UsageSampler(lambda: _pids(stack, swarm), run_dir)
        _describe_target(run_dir, options, place)
        floors = []
        if options.floor and place.urls is not None:
            floors.append(floor.measure(place.urls.database_url, say))
            _note_floor(run_dir, floors)
        sampler.start()
        ending.callback(sampler.stop)
        if place.urls is not None:
            counter = StatementCounter(place.urls.database_url, run_dir)
            counter.start()
            ending.callback(counter.stop)
        say("starting the swarm")
        interrupt: KeyboardInterrupt | None = None
        faults = None
        if stack is not None and place.urls is not None and options.faults:
            faults = Faults(options.faults, stack, place.urls, swarm, run_dir, options.seed)
        tends: list[Tend] = []
        if stack is not None and attend is not None:
            tends.append(ending.enter_context(attend(stack, run_dir)))
        if faults is not None:
            tends.append(faults.tend)
        try:
            _play(run_dir, stack, swarm, sampler, console, _objectives(options), faults, tends)
        except KeyboardInterrupt as pressed:
            if not _is_merged(run_dir):
                raise
            say("interrupted: what there is will be kept and audited; once more, and it is not")
            interrupt = pressed
        if place.urls is not None:
            _take_stock(run_dir, place.urls, say)
        if faults is not None:
            _say_what_faults_did(run_dir)
        if interrupt is not None:
            raise interrupt
        if floors and place.urls is not None:
            sampler.stop()  # what follows is not the run's
            floors.append(floor.measure(place.urls.database_url, say))
            _note_floor(run_dir, floors)


def _play(
    run_dir: Path,
    stack: Stack | None,
    swarm: Swarm,
    sampler: UsageSampler,
    console: Console,
    objectives: "Watch | None",
    faults: Faults | None,
    tends: Sequence[Tend],
) -> None:
    """From the first user to the record of it all, whatever happens."""
    try:
        swarm.start()
        _watch(run_dir, stack, swarm, sampler, console, objectives, faults, tends)
    finally:
        swarm.stop(STOP_GRACE_S)
        _merge(run_dir)


def _is_merged(run_dir: Path) -> bool:
    """Whether the swarm has begun, and all that its workers wrote is in the record."""
    return (run_dir / "live.json").exists() and not record.part_paths(run_dir)


def _watch(
    run_dir: Path,
    stack: Stack | None,
    swarm: Swarm,
    sampler: UsageSampler,
    console: Console,
    objectives: "Watch | None",
    faults: Faults | None,
    tends: Sequence[Tend],
) -> None:
    """Show the swarm until it has ended, or one of the objectives is beyond saving.

    Raises StackError when a part dies or the swarm fails.
    """
    phase = ""
    with LiveView(run_dir, sampler.latest, console) as view:
        while (code := swarm.poll()) is None:
            if stack is not None:
                stack.check()
            disk.check(run_dir)
            state = view.refresh()
            for tend in tends:
                for words in tend(_load_us(state)):
                    view.note(words)
            if state is not None and state.phase != phase:
                phase = state.phase
                sampler.sample_now()
            if objectives is not None and state is not None and _is_hopeless(run_dir, objectives, state, sampler, view):
                return
            time.sleep(POLL_S)
        view.refresh()
        for words in faults.finish() if faults is not None else ():
            view.note(words)
    sampler.sample_now()
    swarm.require_success(code)


def _load_us(state: LiveState | None) -> int | None:
    """Since the load began; None before."""
    return None if state is None or state.start_us is None else time.time_ns() // 1000 - state.start_us


def _objectives(options: RunOptions) -> "Watch | None":
    """Who watches the objectives, if somebody is to. Raises BadInputError."""
    if options.abort_on_fail:
        from slotrush import fail_fast  # noqa: PLC0415  SciPy takes its time, and keeps `--help` waiting

        return fail_fast.watch(options.plays, options.slo)
    if options.slo is not None:
        raise BadInputError(f"--slo {options.slo}", "only --abort-on-fail reads it here", "Add --abort-on-fail")
    return None


def _is_hopeless(run_dir: Path, objectives: "Watch", state: LiveState, sampler: UsageSampler, view: LiveView) -> bool:
    """Whether an objective is beyond saving; if so, it is said and noted which and why."""
    from slotrush import fail_fast  # noqa: PLC0415

    missed = fail_fast.missed(objectives, state, sampler.latest().get("app"))
    for one in missed:
        view.note(f"{one}; the run ends here")
    if missed:
        _note(run_dir, "aborted", json.dumps({"objectives": {one.objective: str(one) for one in missed}}))
    return bool(missed)


def _merge(run_dir: Path) -> None:
    with closing(record.open_record(run_dir)) as connection:
        record.merge_parts(connection, record.part_paths(run_dir))


def _take_stock(run_dir: Path, urls: StackUrls, say: Callable[[str], None]) -> None:
    """Hold what was told against what is stored."""
    say("waiting for the notifications, then reading the stores")
    sources = snapshot.Sources(urls.database_url, urls.redis_url, urls.redis_key_prefix, urls.mailbox_path)
    with closing(record.open_record(run_dir)) as connection:
        snapshot.take(connection, sources, SNAPSHOT_WAIT_S, say)
        say("auditing")
        audit.run_audit(connection)


def _say_what_faults_did(run_dir: Path) -> None:
    from slotrush.chaos import outcome  # noqa: PLC0415  SciPy takes its time, and keeps `--help` waiting

    with closing(record.open_record(run_dir)) as connection:
        outcome.note(connection)


def _place(options: RunOptions, run_dir: Path, stack: Stack | None, say: Callable[[str], None]) -> Place:
    if stack is None:
        assert options.host is not None
        assert options.sessions is not None
        return Place(options.host, options.sessions, None)
    urls = stack.start(say)
    plays, sessions = options.plays, run_dir / _SESSIONS
    beforehand = 0 if plays.model == "drop" else plays.slots
    say(f"seeding {plays.users} patients, {plays.doctors} doctors and {beforehand} slots")
    people = seeding.SeedOptions(
        doctors=plays.doctors, patients=plays.users, slots=beforehand, seed=options.seed, sessions=sessions
    )
    seeding.run(people, urls.environment(), lambda _: None)
    with closing(record.open_record(run_dir)) as connection:
        snapshot.note_published(connection, urls.database_url)
    return Place(urls.base_url, sessions, urls)


def _note_floor(run_dir: Path, measured: Sequence[floor.Floor]) -> None:
    """Before and after the swarm, as the machine may have become slower meanwhile: the mean of both, and each."""
    each = [one.as_meta() for one in measured]
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(connection, floor=floor.mean(measured).as_meta() | {"measured": each})


def _begin(run_dir: Path, options: RunOptions, allowed: limits.Limits) -> None:
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id=run_dir.name,
            scenario=options.plays.name,
            seed=options.seed,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            options=_plain(options),
            machine=machine.describe(),
            limits=allowed.as_meta(),
        )


def _plain(options: RunOptions) -> dict[str, Any]:
    """The options as they go into the record: no secrets, no paths of this machine."""
    hidden = {"database_url", "redis_url", "results", "sessions", "allow_list", "plays", "scenario", "adapter", "slo"}
    plain = {
        name: value for name, value in asdict(options).items() if name not in hidden | {"faults", "metrics_address"}
    }
    if options.faults:
        plain["faults"] = [str(fault) for fault in options.faults]
    plays = options.plays
    plain |= {"patients": plays.users, "doctors": plays.doctors, "slots": plays.slots, "model": plays.model}
    if plays.model == "drop":
        plain["drop_window_s"] = plays.drop_window_s
    else:
        plain |= {"think": plays.think, "arrivals": _without_path(plays.arrivals), "run_time_s": plays.run_time_s}
    own = {"own_database": options.database_url is None, "own_redis": options.redis_url is None}
    return plain if options.host is not None else plain | own


def _describe_target(run_dir: Path, options: RunOptions, place: Place) -> None:
    own = place.urls is not None
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(
            connection,
            target={
                "base_url": place.base_url,
                "commit": machine.commit() if own else None,
                "replicas": options.replicas if own else None,
                "cpu_quota_m": options.cpu_quota_m if own else None,
            },
        )


def _note(run_dir: Path, event: str, detail: str) -> None:
    with contextlib.suppress(BadInputError), closing(record.open_record(run_dir)) as connection:
        record.add_event(connection, time.time_ns() // 1000, event, detail)


def _remove_if_empty(run_dir: Path) -> None:
    """A run that was refused leaves nothing, unless the swarm had begun."""
    if not record.part_paths(run_dir) and not (run_dir / "live.json").exists():
        shutil.rmtree(run_dir, ignore_errors=True)


def _pids(stack: Stack | None, swarm: Swarm) -> dict[str, list[int]]:
    parts = stack.pids() if stack is not None else {}
    return {"harness": [os.getpid()], **parts, "generator": swarm.pids()}


def _stack_options(options: RunOptions, run_dir: Path) -> StackOptions:
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


def _swarm_options(options: RunOptions, run_dir: Path, place: Place) -> SwarmOptions:
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


def _plain_name(name: str) -> str:
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


class _Steps:
    """Tells what is done, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console, self._began_s = console, time.monotonic()

    def __call__(self, step: str) -> None:
        elapsed_s = time.monotonic() - self._began_s
        self._console.print(f"[dim]{elapsed_s:6.1f} s[/dim]  {step}", highlight=False)
