"""The master's part: decides the drop, keeps live.json, notices the end, and sees that all is written."""

import logging
import os
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import gevent
import orjson
from locust.env import Environment
from locust.runners import MasterRunner

from slotrush.runs import record
from slotrush.swarm.recorder import now_us
from slotrush.swarm.standings import RaceOptions, Report, Standings

log: Final = logging.getLogger("slotrush.swarm")
LEAD_US: Final = 2_000_000
"""The drop is announced this long before it comes, so that everyone is asleep until their own start."""
TICK_S: Final = 0.2
LIVE_EVERY_S: Final = 1.0
CONNECT_SPARE_S: Final = 60.0
FLUSH_LIMIT_S: Final = 30.0
MISSING_LIMIT_S: Final = 10.0
"""A worker that is merely busy sends no heartbeat for some seconds; one that is silent for longer is lost."""


class Master:
    """One race, from the line-up to the last part written."""

    def __init__(self, environment: Environment, options: RaceOptions, workers: int) -> None:
        self._environment, self._options, self._workers = environment, options, workers
        self._standings = Standings(options)
        self._finished = 0
        self._missed_since_us = 0
        self._ended = False
        self._part = Path(options.run_dir) / record.PARTS_FOLDER / "master.sqlite" if options.run_dir else None
        if self._part is not None:
            record.create(self._part).close()

    def begin(self) -> None:
        """The workers have their line-up; from here on users are spawned."""
        self._note(now_us(), "connect", f"{self._options.patients} patients, {self._workers} workers")
        gevent.spawn(self._watch)

    def reported(self, report: Report) -> None:
        self._standings.add(report)

    def finished(self) -> None:
        """A worker has written everything."""
        self._finished += 1

    def end(self) -> None:
        """Have the workers stop and write everything; returns when they have. Later calls do nothing."""
        if self._ended:
            return
        self._ended = True
        runner = self._environment.runner
        assert runner is not None
        runner.send_message("finish", {})
        limit_us = now_us() + int(FLUSH_LIMIT_S * 1e6)
        while self._finished < self._workers - self._missing() and now_us() < limit_us:
            gevent.sleep(TICK_S / 10)
        if self._finished < self._workers:
            log.error("%d of %d workers did not say that they wrote all", self._workers - self._finished, self._workers)
        self._note(now_us(), "stopped")
        self._write_live()

    def _watch(self) -> None:
        """From the first patient to the last answer."""
        connect_limit_us = now_us() + int((self._connect_s() + CONNECT_SPARE_S) * 1e6)
        live_us = 0
        while not self._ended:
            if now_us() - live_us >= LIVE_EVERY_S * 1e6:
                live_us = now_us()
                self._write_live()
            if self._standings.drop_us is None:
                if self._standings.all_connected:
                    self._drop()
                elif self._standings.unreachable or now_us() > connect_limit_us:
                    missing = self._options.patients - self._standings.live(now_us())["connected"]
                    log.error("%d patients could not connect to %s", missing, self._options.host)
                    return self._quit(1)
            elif self._standings.all_done:
                self._note(self._standings.last_answer_us, "drained")
                return self._quit(0)
            if self._has_lost_workers():
                log.error("a worker has ended or hangs: the race cannot be finished")
                return self._quit(1)
            gevent.sleep(TICK_S)
        return None

    def _missing(self) -> int:
        """Workers that Locust has not heard of for some seconds."""
        runner = self._environment.runner
        return self._workers - runner.worker_count if isinstance(runner, MasterRunner) else 0

    def _has_lost_workers(self) -> bool:
        if not self._missing():
            self._missed_since_us = 0
            return False
        self._missed_since_us = self._missed_since_us or now_us()
        return now_us() - self._missed_since_us > MISSING_LIMIT_S * 1e6

    def _drop(self) -> None:
        connected_us = now_us()
        drop_us = connected_us + LEAD_US
        self._standings.drop_at(drop_us)
        assert self._environment.runner is not None
        self._environment.runner.send_message("drop", {"drop_us": drop_us})
        self._note(connected_us, "connected")
        self._note(drop_us, "drop")

    def _quit(self, exit_code: int) -> None:
        """Headless, the process ends; under the web UI, it waits for the next race."""
        self._environment.process_exit_code = exit_code
        runner, options = self._environment.runner, self._environment.parsed_options
        assert runner is not None
        self.end()
        if options is not None and options.headless:
            runner.quit()
        else:
            runner.stop()

    def _connect_s(self) -> float:
        options = self._environment.parsed_options
        return self._options.patients / (options.spawn_rate if options and options.spawn_rate else 1.0)

    def _note(self, at_us: int, name: str, detail: str = "") -> None:
        if self._part is not None:
            with closing(record.open_record(self._part)) as part:
                record.add_event(part, at_us, name, detail)

    def _write_live(self) -> None:
        if self._options.run_dir is not None:
            write_atomically(Path(self._options.run_dir) / "live.json", self._standings.live(now_us()))


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """A reader sees the old content or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(orjson.dumps(content))
    fresh.replace(path)
