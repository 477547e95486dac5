import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from slotrush.errors import StackError
from slotrush.stack import process
from slotrush.stack.process import Command, Process, Trace

Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]


def python(code: str, **how: object) -> Command:
    return Command("app", "part", [sys.executable, "-c", code], **how)  # type: ignore[arg-type]


SLEEPER = "import signal; signal.pause()"


def test_a_part_dies_with_its_owner(tmp_path: Path, wait_for: WaitFor) -> None:
    owner = f"""
import os, signal, sys
from pathlib import Path
from slotrush.stack.process import Command, spawn
part = spawn(Command("app", "part", [sys.executable, "-c", {SLEEPER!r}]), Path({str(tmp_path / "log")!r}), Path("/"))
print(part.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout is not None
        part = int(popen.stdout.readline())
        popen.kill()
    wait_for(lambda: process.start_ticks(part) is None, "the death of the part")


def test_a_part_dies_with_its_owner_even_when_it_runs_as_another_user(tmp_path: Path, wait_for: WaitFor) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a part as another user")
    owner = f"""
import signal, time
from pathlib import Path
from slotrush.stack.process import Command, spawn
sleeper = Command("postgres", "part", ["/bin/sleep", "1000"], user=65534)
part = spawn(sleeper, Path({str(tmp_path / "log")!r}), Path("/"))
print(part.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout is not None
        part = int(popen.stdout.readline())
        wait_for(lambda: psutil.Process(part).uids().real == 65534, "the change of user")
        popen.kill()
    wait_for(lambda: process.start_ticks(part) is None, "the death of the part")


@pytest.mark.parametrize("policy", [process.FOREGROUND, process.BACKGROUND])
def test_a_part_has_its_scheduling_policy(spawn: Spawn, wait_for: WaitFor, policy: int) -> None:
    part = spawn(python(SLEEPER, policy=policy))
    wait_for(lambda: os.sched_getscheduler(part.pid) == policy, "the policy")


def test_parts_share_the_owners_session_but_not_its_process_group(spawn: Spawn) -> None:
    """A Ctrl-C at the terminal does not reach them; the kernel does not weigh each of them like a session."""
    part = spawn(python(SLEEPER))
    assert os.getsid(part.pid) == os.getsid(0)
    assert os.getpgid(part.pid) == part.pid


def test_a_part_may_open_as_many_files_as_the_system_allows(spawn: Spawn, wait_for: WaitFor) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1000), hard))
    try:
        part = spawn(python(SLEEPER))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = psutil.Process(part.pid)
    wait_for(lambda: limits.rlimit(psutil.RLIMIT_NOFILE) == (hard, hard), "the higher limit")


def test_a_dead_part_is_named_with_its_last_words(spawn: Spawn) -> None:
    part = spawn(python("print('the disk is full'); raise SystemExit(3)"))
    with pytest.raises(StackError, match=r"part ended with status 3(.|\n)*the disk is full"):
        process.wait_exit(part, 30)


def test_a_program_that_is_not_there_is_named(spawn: Spawn) -> None:
    part = spawn(Command("app", "part", ["/no/such/program"]))
    with pytest.raises(StackError, match="/no/such/program cannot be started: No such file"):
        process.wait_exit(part, 30)


def test_a_part_killed_by_a_signal_says_which(spawn: Spawn) -> None:
    part = spawn(python(SLEEPER))
    os.kill(part.pid, signal.SIGKILL)
    with pytest.raises(StackError, match="part was killed by SIGKILL"):
        process.wait_exit(part, 30)


def test_waiting_ends_when_a_part_dies(spawn: Spawn) -> None:
    part = spawn(python("raise SystemExit('no such setting')"))
    with pytest.raises(StackError, match="no such setting"):
        process.wait_until("the part", [part], [lambda: False], 30)


def test_waiting_too_long_names_the_logs(spawn: Spawn) -> None:
    part = spawn(python(SLEEPER))
    with pytest.raises(StackError, match=r"the part not ready after 0 s.*part\.log"):
        process.wait_until("the part", [part], [lambda: False], 0)


def test_who_does_not_stop_when_asked_is_killed_with_its_children(spawn: Spawn, wait_for: WaitFor) -> None:
    stubborn = "import signal, os; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); signal.pause()"
    part = spawn(python(stubborn))
    wait_for(lambda: bool(psutil.Process(part.pid).children()), "the fork")
    (child,) = psutil.Process(part.pid).children()
    process.stop_all([part], grace_s=0)
    assert part.exit_status() == -signal.SIGKILL
    wait_for(lambda: process.start_ticks(child.pid) is None, "the death of the child")


def test_an_id_that_was_given_to_another_process_is_left_alone(spawn: Spawn) -> None:
    part = spawn(python(SLEEPER))
    assert not process.signal_group(Trace(part.pid, part.trace.start_ticks - 1, signal.SIGKILL), signal.SIGKILL)
    assert part.exit_status() is None


def test_the_tail_of_a_log_is_short(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(10_000)))
    lines = process.log_tail(log)
    assert len(lines) <= 12
    assert lines[-1] == "line 9999"
    assert process.log_tail(tmp_path / "none") == []
