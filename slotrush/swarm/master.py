"""The master's part: decides the start, keeps live.json, notices the end, and sees that all is written."""

import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import gevent
import orjson
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from slotrush import slo
from slotrush.files import write_whole
from slotrush.runs import record
from slotrush.swarm import knee
from slotrush.swarm.arrivals import share
from slotrush.swarm.by_hand import begin_record
from slotrush.swarm.clocks import ASK_AGAIN_EVERY_S, ASK_EVERY_S, Clocks
from slotrush.swarm.dispatch import InWorkerOrder
from slotrush.swarm.knee import StepTally
from slotrush.swarm.load import Step, parse_arrivals
from slotrush.swarm.metrics import SwarmMetrics
from slotrush.swarm.parts import MARK, Inbox
from slotrush.swarm.plan import Plan
from slotrush.swarm.recorder import now_us
from slotrush.swarm.sessions import Role, read_bank
from slotrush.swarm.standings import Phase, Report, Standings

log: Final = logging.getLogger("slotrush.swarm")
LEAD_US: Final = 2_000_000
"""The start is announced this long before it comes, so that everyone is asleep until their own."""
LEAD_US_PER_USER: Final = 40
"""More of it for many users: each of them wakes to learn it, which takes some 25 µs of a core."""
TICK_S: Final = 0.2
LIVE_EVERY_S: Final = 1.0
CONNECT_SPARE_S: Final = 60.0
ANSWER_GRACE_S: Final = 30.0
"""How long a user who has asked may wait for the answer once the swarm is over; k6 calls it `gracefulStop`."""
INTERRUPTED_GRACE_S: Final = 3.0
"""The same when somebody wants it to end now."""
FLUSH_LIMIT_S: Final = 90.0
MISSING_LIMIT_S: Final = 10.0
"""A worker that is merely busy sends no heartbeat for some seconds; one that is silent for longer is lost."""


