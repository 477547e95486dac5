"""The race on Locust's events: options, line-up, drop, reports, end. Works on a master, a worker and a local runner.

The master decides and tells (`lineup`, `drop`, `finish`); workers play and report (`report`, `finished`). A local
runner is both, and Locust hands it its own messages.
"""

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import LocalRunner, MasterRunner, Runner, WorkerRunner

from slotrush.errors import BadInputError, SlotrushError
from slotrush.runs import record
from slotrush.swarm.course import Course, Entrant
from slotrush.swarm.master import Master
from slotrush.swarm.process import PARENT_VARIABLE, die_with
from slotrush.swarm.sessions import read_bank
from slotrush.swarm.sizes import require_not_negative, require_positive
from slotrush.swarm.standings import Lineup, RaceOptions, Report
from slotrush.swarm.worker import Worker
from slotrush.targets import check_target

__all__ = ["Course", "Entrant", "course_of", "install"]

log: Final = logging.getLogger("slotrush.swarm")
Doctors = Callable[[Course, Entrant], None]
_workers: Final[dict[Runner, Worker]] = {}
_masters: Final[dict[Runner, Master]] = {}


class InWorkerOrder(UsersDispatcher):
    """Hands users round to the workers in the order of their ids, as `positions` numbers them."""

    def _sort_workers(self) -> None:
        self._worker_nodes = sorted(self._worker_nodes, key=attrgetter("id"))


def positions(worker_ids: list[str]) -> dict[str, int]:
    """The place of each worker: the n-th user that a worker of place p spawns is the patient p + n * workers."""
    return {worker_id: place for place, worker_id in enumerate(sorted(worker_ids))}


def course_of(environment: Environment) -> Course:
    """The race that this process plays. Raises StopTest when there is none."""
    worker = _workers.get(environment.runner) if environment.runner else None
    if worker is None or worker.course is None:
        raise StopTest("there is no race to join: see the message above")
    return worker.course


def install(doctors: Doctors) -> None:
    """Make this locustfile a race: `doctors` plays one doctor, in a greenlet of its own."""
    if parent := os.environ.pop(PARENT_VARIABLE, ""):
        die_with(int(parent))

    def add_options(parser: LocustArgumentParser) -> None:
        # Workers are forked after this. At the fork, because one waits for minutes for a master that has ended.
        os.register_at_fork(after_in_child=partial(die_with, os.getpid()))
        parser.add_argument("--sessions", default="", help="the session bank: signed-in patients and doctors (JSON)")
        parser.add_argument("--patients", type=int, default=20_000, help="how many race, if --users is not given")
        parser.add_argument("--slots", type=int, default=5_000, help="how many slots the doctors publish in all")
        parser.add_argument("--doctors", type=int, default=0, help="how many publish; 0 is all of the bank")
        parser.add_argument(
            "--drop-window-s", type=float, default=0.5, help="patients start within this, after the drop"
        )
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices")
        hidden: dict[str, Any] = {"include_in_web_ui": False}
        parser.add_argument("--run-dir", default="", help="keep the record here: parts/ and live.json", **hidden)
        parser.add_argument("--allow-list", default="", help="targets.toml: servers that may be loaded", **hidden)

    def prepare(environment: Environment, runner: Runner, **_: Any) -> None:
        options = environment.parsed_options
        assert options is not None
        environment.dispatcher_class = InWorkerOrder
        if not isinstance(runner, WorkerRunner):
            options.num_users = options.num_users or options.patients
            options.spawn_rate = options.spawn_rate or min(1000, options.num_users)
            if options.headless:
                _exit_on_bad_input(lambda: race_options(environment.host, options, options.num_users))
            _play_master(environment, runner)
        if not isinstance(runner, MasterRunner):
            _play_worker(environment, runner, doctors)

    _listen(events.init_command_line_parser, add_options)
    _listen(events.init, prepare)


def race_options(host: str | None, options: Namespace, patients: int) -> RaceOptions:
    """The sizes of the race, checked. Raises BadInputError."""
    if not options.sessions:
        raise BadInputError("--sessions", "no session bank is named", "Name the file of signed-in patients and doctors")
    require_positive(patients=patients, slots=options.slots)
    require_not_negative(doctors=options.doctors, drop_window_s=options.drop_window_s)
    if options.run_dir and record.part_paths(Path(options.run_dir)):
        raise BadInputError(f"--run-dir {options.run_dir}", "a race is recorded there already", "Name another folder")
    bank = read_bank(Path(options.sessions))
    doctors = options.doctors or bank.doctor_count
    bank.require(patients, doctors)
    check_target(host or "", Path(options.allow_list) if options.allow_list else None)
    return RaceOptions(
        host=host or "",
        sessions=str(Path(options.sessions).resolve()),
        patients=patients,
        doctors=doctors,
        slots=options.slots,
        drop_window_s=options.drop_window_s,
        seed=options.seed,
        run_dir=str(Path(options.run_dir).resolve()) if options.run_dir else None,
    )


def _exit_on_bad_input(check: Callable[[], object]) -> None:
    try:
        check()
    except SlotrushError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _play_master(environment: Environment, runner: Runner) -> None:
    def start(**_: Any) -> None:
        assert environment.parsed_options is not None
        try:
            options = race_options(environment.host, environment.parsed_options, runner.target_user_count)
        except SlotrushError as error:
            log.error("%s", error)
            return
        ids = [node.id for node in _active(runner)] if isinstance(runner, MasterRunner) else ["local"]
        master = _masters[runner] = Master(environment, options, len(ids))
        for worker_id, place in positions(ids).items():
            message = Lineup(options, place, len(ids)).as_message()
            runner.send_message("lineup", message, None if worker_id == "local" else worker_id)
        master.begin()

    def reported(msg: Any, **_: Any) -> None:
        if runner in _masters:
            _masters[runner].reported(Report.of_message(msg.data))

    def finished(**_: Any) -> None:
        if runner in _masters:
            _masters[runner].finished()

    def end(**_: Any) -> None:
        if master := _masters.get(runner):
            master.end()

    runner.register_message("report", reported)
    runner.register_message("finished", finished)
    _listen(environment.events.test_start, start)
    _listen(environment.events.test_stopping, end)
    _listen(environment.events.quitting, end)


def _play_worker(environment: Environment, runner: Runner, doctors: Doctors) -> None:
    def line_up(msg: Any, **_: Any) -> None:
        _workers[runner] = Worker(environment, Lineup.of_message(msg.data), doctors)

    def drop(msg: Any, **_: Any) -> None:
        if runner in _workers:
            _workers[runner].drop_at(msg.data["drop_us"])

    def finish(**_: Any) -> None:
        if worker := _workers.pop(runner, None):
            worker.finish()
        runner.send_message("finished", {})

    def end(**_: Any) -> None:
        if worker := _workers.pop(runner, None):
            worker.finish()

    runner.register_message("lineup", line_up)
    runner.register_message("drop", drop)
    runner.register_message("finish", finish, concurrent=True)
    _listen(environment.events.quitting, end)
    if not isinstance(runner, LocalRunner):
        _listen(environment.events.test_stopping, end)


def _listen(hook: Any, listener: Callable[..., None]) -> None:
    hook.add_listener(listener)


def _active(runner: MasterRunner) -> list[Any]:
    clients = runner.clients
    return [*clients.ready, *clients.running, *clients.spawning]
