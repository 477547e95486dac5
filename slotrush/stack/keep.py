"""A stack that outlives the command which started it: for `slotrush up` and `slotrush down`.

`up` leaves a daemon behind that owns the stack; `.slotrush/up.json` says which one. The daemon holds a lock on
`.slotrush/up.lock` for as long as it lives, so that there is one at most.
"""

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from slotrush.errors import BadInputError, StackError
from slotrush.stack.objects import ObjectStore
from slotrush.stack.options import StackOptions, StackUrls
from slotrush.stack.process import start_ticks
from slotrush.stack.stack import Stack

HOME: Final = Path(".slotrush")
_STATE: Final = "up.json"
_LOCK: Final = "up.lock"
_CHECK_EVERY_S: Final = 1.0
_DOWN_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.05


@dataclass(frozen=True)
class Kept:
    """A daemon and its stack; `urls` is None while the stack is starting."""

    pid: int
    start_ticks: int
    urls: StackUrls | None


def up(
    options: StackOptions,
    seed: Callable[[StackUrls], None],
    on_step: Callable[[str], None] = lambda _step: None,
    home: Path = HOME,
) -> StackUrls:
    """Start a stack, `seed` it, and return with it running. Call it before there are threads: it forks.

    `seed` runs in the daemon, where standard output is the log `run_dir`/logs/keeper.log.
    Raises BadInputError when one is already running, and whatever starting the stack raises.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _already_running(kept(home)) from None
        readable, writable = os.pipe()
        first = os.fork()
        if first == 0:
            os.close(readable)
            _become_daemon(lambda: _keep(options, seed, home, writable))
        os.close(writable)
        os.waitpid(first, 0)
    with os.fdopen(readable, "rb") as answers:
        return _follow(answers, on_step)


def down(home: Path = HOME) -> bool:
    """Stop the stack that `up` started; False when there is none. Raises StackError when it will not stop."""
    home = home.resolve()
    running = kept(home)
    if running is None:
        (home / _STATE).unlink(missing_ok=True)
        return False
    _signal(running, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    while _alive(running):
        if time.monotonic() > deadline:
            _signal(running, signal.SIGKILL)  # the janitor does the rest
            raise StackError(f"the stack of process {running.pid} did not stop in {_DOWN_TIMEOUT_S:.0f} s: killed")
        time.sleep(_POLL_S)
    (home / _STATE).unlink(missing_ok=True)
    return True


def kept(home: Path = HOME) -> Kept | None:
    """The stack that is running now, if any."""
    try:
        state = json.loads((home / _STATE).read_text())
        found = Kept(state["pid"], state["start_ticks"], _urls_from(state["urls"]))
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None
    return found if _alive(found) else None


def _follow(answers: BinaryIO, on_step: Callable[[str], None]) -> StackUrls:
    """Pass on what the daemon says until the stack is up. An interruption here stops the daemon too."""
    daemon: Kept | None = None
    try:
        for line in answers:
            match json.loads(line):
                case {"daemon": [pid, ticks]}:
                    daemon = Kept(pid, ticks, None)
                case {"step": step}:
                    on_step(step)
                case {"bad_input": [thing, problem, mend]}:
                    raise BadInputError(thing, problem, mend)
                case {"error": error}:
                    raise StackError(error)
                case {"urls": values}:
                    urls = _urls_from(values)
                    assert urls is not None
                    return urls
        raise StackError("the daemon ended before its stack was up")
    except BaseException:
        if daemon is not None:
            _signal(daemon, signal.SIGTERM)
            while _alive(daemon):
                time.sleep(_POLL_S)
        raise


def _become_daemon(work: Callable[[], None]) -> NoReturn:
    """Fork again in a session of our own, so that `work` belongs to no terminal and no parent; never return."""
    try:
        os.setsid()
        if os.fork() == 0:
            work()
    finally:
        os._exit(0)


def _keep(options: StackOptions, seed: Callable[[StackUrls], None], home: Path, answers: int) -> None:
    """The daemon: start, seed, watch until told to stop or until a part dies."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    _send_output_to(options.run_dir / "logs" / "keeper.log")
    me = Kept(os.getpid(), start_ticks(os.getpid()) or 0, None)
    _write_state(home, me)
    _say(answers, daemon=[me.pid, me.start_ticks])
    try:
        with _stopping_undisturbed(Stack(options)) as stack:
            urls = stack.start(lambda step: _say(answers, step=step))
            seed(urls)
            _write_state(home, Kept(me.pid, me.start_ticks, urls))
            _say(answers, urls=_plain(urls))
            while True:
                time.sleep(_CHECK_EVERY_S)
                stack.check()
    except KeyboardInterrupt:
        pass
    except BadInputError as error:
        _say(answers, bad_input=[error.thing, error.problem, error.mend])
    except BaseException as error:
        traceback.print_exc()
        _say(answers, error=str(error) or repr(error))
    finally:
        (home / _STATE).unlink(missing_ok=True)
        sys.stderr.flush()


@contextlib.contextmanager
def _stopping_undisturbed(stack: Stack) -> Iterator[Stack]:
    try:
        yield stack
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _send_output_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, replacement in ((0, nothing), (1, output), (2, output)):
        os.dup2(replacement, number)
    # Python's own streams may lead elsewhere, or hold text that the other process will write.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _say(answers: int, **message: Any) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(answers, json.dumps(message).encode() + b"\n")


def _write_state(home: Path, state: Kept) -> None:
    new = home / f"{_STATE}.new"
    urls = None if state.urls is None else _plain(state.urls)
    new.touch(mode=0o600)  # the object store's secret is among them
    new.write_text(json.dumps({"pid": state.pid, "start_ticks": state.start_ticks, "urls": urls}, indent=2))
    new.replace(home / _STATE)


def _plain(urls: StackUrls) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(urls).items()}


def _urls_from(values: dict[str, Any] | None) -> StackUrls | None:
    if values is None:
        return None
    paths = {name: Path(values[name]) for name in ("mailbox_path", "jwt_key_file")}
    objects = values["objects"] and ObjectStore(**values["objects"])
    return StackUrls(**{**values, **paths, "replica_urls": tuple(values["replica_urls"]), "objects": objects})


def _alive(running: Kept) -> bool:
    return start_ticks(running.pid) == running.start_ticks


def _signal(running: Kept, number: int) -> None:
    if _alive(running):
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, number)


def _already_running(running: Kept | None) -> BadInputError:
    if running is None or running.urls is None:
        problem = "a stack is starting or stopping just now"
    else:
        problem = f"a stack is already running at {running.urls.base_url} (process {running.pid})"
    return BadInputError("slotrush up", problem, "Use it, or stop it with: slotrush down")