class Master:
    """One swarm, from the line-up to the last part written."""

    def __init__(
        self, environment: Environment, plan: Plan, positions: Mapping[str, int], players: Mapping[Role, int]
    ) -> None:
        """`positions`: by the id of each worker, which of them it is. `players`: how many users of each role there are.

        Raises BadInputError when the port for the metrics cannot be had.
        """
        self._environment, self._plan, self._positions = environment, plan, positions
        self._people = dict(players) | ({"doctor": plan.doctors} if plan.model == "drop" else {})
        self._standings = Standings(plan, len(positions), players)
        self._heard_us = dict.fromkeys(positions.values(), now_us())
        self._lost: set[int] = set()
        self._finished: set[int] = set()
        self._steps = list(parse_arrivals(plan.arrivals, plan.run_time_s).steps()) if plan.arrivals else []
        self._step: Step | None = None
        self._tally = StepTally()
        self._clocks = Clocks()
        self._objectives = slo.load() if plan.until_broken else None
        self._shown: tuple[Phase, int] = ("connecting", 0)
        self._ended = self._leaving = False
        self._written = Event()
        self._metrics = SwarmMetrics(Path(plan.run_dir).name if plan.run_dir else "", plan.scenario)
        if plan.metrics_port is not None:
            log.info("metrics on port %d", self._metrics.serve(plan.metrics_port, plan.metrics_address))
        self._part = Path(plan.run_dir) / record.PARTS_FOLDER / "master.sqlite" if plan.run_dir else None
        self.mark = secrets.token_hex(8)
        if self._part is not None:
            begin_record(plan, len(positions))
            record.create(self._part).close()
            self._inbox = Inbox(self._part.parent)
            (self._part.parent / MARK).write_text(self.mark)

    def begin(self) -> None:
        """The workers have their line-up; from here on users are spawned."""
        self._note(now_us(), "connect", f"{self._plan.users} users, {len(self._positions)} workers")
        gevent.spawn(self._watch)
        if isinstance(self._environment.runner, MasterRunner):
            gevent.spawn(self._ask_for_clocks, self._environment.runner)

    def release(self) -> None:
        """Another swarm follows: leave it the port of the metrics."""
        self._metrics.close()

    def reported(self, report: Report) -> None:
        self._heard_us[report.position] = now_us()
        self._standings.add(report)
        self._tally.add(report.answers)
        self._metrics.update(
            f"worker{report.position}",
            users=report.users,
            arrivals=report.arrivals,
            dropped=report.dropped,
            loop_lag_ms=report.loop_lag_ms,
            cpu_share=report.cpu_share,
            answers=report.answers,
            writes=report.writes,
        )

    def received(self, chunk: dict[str, Any]) -> None:
        """A chunk of a part comes from a worker that does not share this disk."""
        self._inbox.receive(chunk)

    def heard_clock(self, position: int, asked_us: int, there_us: int) -> None:
        """A worker says what its clock showed when it was asked."""
        self._clocks.heard(position, asked_us, there_us, now_us())

    def finished(self, position: int) -> None:
        """A worker has written everything."""
        self._finished.add(position)

    def failed(self, position: int, complaint: str, exit_code: int) -> None:
        """A worker cannot take part: neither can the swarm."""
        log.error("worker %d cannot take part: %s", position, complaint)
        self._finished.add(position)
        gevent.spawn(self._quit, exit_code)

    def late(self, worker_id: str) -> None:
        """A worker came after the line-up: it has nobody to play."""
        if worker_id not in self._positions and not self._ended:
            log.warning("a worker came too late to take part: it waits for the next swarm")
            self._note(now_us(), "worker-late", worker_id)

    def end(self, grace_s: float) -> None:
        """Have the workers stop and write everything; who has asked gets `grace_s` to be answered.

        Returns when all is written, also when somebody else is at it already, whose `grace_s` this one may shorten.
        """
        runner = self._environment.runner
        assert runner is not None
        if self._written.is_set():
            return
        is_first, self._ended = not self._ended, True
        runner.send_message("finish", {"grace_s": grace_s})
        if not is_first:
            self._written.wait(FLUSH_LIMIT_S)
            return
        if isinstance(runner._users_dispatcher, InWorkerOrder):
            runner._users_dispatcher.halt()
        try:
            self._wait_until_written()
        finally:
            self._written.set()

    def leave(self) -> None:
        """The process is about to end: see that all is written."""
        self._leaving = True
        self.end(INTERRUPTED_GRACE_S)

    def _wait_until_written(self) -> None:
        limit_us = now_us() + int(FLUSH_LIMIT_S * 1e6)
        while self._unfinished and now_us() < limit_us:
            self._count_the_lost()
            self._show()
            gevent.sleep(TICK_S / 10)
        for position in self._unfinished:
            self._lose(position)
        self._note_clocks()
        self._note(now_us(), "stopped")
        self._shown = self._shown[0], 0
        self._show()
        if self._part is not None:
            (self._part.parent / MARK).unlink(missing_ok=True)

    def _watch(self) -> None:
        """From the first user to the last answer."""
        try:
            exit_code = self._until_it_is_over()
        except Exception:
            log.exception("the master cannot go on")
            exit_code = 1
        if exit_code is not None:
            self._quit(exit_code)
        elif not self._leaving:
            self._end_process()

    def _until_it_is_over(self) -> int | None:
        """How the swarm went; None when somebody else has ended it, or all workers have left in good order."""
        connect_limit_us = now_us() + int((self._connect_s() + CONNECT_SPARE_S) * 1e6)
        while not self._ended:
            self._count_the_lost()
            self._show()
            if len(self._lost) == len(self._positions):
                break
            if self._standings.start_us is None:
                if self._standings.all_connected:
                    self._start()
                elif self._standings.unreachable or now_us() > connect_limit_us:
                    missing = self._plan.users - self._standings.connected
                    log.error("%d users could not connect to %s", missing, self._plan.host)
                    return 1
            elif (ended_us := self._ended_us(self._standings.start_us)) is not None:
                self._standings.finish()
                self._show()
                self._note(ended_us, "drained" if self._plan.model == "drop" else "ended")
                return 0
            gevent.sleep(TICK_S)
        if self._ended:
            self._written.wait(FLUSH_LIMIT_S)
        if len(self._lost) < len(self._positions) or self._lost <= self._finished:
            return None
        log.error("all workers are lost")
        return 1

    def _ask_for_clocks(self, runner: MasterRunner) -> None:
        while not self._ended:
            for worker_id, position in self._positions.items():
                if worker_id in runner.clients:
                    runner.send_message("clock", {"position": position, "asked_us": now_us()}, worker_id)
            asked_enough = all(self._clocks.asked_enough(position) for position in self._positions.values())
            gevent.sleep(ASK_AGAIN_EVERY_S if asked_enough else ASK_EVERY_S)

    def _note_clocks(self) -> None:
        for position, offset in self._clocks.offsets().items():
            self._note(now_us(), "clock", json.dumps({"worker": f"worker{position}", **offset._asdict()}))

    def _start(self) -> None:
        connected_us = now_us()
        start_us = connected_us + LEAD_US + LEAD_US_PER_USER * self._plan.users
        self._standings.start_at(start_us)
        assert self._environment.runner is not None
        self._environment.runner.send_message("start", {"start_us": start_us})
        self._note(connected_us, "connected")
        self._note(start_us, "drop" if self._plan.model == "drop" else "start")
        self._note_clocks()

    def _ended_us(self, start_us: int) -> int | None:
        """When it was over, None while it is not."""
        if self._is_deserted():
            return now_us()
        if self._plan.model == "drop":
            return self._standings.last_answer_us if self._standings.all_done else None
        if self._is_broken(start_us):
            return now_us()
        self._note_steps(start_us)
        if self._plan.run_time_s is None or now_us() < start_us + self._plan.run_time_s * 1e6:
            return None
        return start_us + int(self._plan.run_time_s * 1e6)

    def _is_deserted(self) -> bool:
        if self._standings.deserted:
            log.warning("all users have stopped, and so does the swarm")
        return self._standings.deserted

    def _note_steps(self, start_us: int) -> None:
        while self._steps and now_us() >= start_us + self._steps[0].from_s * 1e6:
            self._step = step = self._steps.pop(0)
            self._tally = StepTally(arrivals=-self._standings.arrivals, dropped=-self._standings.dropped)
            self._note(start_us + int(step.from_s * 1e6), "step", json.dumps({"rate_per_s": step.rate_per_s}))

    def _is_broken(self, start_us: int) -> bool:
        """Whether the swarm was to go on until an objective breaks, and at the step that is over one has."""
        if self._objectives is None or self._step is None or now_us() < start_us + self._step.until_s * 1e6:
            return False
        self._tally.arrivals += self._standings.arrivals
        self._tally.dropped += self._standings.dropped
        missed = knee.broken(self._tally, self._objectives, self._plan.scenario)
        if missed:
            detail = {"rate_per_s": self._step.rate_per_s, "objectives": missed}
            self._note(now_us(), "broken", json.dumps(detail))
        self._step = None
        return bool(missed)

    @property
    def _unfinished(self) -> set[int]:
        """Workers that are there and have not yet said that they wrote everything."""
        return set(self._positions.values()) - self._finished - self._lost

    def _count_the_lost(self) -> None:
        """Who has left is lost at once; who is silent, when that has lasted too long for one who is merely busy."""
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return
        for worker_id, position in self._positions.items():
            node = runner.clients.get(worker_id)
            silent_us = now_us() - self._heard_us[position]
            is_missing = node is not None and node.state == STATE_MISSING and silent_us > MISSING_LIMIT_S * 1e6
            is_done = position in self._lost or (self._ended and position in self._finished)
            if not is_done and (is_missing or node is None):
                self._lose(position)
        for node in runner.clients.missing:  # or Locust would hand round the users anew a minute later
            if self._positions.get(node.id, -1) in {-1, *self._lost}:
                del runner.clients[node.id]

    def _lose(self, position: int) -> None:
        """A worker is gone: the swarm goes on without its people, and the record says so."""
        self._standings.lose(position)
        self._metrics.lose(f"worker{position}")
        self._lost.add(position)
        log.error("worker %d is lost: the run lacks its people from here on", position)
        self._note(now_us(), "worker-lost", json.dumps({"worker": position, "workers": len(self._positions)}))
        if self._part is not None and position not in self._finished:
            with closing(record.open_record(self._part)) as part:
                record.add_lost_actors(part, self._people_of(position))

    def _people_of(self, position: int) -> Iterator[str]:
        """The ids of those whom a worker plays."""
        bank = read_bank(Path(self._plan.sessions))
        for role, count in self._people.items():
            for index in share(position, len(self._positions), count):
                yield bank.person(role, index).id

    def _quit(self, exit_code: int) -> None:
        self._leaving = True
        self._environment.process_exit_code = exit_code
        runner, options = self._environment.runner, self._environment.parsed_options
        assert runner is not None
        assert options is not None
        try:
            self.end(ANSWER_GRACE_S)
        except Exception:
            log.exception("the record of the swarm cannot be finished")
            self._environment.process_exit_code = exit_code or 1
        if not options.headless:
            runner.stop()
        self._end_process()

    def _end_process(self) -> None:
        """The process ends where nobody waits for it at a web page, who could begin another swarm."""
        runner, options = self._environment.runner, self._environment.parsed_options
        assert runner is not None
        assert options is not None
        if options.headless:
            runner.quit()
        elif options.autostart and options.autoquit >= 0:
            gevent.sleep(options.autoquit)
            runner.quit()
            if self._environment.web_ui is not None:
                self._environment.web_ui.stop()  # type: ignore[no-untyped-call]

    def _connect_s(self) -> float:
        options = self._environment.parsed_options
        return self._plan.users / (options.spawn_rate if options and options.spawn_rate else 1.0)

    def _note(self, at_us: int, name: str, detail: str = "") -> None:
        if self._part is not None:
            with closing(record.open_record(self._part)) as part:
                record.add_event(part, at_us, name, detail)

    def _show(self) -> None:
        """Tell whoever watches how the swarm stands: each second, and when another phase begins."""
        at_us = now_us()
        phase, due_us = self._standings.phase(at_us), self._shown[1]
        if phase == self._shown[0] and at_us < due_us:
            return
        self._shown = phase, at_us + int(LIVE_EVERY_S * 1e6)
        self._metrics.enter(phase)
        if self._plan.run_dir is not None:
            write_whole(Path(self._plan.run_dir) / "live.json", orjson.dumps(self._standings.live(at_us)))
