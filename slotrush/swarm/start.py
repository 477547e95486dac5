"""Running Locust as a process of its own. Free of Locust, which patches the standard library on import."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush import REPOSITORY
from slotrush.errors import BadInputError, StackError
from slotrush.swarm import plan
from slotrush.swarm.plan import Plan
from slotrush.swarm.process import COMPLAINT, PARENT_VARIABLE
from slotrush.swarm.sessions import Role
from slotrush.swarm.sizes import require_positive

LOG_NAME: Final = "swarm.log"
_START_LIMIT_S: Final = 60.0
MASTER_PORT: Final = 5557
"""Where workers on other hosts find the master: Locust's own."""
REMOTE_START_LIMIT_S: Final = 600.0
"""For workers on other hosts, which may have to fetch an image first."""
SILENT_MAX_S: Final = 180.0
"""The master writes live.json each second, but for the while in which it waits for the last worker to write."""
_REAP_LIMIT_S: Final = 10.0
_PORT_TRIES: Final = 3
_PORT_LOST: Final = "was busy. Close any applications"
_TABLES: Final = "\nType     Name "


@dataclass(frozen=True)
class SwarmOptions:
    """One swarm: what `plan` says, played by `locustfile`. Its `run_dir` gets parts/, live.json and logs/swarm.log.

    `extra` are options for Locust as it knows them, such as --tags. `remote_workers`: they are started by somebody
    else, on any host, and come to this master by MASTER_PORT.
    """

    locustfile: Path
    plan: Plan
    workers: int = 2
    spawn_rate_per_s: int = 1000
    web_port: int | None = None
    extra: tuple[str, ...] = ()
    remote_workers: bool = False

    @property
    def run_dir(self) -> Path:
        assert self.plan.run_dir is not None
        return Path(self.plan.run_dir)


class Swarm:
    """The Locust processes of one swarm. They end by themselves when it is over, or when the starter does."""

    def __init__(self, options: SwarmOptions) -> None:
        """Check the options. Raises BadInputError."""
        check(options)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = 0, time.monotonic()
        """When live.json last changed, and when that was seen."""

    @property
    def log_path(self) -> Path:
        return self._options.run_dir / "logs" / LOG_NAME

    def log_end(self) -> str:
        """The last lines that the swarm wrote, before the tables with which Locust ends."""
        told, _, _ = self.log_path.read_text(errors="replace").partition(_TABLES)
        return "\n".join(told.splitlines()[-15:])

    def start(self) -> None:
        """Start, and return once the master is at work. Raises StackError with the end of the log when it ends, and
        BadInputError for what only Locust could find wrong.

        Call it from a thread that lives as long as the swarm: the processes end with the thread that started them.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_PORT_TRIES):
            self._process = self._launch()
            if self._is_at_work():
                return
            log = self.log_path.read_text(errors="replace").splitlines()
            if complaints := [line for line in log if line.startswith(COMPLAINT)]:
                raise BadInputError.parse(complaints[-1].removeprefix(COMPLAINT))
            if _PORT_LOST not in self.log_end():
                break
        raise StackError(f"the swarm did not start; the end of {self.log_path}:\n{self.log_end()}")

    def pids(self) -> list[int]:
        """The root of the Locust processes, while it runs."""
        return [self._process.pid] if self._process is not None and self.poll() is None else []

    def poll(self) -> int | None:
        """The exit code of the swarm, or None while any of its processes is there."""
        if self._process is None:
            return None
        code = self._process.poll()
        return None if code is None or _group_exists(self._process.pid) else code

    def check(self) -> None:
        """Call it from time to time. Raises StackError when nothing has been heard of the swarm for minutes: it hangs.

        Not of one with a web page, at which somebody may be waiting before a swarm that has ended.
        """
        live, now_s = self._options.run_dir / "live.json", time.monotonic()
        changed_ns = live.stat().st_mtime_ns if live.exists() else 0
        if changed_ns != self._heard[0]:
            self._heard = changed_ns, now_s
        elif self._options.web_port is None and now_s - self._heard[1] > SILENT_MAX_S:
            problem = f"nothing was heard of the swarm for {SILENT_MAX_S:.0f} s"
            raise StackError(f"{problem}; the end of {self.log_path}:\n{self.log_end()}")

    def require_success(self, code: int) -> None:
        """Raise StackError with the end of the log when this exit code is another than 0."""
        if code != 0:
            raise StackError(f"the swarm failed with code {code}; the end of {self.log_path}:\n{self.log_end()}")

    def stop(self, grace_s: float) -> None:
        """Have everything written and every process ended: SIGTERM, and SIGKILL when `grace_s` is over."""
        if self._process is None:
            return
        if self.poll() is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            self._wait(grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._wait(_REAP_LIMIT_S)

    def _launch(self) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                command(self._options, MASTER_PORT if self._options.remote_workers else _free_port()),
                cwd=REPOSITORY,
                env=environment | {PARENT_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_at_work(self) -> bool:
        """Whether the master has begun: it writes live.json then, and not before."""
        limit_s = _START_LIMIT_S + (REMOTE_START_LIMIT_S if self._options.remote_workers else 0)
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            if (self._options.run_dir / "live.json").exists():
                return True
            if self.poll() is not None:
                return False
            time.sleep(0.05)
        self.stop(grace_s=0)
        return False

    def _wait(self, limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        while self.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.05)


def check(options: SwarmOptions) -> None:
    """Raises BadInputError for what can be known to be wrong without Locust; it checks the rest when it starts."""
    require_positive(workers=options.workers, spawn_rate=options.spawn_rate_per_s)
    people: dict[Role, int] = {"doctor": options.plan.doctors}
    if options.plan.model == "drop":
        people["patient"] = options.plan.users
    plan.check(options.plan, people)


def command(options: SwarmOptions, port: int) -> list[str]:
    """The command line of Locust; master and workers meet on `port`."""
    asked = options.plan
    given: dict[str, object] = {
        "--host": asked.host,
        **(_remote(options.workers) if options.remote_workers else _forked(options.workers, port)),
        "--master-bind-port": port,
        "--users": asked.users,
        "--spawn-rate": options.spawn_rate_per_s,
        "--doctors": asked.doctors,
        "--seed": asked.seed,
        "--sessions": asked.sessions,
        "--run-dir": asked.run_dir,
        "--run-time": None if asked.run_time_s is None else f"{max(round(asked.run_time_s), 1)}s",
        "--adapter": asked.adapter,
        "--metrics-port": asked.metrics_port,
        "--metrics-address": asked.metrics_address,
        "--allow-list": asked.allow_list,
    }
    if asked.model == "drop":
        given |= {"--slots": asked.slots, "--drop-window-s": asked.drop_window_s}
    else:
        given |= {"--model": asked.model, "--think-time": asked.think, "--arrivals": asked.arrivals}
    face = ["--headless", "--only-summary"]
    if options.remote_workers:
        face.append("--master")
    if options.web_port is not None:
        face = ["--autostart", "--autoquit", "0", "--web-host", "127.0.0.1", "--web-port", str(options.web_port)]
    named = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    return [sys.executable, "-m", "locust", "-f", str(options.locustfile), *face, *named, *options.extra]


def _forked(workers: int, port: int) -> dict[str, object]:
    return {"--processes": workers, "--master-bind-host": "127.0.0.1", "--master-port": port}


def _remote(workers: int) -> dict[str, object]:
    return {
        "--expect-workers": workers,
        "--expect-workers-max-wait": round(REMOTE_START_LIMIT_S),
        "--master-bind-host": "*",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
