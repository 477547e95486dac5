"""The main job, end to end: stack, people, floor, swarm, snapshot, audit, report.

Whatever happens, what was recorded so far is merged, summed up and reported, and every process is stopped.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Console

from slotrush import audit, disk, floor, report, snapshot, summary
from slotrush import seed as seeding
from slotrush.accounting import StatementCounter, UsageSampler
from slotrush.chaos.injecting import Faults
from slotrush.errors import BadInputError, StackError
from slotrush.live import LiveState, LiveView
from slotrush.run import writing
from slotrush.run.options import Place, RunOptions, check, folder_name, objectives_of, stack_options, swarm_options
from slotrush.runs import record
from slotrush.stack import Stack, StackUrls
from slotrush.summary import Summary
from slotrush.swarm.start import Swarm

if TYPE_CHECKING:
    from slotrush.gate.abort import Watch

STOP_GRACE_S: Final = 60.0
"""A swarm that is told to end needs some seconds for the last answers, and some to write a large race."""
_SESSIONS: Final = "sessions.json"
SNAPSHOT_WAIT_S: Final = 300.0
POLL_S: Final = 0.25


Tend = Callable[[int | None], Iterable[str]]
"""Called several times a second, with the µs since the load began, None before; tells what it did."""
Attend = Callable[[Stack, Path], contextlib.AbstractContextManager[Tend]]
"""What is asked for one when the stack runs, with the run's folder, and left when the swarm and the audit are over."""


class Ran(NamedTuple):
    """A run that is over, and what it amounts to."""

    folder: Path
    summary: Summary


def run(options: RunOptions, console: Console, attend: Attend | None = None) -> Ran:
    """Run the swarm; its folder then has the record, summary.json and the reports.

    `attend`: who looks after our own stack while the swarm plays.
    Raises BadInputError before anything starts, StackError when a part fails, KeyboardInterrupt when interrupted;
    in the last two cases the folder is complete for what had happened by then.
    """
    allowed = check(options)
    begun = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    run_dir = options.results / f"{folder_name(options.scenario)}-{begun}-{secrets.token_hex(2)}"
    say = _Steps(console)
    with disk.said_when_full(run_dir):
        writing.begin(run_dir, options, allowed)
        try:
            _swarm(options, run_dir, console, say, attend)
        except BadInputError:
            writing.remove_if_empty(run_dir)
            raise
        except KeyboardInterrupt:
            writing.note(run_dir, "interrupted", "by the user")
            raise
        except StackError as error:
            writing.note(run_dir, "failed", str(error))
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
    writing.begin(run_dir, options, check(options))
    place = Place(urls.base_url, sessions, urls)
    swarm = Swarm(swarm_options(options, run_dir, place))
    writing.describe_target(run_dir, options, place)
    sampler = UsageSampler(lambda: _pids(stack, swarm), run_dir)
    sampler.start()
    try:
        swarm.start()
        while (code := swarm.poll()) is None:
            stack.check()
            swarm.check()
            on_poll()
            time.sleep(POLL_S)
        swarm.require_success(code)
    except KeyboardInterrupt:
        writing.note(run_dir, "interrupted", "by the user")
        raise
    finally:
        swarm.stop(STOP_GRACE_S)
        sampler.stop()
        writing.merge(run_dir)


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
        stack = Stack(stack_options(options, run_dir)) if options.host is None else None
        if stack is not None:
            ending.enter_context(stack)
        ending.callback((run_dir / _SESSIONS).unlink, missing_ok=True)  # nobody else needs these tokens
        place = _place(options, run_dir, stack, say)
        swarm = Swarm(swarm_options(options, run_dir, place))
        sampler = UsageSampler(lambda: _pids(stack, swarm), run_dir)
        writing.describe_target(run_dir, options, place)
        floors = []
        if options.floor and place.urls is not None:
            floors.append(floor.measure(place.urls.database_url, say))
            writing.note_floor(run_dir, floors)
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
            _play(run_dir, stack, swarm, sampler, console, objectives_of(options), faults, tends)
        except KeyboardInterrupt as pressed:
            if not writing.is_merged(run_dir):
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
            writing.note_floor(run_dir, floors)


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
        writing.merge(run_dir)


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
            swarm.check()
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


def _is_hopeless(run_dir: Path, objectives: "Watch", state: LiveState, sampler: UsageSampler, view: LiveView) -> bool:
    """Whether an objective is beyond saving; if so, it is said and noted which and why."""
    from slotrush import fail_fast  # noqa: PLC0415

    missed = fail_fast.missed(objectives, state, sampler.latest().get("app"))
    for one in missed:
        view.note(f"{one}; the run ends here")
    if missed:
        writing.note(run_dir, "aborted", json.dumps({"objectives": {one.objective: str(one) for one in missed}}))
    return bool(missed)


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


def _pids(stack: Stack | None, swarm: Swarm) -> dict[str, list[int]]:
    parts = stack.pids() if stack is not None else {}
    return {"harness": [os.getpid()], **parts, "generator": swarm.pids()}


class _Steps:
    """Tells what is done, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console, self._began_s = console, time.monotonic()

    def __call__(self, step: str) -> None:
        elapsed_s = time.monotonic() - self._began_s
        self._console.print(f"[dim]{elapsed_s:6.1f} s[/dim]  {step}", highlight=False)
