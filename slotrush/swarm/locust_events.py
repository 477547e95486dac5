"""The swarm on Locust's events: line-up, start, reports, end. On a master, a worker and a local runner.

The master decides and tells (`lineup`, `start`, `finish`), and asks what a worker's `clock` shows; workers play and
report (`report`, `part`, `clock-read`, `finished`, and `failed` when they cannot play). A local runner is both, and
Locust hands it its own messages.
"""

import logging
import math
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import gevent
import gevent.os
from gevent import GreenletExit
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, Runner, WorkerRunner

from slotrush.errors import SlotrushError
from slotrush.runs import record
from slotrush.swarm import parts
from slotrush.swarm.course import Course, Entrant
from slotrush.swarm.dispatch import InWorkerOrder, homes, positions
from slotrush.swarm.locust_tuning import tune
from slotrush.swarm.master import INTERRUPTED_GRACE_S, Master
from slotrush.swarm.options import Doctors, Preflight, add_options, pace_of, planned
from slotrush.swarm.plan import Lineup, Plan
from slotrush.swarm.process import COMPLAINT, PARENT_VARIABLE, die_with
from slotrush.swarm.recorder import now_us
from slotrush.swarm.scenario import Scenario
from slotrush.swarm.sessions import digest_of
from slotrush.swarm.standings import Report
from slotrush.swarm.worker import Worker

__all__ = ["Course", "Entrant", "course_of", "install", "installed", "pace_of"]

log: Final = logging.getLogger("slotrush.swarm")
_workers: Final[dict[Runner, Worker]] = {}
_masters: Final[dict[Runner, Master]] = {}
installed: Final[list[Scenario]] = []
"""What this process's locustfile is."""


def course_of(environment: Environment) -> Course:
    """The swarm that this process plays in. Ends the greenlet when there is none to join any more."""
    worker = _workers.get(environment.runner) if environment.runner else None
    if worker is None or worker.course.closing:
        raise GreenletExit
    return worker.course


def install(scenario: Scenario, preflight: Preflight, doctors: Doctors | None = None) -> None:
    """Make this locustfile the scenario. `doctors` plays one doctor of a drop, in a greenlet of its own.

    `preflight` raises BadInputError when the target is not one that the scenario can be played on.
    """
    installed.append(scenario)
    tune()
    if parent := os.environ.pop(PARENT_VARIABLE, ""):
        die_with(int(parent))
    _remember_dead_workers()

    def prepare(environment: Environment, runner: Runner, **_: Any) -> None:
        options = environment.parsed_options
        assert options is not None
        environment.dispatcher_class = InWorkerOrder
        _interrupt_in_one_place()
        if not isinstance(runner, WorkerRunner):
            options.num_users = options.num_users or options.patients
            options.spawn_rate = options.spawn_rate or min(1000, options.num_users)
            run_time_s = options.run_time or scenario.run_time_s
            options.run_time = None  # Locust's begins with the first user; ours, when all are there
            environment._filter_tasks_by_tags()
            plan = partial(planned, scenario, environment, preflight, run_time_s)
            if options.headless:
                _exit_on_bad_input(plan)
            _play_master(environment, runner, plan)
        if not isinstance(runner, MasterRunner):
            _play_worker(environment, runner, doctors or _nobody)

    _listen(events.init_command_line_parser, partial(add_options, scenario))
    _listen(events.init, prepare)


def _remember_dead_workers() -> None:
    """gevent forgets a dead child after a minute, and Locust, which asks for it at its end, then asks for seconds."""
    gevent.os._reap_children = partial(gevent.os._reap_children, timeout=math.inf)


