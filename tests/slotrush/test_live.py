import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from slotrush.accounting import Load
from slotrush.live import LIVE_NAME, LiveView, parse_state, read_state

RACING: dict[str, Any] = {
    "at_us": 1_000_000_000,
    "phase": "racing",
    "patients": 20_000,
    "connected": 20_000,
    "attempts": 12_345,
    "attempts_per_s": 2_345.6,
    "acknowledged": 1_790,
    "taken": 10_555,
    "gave_up": 321,
    "slots": 5_000,
    "slots_left": 3_210,
    "errors": 0,
    "response_ms": {"p50": 12.3, "p99": 2_345.0},
    "done": 2_111,
}
RUNNING: dict[str, Any] = RACING | {
    "phase": "running",
    "model": "open",
    "start_us": 980_000_000,
    "run_time_s": 60.0,
    "requests": 4_321,
    "requests_per_s": 210.4,
    "arrivals": 3_000,
    "dropped": 12,
}
USAGE = {
    name: Load(cpu_share, memory_bytes, 2)
    for name, cpu_share, memory_bytes in (
        ("generator", 0.62, 640 * 2**20),
        ("proxy", 0.21, 80 * 2**20),
        ("app", 0.85, 240 * 2**20),
        ("postgres", 0.22, 330 * 2**20),
        ("valkey", 0.03, 12 * 2**20),
        ("notifier", 0.01, 60 * 2**20),
        ("mailbox", 0.01, 40 * 2**20),
        ("harness", 0.02, 70 * 2**20),
    )
}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Shown:
    """A view on a console that keeps what it printed."""

    def __init__(self, run_dir: Path, terminal: bool = False, columns: int = 80) -> None:
        self.run_dir = run_dir
        self.clock = Clock()
        self.output = StringIO()
        console = Console(
            file=self.output, force_terminal=terminal, force_interactive=terminal, width=columns, height=24
        )
        self.view = LiveView(run_dir, lambda: USAGE, console, self.clock)

    def write(self, **changes: Any) -> None:
        self.write_raw(json.dumps({**RACING, "at_us": int(self.clock.now_s * 1e6), **changes}))

    def write_raw(self, content: str) -> None:
        (self.run_dir / LIVE_NAME).write_text(content)

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()


def rendered(run_dir: Path, columns: int, usage: dict[str, Load], **changes: Any) -> str:
    """The last table that a terminal of that width shows, without colours."""
    (run_dir / LIVE_NAME).write_text(json.dumps({**RACING, **changes}))
    console = Console(
        file=StringIO(), force_terminal=True, force_interactive=True, width=columns, height=40, record=True
    )
    with LiveView(run_dir, lambda: usage, console, clock=lambda: 1_000.0):
        pass
    title, frame = console.export_text().rpartition("00:00  ")[1:]
    return title + frame


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_shows_the_race_and_every_component(tmp_path: Path, columns: int) -> None:
    text = rendered(tmp_path, columns, USAGE)

    for part in (
        "the slots are out, patients are booking",
        "20,000 of 20,000",
        "3,210 of 5,000",
        "2,111 of 20,000",
        "12,345  (2,346/s)",
        "p50 12 ms, p99 2.3 s",
        *USAGE,
        "85%",
        "197%",
        "1.44 GiB",
    ):
        assert part in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= columns
    assert "…" not in text


def test_the_table_fits_a_usual_terminal(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True)
    shown.write()
    with shown.view:
        before = len(shown.lines)
        shown.view.refresh()

        assert len(shown.lines) - before <= 14


def test_a_narrow_terminal_gets_one_table_below_the_other(tmp_path: Path) -> None:
    text = rendered(tmp_path, 50, USAGE)

    assert text.index("errors") < text.index("postgres")
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 50


def test_the_table_works_before_anything_is_known(tmp_path: Path) -> None:
    console = Console(file=StringIO(), force_terminal=True, force_interactive=True, width=80, record=True)
    with LiveView(tmp_path, dict, console):
        pass

    assert "the load generator is starting" in console.export_text()


def test_silence_of_the_generator_is_shown(tmp_path: Path) -> None:
    assert "no news" not in rendered(tmp_path, 80, {}, at_us=995_000_000)
    assert "no news from the generator for 30 s" in rendered(tmp_path, 80, {}, at_us=970_000_000)
    assert "no news" not in rendered(tmp_path, 80, {}, at_us=970_000_000, phase="drained")


