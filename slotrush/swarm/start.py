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
from slotrush.runs import record
from slotrush.swarm.process import PARENT_VARIABLE
from slotrush.swarm.sessions import read_bank
from slotrush.swarm.sizes import require_not_negative, require_positive
from slotrush.targets import check_target

LOCUSTFILE: Final = REPOSITORY / "locustfiles" / "race.py"
LOG_NAME: Final = "swarm.log"
_START_LIMIT_S: Final = 60.0
_REAP_LIMIT_S: Final = 10.0
_PORT_TRIES: Final = 3
_PORT_LOST: Final = "was busy. Close any applications"


@dataclass(frozen=True)
class SwarmOptions:
    """One race: where, who, how many. `run_dir` gets parts/, live.json and logs/swarm.log."""

    run_dir: Path
    base_url: str
    sessions: Path
    patients: int
    slots: int
    doctors: int
    drop_window_s: float
    seed: int
    workers: int = 2
    connect_rate_per_s: int = 1000
    allow_list: Path | None = None


class Swarm:
    """The Locust processes of one race. They end by themselves after the last answer, or when the starter does."""

    def __init__(self, options: SwarmOptions) -> None:
        """Check the options. Raises BadInputError."""
        check(options)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        return self._options.run_dir / "logs" / LOG_NAME

    def log_end(self) -> str:
        """The last lines that the swarm wrote."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])

    def start(self) -> None:
        """Start, and return once the master is at work. Raises StackError with the end of the log when it ends.

        Call it from a thread that lives as long as the swarm: the processes end with the thread that started them.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_PORT_TRIES):
            self._process = self._launch()
            if self._is_at_work():
                return
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
                command(self._options, _free_port()),
                cwd=REPOSITORY,
                env=environment | {PARENT_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_at_work(self) -> bool:
        """Whether the master has begun: it writes live.json then, and not before."""
        deadline_s = time.monotonic() + _START_LIMIT_S
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
    """Raises BadInputError for a count, a run folder, a target or a session bank that cannot be used."""
    require_positive(
        patients=options.patients,
        slots=options.slots,
        doctors=options.doctors,
        workers=options.workers,
        connect_rate_per_s=options.connect_rate_per_s,
    )
    require_not_negative(drop_window_s=options.drop_window_s)
    if record.part_paths(options.run_dir):
        raise BadInputError(f"run folder {options.run_dir}", "a race is recorded there already", "Name another folder")
    check_target(options.base_url, options.allow_list)
    read_bank(options.sessions).require(options.patients, options.doctors)


def command(options: SwarmOptions, port: int) -> list[str]:
    """The command line of Locust; master and workers meet on `port`."""
    allowed = [] if options.allow_list is None else ["--allow-list", str(options.allow_list.resolve())]
    return [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--processes", str(options.workers), "--host", options.base_url),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--master-port", str(port)),
        *("--users", str(options.patients), "--spawn-rate", str(options.connect_rate_per_s)),
        *("--patients", str(options.patients), "--slots", str(options.slots), "--doctors", str(options.doctors)),
        *("--drop-window-s", str(options.drop_window_s), "--seed", str(options.seed)),
        *("--sessions", str(options.sessions.resolve()), "--run-dir", str(options.run_dir.resolve()), *allowed),
    ]


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