def _interrupt_in_one_place() -> None:
    """Have Ctrl-C interrupt the main greenlet, where Locust expects it; Python's own may hit any that is running."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        gevent.signal_handler(
            signal.SIGINT, gevent.get_hub().handle_system_error, KeyboardInterrupt, KeyboardInterrupt()
        )


def _exit_on_bad_input(check: Callable[[], object]) -> None:
    try:
        check()
    except SlotrushError as error:
        _complain(error)
        sys.exit(error.exit_code)


def _complain(error: SlotrushError) -> None:
    sys.stderr.write(f"{COMPLAINT}{error}\n")
    sys.stderr.flush()


def _play_master(environment: Environment, runner: Runner, plan_of: Callable[..., tuple[Plan, Any]]) -> None:
    def start(**_: Any) -> None:
        ids = [node.id for node in _active(runner)] if isinstance(runner, MasterRunner) else ["local"]
        if runner in _masters:
            _masters.pop(runner).release()
        try:
            plan, cast = plan_of(users=runner.target_user_count)
            places = positions(ids)
            master = _masters[runner] = Master(environment, plan, places, cast.players)
        except SlotrushError as error:
            _complain(error)
            _call_off(environment, runner, error.exit_code)
        spawned = homes(ids, runner.user_classes, plan.users)
        told = {kind: spawned[kind] for kind in cast.shares}
        bank = digest_of(Path(plan.sessions))
        for worker_id, place in places.items():
            message = Lineup(plan, place, len(ids), cast.shares, told, bank).as_message() | {"mark": master.mark}
            runner.send_message("lineup", message, None if worker_id == "local" else worker_id)
        master.begin()

    def connected(client_id: str, **_: Any) -> None:
        if runner in _masters:
            _masters[runner].late(client_id)

    def stopping(**_: Any) -> None:
        if master := _masters.get(runner):
            _leave_to_another_greenlet(runner)
            master.end(INTERRUPTED_GRACE_S)

    def quitting(**_: Any) -> None:
        if master := _masters.get(runner):
            master.leave()

    _listen_to_workers(runner)
    _listen(environment.events.worker_connect, connected)
    _listen(environment.events.test_start, start)
    _listen(environment.events.test_stopping, stopping)
    _listen(environment.events.quitting, quitting)


def _listen_to_workers(runner: Runner) -> None:
    def tell(name: str, act: Callable[[Master, Any], None]) -> None:
        def listener(msg: Any, **_: Any) -> None:
            if master := _masters.get(runner):
                act(master, msg.data)

        runner.register_message(name, listener)

    tell("report", lambda master, report: master.reported(Report.of_message(report)))
    tell("part", Master.received)
    tell("clock-read", lambda master, reading: master.heard_clock(**reading))
    tell("finished", lambda master, who: master.finished(who["position"]))
    tell("failed", lambda master, failure: master.failed(**failure))


def _leave_to_another_greenlet(runner: Runner) -> None:
    """A user who stops the swarm ends with all users, and so could not do what is to be done then: somebody else stops
    it, and the user ends here."""
    if gevent.getcurrent() in runner.user_greenlets:
        options = runner.environment.parsed_options
        gevent.spawn(runner.quit if options and options.headless else runner.stop)
        raise GreenletExit


def _call_off(environment: Environment, runner: Runner, exit_code: int) -> None:
    """End the greenlet in which Locust is about to spawn users; without a web page, the process too."""
    runner._users_dispatcher = None  # the next swarm may have other workers
    assert environment.parsed_options is not None
    if environment.parsed_options.headless:
        environment.process_exit_code = exit_code
        gevent.spawn(runner.quit)
    raise GreenletExit


def _play_worker(environment: Environment, runner: Runner, doctors: Doctors) -> None:
    own = {name: getattr(environment.parsed_options, name) for name in ("sessions", "adapter", "allow_list")}

    def line_up(msg: Any, **_: Any) -> None:
        mark = msg.data.pop("mark")
        lineup = _at_home(Lineup.of_message(msg.data), own)
        name = f"worker{lineup.position}"
        folder = Path(lineup.plan.run_dir) / record.PARTS_FOLDER if lineup.plan.run_dir else None
        part, must_be_sent = parts.place(folder, mark, name)
        try:
            course = Course(lineup, name, part)
        except SlotrushError as error:
            failure = {"position": lineup.position, "complaint": str(error), "exit_code": error.exit_code}
            runner.send_message("failed", failure)
            return
        _workers[runner] = Worker(environment, course, doctors, part if must_be_sent else None)

    def begin(msg: Any, **_: Any) -> None:
        if runner in _workers:
            _workers[runner].start_at(msg.data["start_us"])

    def finish(msg: Any, **_: Any) -> None:
        if worker := _workers.get(runner):
            worker.finish(msg.data["grace_s"], asked_for=True)

    def end(**_: Any) -> None:
        if worker := _workers.get(runner):
            _leave_to_another_greenlet(runner)
            worker.finish(grace_s=0, asked_for=False)

    def read_clock(msg: Any, **_: Any) -> None:
        runner.send_message("clock-read", msg.data | {"there_us": now_us()})

    runner.register_message("lineup", line_up)
    runner.register_message("clock", read_clock)
    runner.register_message("start", begin)
    runner.register_message("finish", finish, concurrent=True)
    if not isinstance(runner, LocalRunner):  # whose master does it
        _listen(environment.events.quitting, end)
        _listen(environment.events.test_stopping, end)


def _at_home(lineup: Lineup, own: dict[str, str]) -> Lineup:
    """With the files that this worker was told of itself, as another machine has them in other places."""
    files = {name: str(Path(path).resolve()) if name != "adapter" else path for name, path in own.items() if path}
    return replace(lineup, plan=replace(lineup.plan, **files))  # type: ignore[arg-type]


def _nobody(_course: Course, _doctor: Entrant) -> None:
    """The doctors of a scenario without a drop are users like everybody."""


def _listen(hook: Any, listener: Callable[..., None]) -> None:
    hook.add_listener(listener)


def _active(runner: MasterRunner) -> list[Any]:
    clients = runner.clients
    return [*clients.ready, *clients.running, *clients.spawning]
