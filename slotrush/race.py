"""The main job, end to end: stack, people, floor, swarm, snapshot, audit, report.

Whatever happens, what was recorded so far is merged, summed up and reported, and every process is stopped.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from slotrush import REPOSITORY, audit, floor, limits, machine, report, snapshot, summary
from slotrush.accounting import UsageSampler
from slotrush.errors import BadInputError, StackError
from slotrush.live import LiveView
from slotrush.runs import record
from slotrush.stack import Stack, StackOptions, StackUrls
from slotrush.swarm import health
from slotrush.swarm.start import Swarm, SwarmOptions
from slotrush.targets import check_target

STOP_GRACE_S: Final = 30.0
SNAPSHOT_WAIT_S: Final = 300.0
POLL_S: Final = 0.25
COUNT_MAX: Final = 1_000_000
SLOTS_PER_DOCTOR_MAX: Final = 200
"""What the reference target takes in one publication."""


@dataclass(frozen=True)
class RaceOptions:
    """`host` names a target that runs already, and then `sessions` its patients and doctors; else a stack is started.

    `database_url` and `redis_url` take the place of the stack's own servers.
    """

    results: Path = Path("results")
    patients: int = 20_000
    slots: int = 5_000
    doctors: int = 250
    drop_window_s: float = 0.5
    seed: int = 1
    workers: int = 2
    replicas: int = 2
    proxies: int = 2
    port: int | None = None
    database_url: str | None = None
    redis_url: str | None = None
    host: str | None = None
    sessions: Path | None = None
    allow_list: Path | None = None
    floor: bool = True


@dataclass(frozen=True)
class Place:
    """Where the swarm goes. `urls` are those of our own stack, None for a foreign target."""

    base_url: str
    sessions: Path
    urls: StackUrls | None


def check(options: RaceOptions) -> limits.Limits:
    """Everything that can be known to be wrong before anything starts. Raises BadInputError."""
    for name in ("patients", "slots", "doctors", "workers", "replicas", "proxies"):
        _in_range(f"--{name}", getattr(options, name), 1, COUNT_MAX)
    _in_range("--drop-window-s", options.drop_window_s, 0, 3600)
    _in_range("--seed", options.seed, 0, 2**63 - 1)
    if options.slots < options.doctors:
        raise BadInputError(
            f"--slots {options.slots}",
            f"{options.doctors} doctors cannot publish at least one each",
            f"Use --slots {options.doctors} or more, or fewer --doctors",
        )
    if options.slots > SLOTS_PER_DOCTOR_MAX * options.doctors:
        fewest = -(-options.slots // SLOTS_PER_DOCTOR_MAX)
        raise BadInputError(
            f"--slots {options.slots}",
            f"a doctor publishes at most {SLOTS_PER_DOCTOR_MAX}, and there are {options.doctors} doctors",
            f"Use --doctors {fewest} or more, or fewer --slots",
        )
    if (options.host is None) != (options.sessions is None):
        raise BadInputError(
            "--host and --sessions",
            "a target that runs already needs both",
            "Name its URL and the file of its sessions, or neither to start a stack",
        )
    if options.host is not None:
        check_target(options.host, options.allow_list)
        return limits.check(options.patients, options.workers, proxies=0, replicas=0)
    return limits.check(options.patients, options.workers, options.proxies, options.replicas)


def run(options: RaceOptions, console: Console) -> Path:
    """Run the race and return its folder, which then has the record, summary.json and the reports.

    Raises BadInputError before anything starts, StackError when a part fails, KeyboardInterrupt when interrupted;
    in the last two cases the folder is complete for what had happened by then.
    """
    allowed = check(options)
    run_dir = options.results / f"race-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    say = _Steps(console)
    _begin(run_dir, options, allowed)
    try:
        _race(options, run_dir, console, say)
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
            conclude(run_dir, say)
    return run_dir


def conclude(run_dir: Path, say: Callable[[str], None]) -> None:
    """Sum up and report what the record has, complete or not."""
    say("writing the report")
    summary.write(run_dir)
    report.write(run_dir)


def _race(options: RaceOptions, run_dir: Path, console: Console, say: Callable[[str], None]) -> None:
    with ExitStack() as ending:
        stack = Stack(_stack_options(options, run_dir)) if options.host is None else None
        if stack is not None:
            ending.enter_context(stack)
        place = _place(options, run_dir, stack, say)
        swarm = Swarm(_swarm_options(options, run_dir, place))
        sampler = UsageSampler(lambda: _pids(stack, swarm), run_dir)
        _describe_target(run_dir, options, place)
        if options.floor and place.urls is not None:
            _measure_floor(run_dir, place.urls, say)
        try:
            sampler.start()
            ending.callback(sampler.stop)
            say("starting the swarm")
            swarm.start()
            _watch(run_dir, stack, swarm, sampler, console)
        finally:
            swarm.stop(STOP_GRACE_S)
            _merge(run_dir)
        if place.urls is not None:
            _take_stock(run_dir, place.urls, say)


def _watch(run_dir: Path, stack: Stack | None, swarm: Swarm, sampler: UsageSampler, console: Console) -> None:
    """Show the race until the swarm has ended. Raises StackError when a part dies or the swarm fails."""
    phase = ""
    with LiveView(run_dir, sampler.latest, console) as view:
        while (code := swarm.poll()) is None:
            if stack is not None:
                stack.check()
            state = view.refresh()
            if state is not None and state.phase != phase:
                phase = state.phase
                sampler.sample_now()
            time.sleep(POLL_S)
        view.refresh()
    sampler.sample_now()
    if code != 0:
        raise StackError(f"the swarm failed with code {code}; the end of {swarm.log_path}:\n{swarm.log_end()}")


def _merge(run_dir: Path) -> None:
    with closing(record.open_record(run_dir)) as connection:
        record.merge_parts(connection, record.part_paths(run_dir))
        times = health.read_times(connection)
        reasons = list(health.invalid_reasons(times)) if times is not None else []
        record.put_meta(connection, invalid_reasons=reasons)


def _take_stock(run_dir: Path, urls: StackUrls, say: Callable[[str], None]) -> None:
    """Hold what was told against what is stored."""
    say("waiting for the notifications, then reading the stores")
    sources = snapshot.Sources(urls.database_url, urls.redis_url, urls.redis_key_prefix, urls.mailbox_path)
    with closing(record.open_record(run_dir)) as connection:
        snapshot.take(connection, sources, SNAPSHOT_WAIT_S, say)
        say("auditing")
        audit.run_audit(connection)


def _place(options: RaceOptions, run_dir: Path, stack: Stack | None, say: Callable[[str], None]) -> Place:
    if stack is None:
        assert options.host is not None
        assert options.sessions is not None
        return Place(options.host, options.sessions, None)
    urls = stack.start(say)
    say(f"seeding {options.patients} patients and {options.doctors} doctors")
    sessions = run_dir / "sessions.json"
    seed(urls, options.patients, options.doctors, options.seed, sessions)
    return Place(urls.base_url, sessions, urls)


def seed(urls: StackUrls, patients: int, doctors: int, number: int, sessions: Path) -> None:
    """Fill the system with people and write their sessions. Raises StackError."""
    sizes = {"--patients": patients, "--doctors": doctors, "--seed": number, "--sessions": sessions.resolve()}
    arguments = [str(part) for pair in sizes.items() for part in pair]
    seeded = subprocess.run(
        [sys.executable, "-m", "target_app.seed", *arguments],
        env=urls.environment(),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if seeded.returncode != 0:
        raise StackError(f"the system could not be seeded: {seeded.stderr.strip()[-500:]}")


def _measure_floor(run_dir: Path, urls: StackUrls, say: Callable[[str], None]) -> None:
    measured = floor.measure(urls.database_url, say)
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(connection, floor=measured.as_meta())


def _begin(run_dir: Path, options: RaceOptions, allowed: limits.Limits) -> None:
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id=run_dir.name,
            scenario="race",
            seed=options.seed,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            options=_plain(options),
            machine=machine.describe(),
            limits=allowed.as_meta(),
        )


def _plain(options: RaceOptions) -> dict[str, Any]:
    """The options as they go into the record: no secrets, no paths of this machine."""
    hidden = {"database_url", "redis_url", "results", "sessions", "allow_list"}
    plain = {name: value for name, value in asdict(options).items() if name not in hidden}
    own = {"own_database": options.database_url is None, "own_redis": options.redis_url is None}
    return plain if options.host is not None else plain | own


def _describe_target(run_dir: Path, options: RaceOptions, place: Place) -> None:
    own = place.urls is not None
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(
            connection,
            target={
                "base_url": place.base_url,
                "commit": machine.commit() if own else None,
                "replicas": options.replicas if own else None,
                "cpu_quota_m": None,
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


def _stack_options(options: RaceOptions, run_dir: Path) -> StackOptions:
    return StackOptions(
        run_dir=run_dir,
        replicas=options.replicas,
        proxies=options.proxies,
        database_url=options.database_url,
        redis_url=options.redis_url,
        port=options.port,
    )


def _swarm_options(options: RaceOptions, run_dir: Path, place: Place) -> SwarmOptions:
    return SwarmOptions(
        run_dir=run_dir,
        base_url=place.base_url,
        sessions=place.sessions,
        patients=options.patients,
        slots=options.slots,
        doctors=options.doctors,
        drop_window_s=options.drop_window_s,
        seed=options.seed,
        workers=options.workers,
        allow_list=options.allow_list,
    )


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
