"""One process of the stack: started so that it cannot outlive its owner, watched, and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slotrush import REPOSITORY
from slotrush.errors import StackError
from slotrush.stack import tie
from slotrush.stack.quota import Group

_LOG_TAIL_BYTES: Final = 4096
_LOG_TAIL_LINES: Final = 12
_POLL_S: Final = 0.02
_READY_POLL_S: Final = 0.05


FOREGROUND: Final = os.SCHED_BATCH
"""The kernel's scheduling policy of the parts that answer patients: whoever has work does all of it before the next one
has its turn. Nothing is lost, as everybody waits anyway, and caches stay warm (sched(7))."""
BACKGROUND: Final = os.SCHED_IDLE
"""That of the parts that nobody waits for: they run when no other part wants to."""


@dataclass(frozen=True)
class Command:
    """What to start. `user` is a numeric user id, or None to stay who we are. `group`: the control group that it runs
    in, None for our own."""

    component: str
    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    folder: Path = REPOSITORY
    """Where the stack starts it."""
    policy: int = FOREGROUND
    group: Group | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the owner dies."""


@dataclass(frozen=True)
class Trace:
    """How the janitor recognises a process: its id alone could have been given to another program since."""

    pid: int
    start_ticks: int
    death_signal: int


class Process:
    """A running command, in a process group of its own, with its output in a log file."""

    def __init__(self, command: Command, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.command, self.pid, self._popen, self._log = command, popen.pid, popen, log
        self.trace = Trace(popen.pid, start_ticks(popen.pid) or 0, command.death_signal)

    def exit_status(self) -> int | None:
        """None while it runs; otherwise as in subprocess: negative for a signal."""
        return self._popen.poll()

    def post_mortem(self) -> str:
        """What to tell the user about a part that died: its name, how it ended, its last words."""
        lines = log_tail(self._log)
        words = "\n".join(f"    {line}" for line in lines) if lines else "    (it wrote nothing)"
        return f"{self.command.name} {describe_exit(self._popen.poll())}. Its log {self._log} ends with:\n{words}"

    def ask_to_stop(self) -> None:
        self.signal(self.command.stop_signal)

    def signal(self, number: signal.Signals) -> None:
        """To itself alone, unless it has ended."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """End the whole process group and reap its leader."""
        signal_group(self.trace, signal.SIGKILL)
        self._popen.wait()


def spawn(command: Command, log: Path, folder: Path) -> Process:
    """Start `command` in `folder`, with as many open files as the system allows.

    The kernel ties the child to the *thread* that calls this: it must live as long as the stack.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    user = tie.SAME_USER if command.user is None else command.user
    tied = [sys.executable, "-I", "-S", tie.__file__]
    tied += [str(number) for number in (os.getpid(), int(command.death_signal), command.policy, user)]
    tied.append("" if command.group is None else str(command.group.processes))
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [*tied, *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(command.environment) or None,
            process_group=0,  # and not a session: the kernel would count each as much as all others (autogroup)
        )
    return Process(command, popen, log)


def stop_all(processes: Sequence[Process], grace_s: float) -> None:
    """Ask all to stop, give them `grace_s` together, then kill what is left."""
    for process in processes:
        process.ask_to_stop()
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(process.exit_status() is None for process in processes):
        time.sleep(_POLL_S)
    for process in processes:
        process.kill()


def wait_until(what: str, processes: Sequence[Process], ready: Sequence[Callable[[], bool]], timeout_s: float) -> None:
    """Wait until each of `ready` was true once.

    Raises StackError when one of `processes` dies meanwhile, or when it takes too long.
    """
    waiting = list(ready)
    deadline = time.monotonic() + timeout_s
    while waiting := [is_ready for is_ready in waiting if not is_ready()]:
        raise_if_dead(processes)
        if time.monotonic() > deadline:
            logs = ", ".join(str(process._log) for process in processes)
            raise StackError(f"{what} not ready after {timeout_s:.0f} s. The logs may say why: {logs}")
        time.sleep(_READY_POLL_S)


def wait_exit(process: Process, timeout_s: float) -> None:
    """Wait for a process that ends by itself. Raises StackError unless it ends well."""
    deadline = time.monotonic() + timeout_s
    while process.exit_status() is None:
        if time.monotonic() > deadline:
            raise StackError(f"{process.command.name} did not end within {timeout_s:.0f} s")
        time.sleep(_POLL_S)
    if process.exit_status() != 0:
        raise StackError(process.post_mortem())


def raise_if_dead(processes: Sequence[Process]) -> None:
    """Raises StackError that names every process that is gone, with the end of its log."""
    dead = [process.post_mortem() for process in processes if process.exit_status() is not None]
    if dead:
        raise StackError("\n".join(dead))


def signal_group(trace: Trace, number: int) -> bool:
    """Signal the processes of the group that `trace` led, even when the leader is gone. False when none is left."""
    if start_ticks(trace.pid) not in (None, trace.start_ticks):
        return False  # the id belongs to somebody else by now
    try:
        os.killpg(trace.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def group_lives(trace: Trace) -> bool:
    """Whether any process of the group that `trace` led is left."""
    if start_ticks(trace.pid) not in (None, trace.start_ticks):
        return False
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any((stat := _stat(pid)) is not None and int(stat[2]) == trace.pid for pid in pids)


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot. None when it has ended."""
    stat = _stat(pid)
    return None if stat is None else int(stat[19])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on, the state (proc(5)). None when the process has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    ended = fields[0] in "ZX"  # nobody has waited for it yet
    return None if ended else fields


def describe_exit(status: int | None) -> str:
    if status is None:
        return "is still running"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def log_tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-_LOG_TAIL_LINES:]