def test_plain_lines_come_at_each_phase_change_and_every_five_seconds(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    with shown.view:
        shown.view.refresh()
        for second in range(12):
            shown.clock.now_s = 1_001.0 + second
            shown.write(phase="connecting", connected=1_000 * second)
            shown.view.refresh()
        shown.write(phase="waiting")
        shown.view.refresh()
        shown.write()
        shown.view.refresh()
        shown.write(phase="drained", done=20_000, slots_left=0, attempts_per_s=0)
        shown.view.refresh()

    assert shown.lines == [
        "00:00  the load generator is starting; CPU app 85%, generator 62%, postgres 22%",
        "00:01  patients connect and browse; 0 of 20,000 connected; 0 errors; CPU app 85%, generator 62%, postgres 22%",
        "00:06  patients connect and browse; 5,000 of 20,000 connected; 0 errors;"
        " CPU app 85%, generator 62%, postgres 22%",
        "00:11  patients connect and browse; 10,000 of 20,000 connected; 0 errors;"
        " CPU app 85%, generator 62%, postgres 22%",
        "00:12  all connected, waiting for the drop; 0 errors; CPU app 85%, generator 62%, postgres 22%",
        "00:12  the slots are out, patients are booking; 3,210 of 5,000 slots left;"
        " 12,345 attempts (2,346/s); p50 12 ms, p99 2.3 s; 0 errors;"
        " CPU app 85%, generator 62%, postgres 22%",
        "00:12  every patient has been answered; 0 of 5,000 slots left;"
        " 12,345 attempts (0/s); p50 12 ms, p99 2.3 s; 0 errors;"
        " CPU app 85%, generator 62%, postgres 22%",
    ]


def test_an_interrupted_run_ends_with_a_line_of_where_it_was(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    shown.write(attempts=1)

    def interrupted() -> None:
        with shown.view:
            shown.view.refresh()
            shown.write(attempts=77)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert "; 77 attempts" in shown.lines[-1]


def test_a_swarm_without_a_drop_shows_its_time_and_its_dropped_arrivals(tmp_path: Path) -> None:
    text = rendered(tmp_path, 80, USAGE, **RUNNING)

    for part in ("users act by the load model", "00:40 left", "4,321  (210/s)", "12 of 3,000", "20,000 of 20,000"):
        assert part in text
    assert "slots left" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_a_closed_load_has_no_arrivals_to_drop_and_an_endless_one_no_time_left(tmp_path: Path) -> None:
    text = rendered(tmp_path, 80, {}, **RUNNING | {"model": "closed", "run_time_s": None, "dropped": 0})

    assert "dropped arrivals" not in text
    assert " left" not in text


def test_plain_lines_of_a_swarm_without_a_drop(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    with shown.view:
        for phase in ("connecting", "waiting", "running", "ended"):
            at_us = int(shown.clock.now_s * 1e6)
            shown.write(**RUNNING | {"phase": phase, "at_us": at_us, "start_us": at_us - 10_000_000})
            shown.view.refresh()

    usage = "; CPU app 85%, generator 62%, postgres 22%"
    figures = "4,321 requests (210/s); p50 12 ms, p99 2.3 s"
    assert shown.lines == [
        f"00:00  users connect and look around; 20,000 of 20,000 connected; 0 errors{usage}",
        f"00:00  all connected, about to begin; 0 errors{usage}",
        f"00:00  users act by the load model; {figures}; 00:50 left; 12 of 3,000 arrivals dropped; 0 errors{usage}",
        f"00:00  it is over, the last answers come in; {figures}; 12 of 3,000 arrivals dropped; 0 errors{usage}",
    ]


@pytest.mark.parametrize("broken", ["", '{"phase": "rac', "[]", "null", "\udc80".encode("utf-8", "replace").decode()])
def test_a_broken_file_leaves_the_last_state_standing(tmp_path: Path, broken: str) -> None:
    shown = Shown(tmp_path)
    shown.write()
    shown.view.refresh()
    shown.write_raw(broken)

    state = shown.view.refresh()

    assert state is not None
    assert state.attempts == 12_345


def test_a_missing_file_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None


def test_what_is_not_a_number_is_unknown() -> None:
    state = parse_state(b'{"phase": null, "attempts": "many", "slots_left": null, "response_ms": {"p50": NaN}}')

    assert state is not None
    assert (state.attempts, state.slots_left, state.p50_ms, state.p99_ms) == (0, None, None, None)


def test_an_unknown_phase_is_shown_as_it_is() -> None:
    state = parse_state(b'{"phase": "resting"}')

    assert state is not None
    assert state.title == "resting"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(content=st.fixed_dictionaries({}, optional=dict.fromkeys(RACING, JSON_VALUES)), cut=st.integers(0, 400))
def test_no_content_of_the_file_ends_the_run(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], cut: int
) -> None:
    run_dir = tmp_path_factory.getbasetemp()
    for text in (json.dumps(content), json.dumps(content)[:cut]):
        (run_dir / LIVE_NAME).write_text(text)
        for terminal in (True, False):
            console = Console(file=StringIO(), force_terminal=terminal, force_interactive=terminal, width=80)
            with LiveView(run_dir, lambda: USAGE, console) as view:
                view.refresh()


def test_a_note_is_printed_as_it_is(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    shown.view.note("postgres: [ready] after 1.2 s")

    assert shown.lines == ["postgres: [ready] after 1.2 s"]


INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from slotrush.live import LiveView
try:
    with LiveView(Path(sys.argv[1]), dict) as view:
        while True:
            view.refresh()
            time.sleep(0.01)
except KeyboardInterrupt:
    print("INTERRUPTED")
"""


def test_ctrl_c_leaves_the_terminal_with_its_cursor_and_settings(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    for name in ("TTY_INTERACTIVE", "TTY_COMPATIBLE"):
        environment.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        output = _read_until(controller, lambda seen: b"starting" in seen)
        process.send_signal(signal.SIGINT)
        output += _read_until(controller, lambda seen: b"INTERRUPTED" in seen)
    os.close(controller)

    assert output.rindex(b"\x1b[?25l") < output.rindex(b"\x1b[?25h")
    assert b"Traceback" not in output


def _read_until(descriptor: int, enough: Callable[[bytes], bool]) -> bytes:
    seen = b""
    while not enough(seen):
        seen += os.read(descriptor, 65536)
    return seen
