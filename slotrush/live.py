"""The view of a swarm while it runs: a live table on a terminal, plain lines anywhere else.

The generator's master replaces `live.json` in the run's folder each second; nothing that it holds, or fails to hold,
may end the run.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from slotrush.accounting import Load

LIVE_NAME: Final = "live.json"
LINE_EVERY_S: Final = 5.0
SILENCE_MAX_S: Final = 5.0
"""After this long without news from the generator the view says so."""

NUMBER_MAX: Final = 1e18
SIDE_BY_SIDE_MIN_COLUMNS: Final = 76
BUSIEST_IN_A_LINE: Final = 3

PHASES: Final = {
    "connecting": "patients connect and browse",
    "waiting": "all connected, waiting for the drop",
    "racing": "the slots are out, patients are booking",
    "drained": "every patient has been answered",
    "running": "users act by the load model",
    "ended": "it is over, the last answers come in",
}
WITHOUT_DROP: Final = {"connecting": "users connect and look around", "waiting": "all connected, about to begin"}
"""Of a scenario in which nobody waits for slots to come out."""
OVER: Final = ("drained", "ended")
STARTING: Final = "the load generator is starting"
_COUNTS: Final = (
    *("at_us", "patients", "connected", "requests", "attempts", "acknowledged"),
    *("taken", "gave_up", "slots", "arrivals", "dropped", "errors", "done"),
)

Answered = tuple[int, int, Mapping[int, int]]
"""Of one endpoint: answered as promised, of all, and how many took how long, by response time rounded to ms."""


@dataclass(frozen=True)
class LiveState:
    """What `live.json` says. What it does not say, or not as a number, is 0, or None for what may be unknown.

    All counts are of the whole swarm; `done` counts the patients who want nothing more. `start_us` and `run_time_s`
    are when everyone began and for how long they go on, of a swarm that has no drop. `endpoints` has what was answered
    since the first user connected.
    """

    at_us: int
    phase: str
    model: str
    start_us: int | None
    run_time_s: float | None
    patients: int
    connected: int
    requests: int
    requests_per_s: float
    attempts: int
    attempts_per_s: float
    acknowledged: int
    taken: int
    gave_up: int
    slots: int
    slots_left: int | None
    arrivals: int
    dropped: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    done: int
    endpoints: Mapping[str, Answered] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.phase in OVER

    @property
    def has_drop(self) -> bool:
        return self.model in ("drop", "")

    @property
    def title(self) -> str:
        words = PHASES if self.has_drop else PHASES | WITHOUT_DROP
        return words.get(self.phase, self.phase or STARTING)


Loads = Mapping[str, Load]


def parse_state(content: bytes) -> LiveState | None:
    """The state, or None when the file is half-written or something else."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    times = raw.get("response_ms")
    times = times if isinstance(times, dict) else {}
    slots_left = _number(raw.get("slots_left"))
    return LiveState(
        phase=str(raw.get("phase") or ""),
        model=str(raw.get("model") or ""),
        start_us=None if (start_us := _number(raw.get("start_us"))) is None else int(start_us),
        run_time_s=_number(raw.get("run_time_s")),
        requests_per_s=_number(raw.get("requests_per_s")) or 0.0,
        attempts_per_s=_number(raw.get("attempts_per_s")) or 0.0,
        slots_left=None if slots_left is None else int(slots_left),
        p50_ms=_number(times.get("p50")) or None,
        p99_ms=_number(times.get("p99")) or None,
        endpoints=_endpoints(raw.get("endpoints")),
        **{name: int(_number(raw.get(name)) or 0) for name in _COUNTS},
    )


def read_state(run_dir: Path) -> LiveState | None:
    """The present state of the swarm, or None when there is none to be read."""
    try:
        return parse_state((run_dir / LIVE_NAME).read_bytes())
    except OSError:
        return None


class LiveView:
    """Shows a run while it is open as a context manager; ask for a `refresh` about twice a second.

    `latest_usage` gives the load of each component. `clock` gives Unix epoch seconds.
    """

    def __init__(
        self,
        run_dir: Path,
        latest_usage: Callable[[], Loads],
        console: Console | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run_dir = run_dir
        self._latest_usage = latest_usage
        self._console = console or Console()
        self._clock = clock
        self._started_s = clock()
        self._state: LiveState | None = None
        self._line_due_s = -math.inf
        self._line_title: str | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._started_s = self._clock()
        if self._console.is_interactive:
            self._live = Live(self._table(), console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last state and give the terminal back, whatever ended the run."""
        if self._state and not self._state.over:
            self._line_due_s = -math.inf
        try:
            self.refresh()
        finally:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def refresh(self) -> LiveState | None:
        """Read and show the state; returns the last one that could be read."""
        self._state = read_state(self._run_dir) or self._state
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        else:
            self._print_line()
        return self._state

    def note(self, text: str) -> None:
        """Print a line of its own, above the table on a terminal."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> RenderableType:
        return _View(self._state, self._latest_usage(), self._elapsed_s(), self._silent_s())

    def _print_line(self) -> None:
        title = self._state.title if self._state else STARTING
        now_s = self._clock()
        if title == self._line_title and now_s < self._line_due_s:
            return
        self._line_title, self._line_due_s = title, now_s + LINE_EVERY_S
        self.note(as_line(self._state, self._latest_usage(), self._elapsed_s(), self._silent_s()))

    def _elapsed_s(self) -> float:
        return max(self._clock() - self._started_s, 0.0)

    def _silent_s(self) -> float:
        """How long the generator has been silent, when that is too long, else 0."""
        if self._state is None or self._state.over or not self._state.at_us:
            return 0.0
        silent_s = self._clock() - self._state.at_us / 1e6
        return silent_s if silent_s > SILENCE_MAX_S else 0.0


def as_line(state: LiveState | None, usage: Loads, elapsed_s: float, silent_s: float) -> str:
    """The state in one plain line: of each phase what matters in it."""
    parts = [f"{_clock_text(elapsed_s)}  {state.title if state else STARTING}"]
    if state and state.phase == "connecting":
        parts.append(f"{state.connected:,} of {state.patients:,} connected")
    if state and state.phase in ("racing", "drained"):
        parts += [
            f"{_count(state.slots_left)} of {state.slots:,} slots left",
            f"{state.attempts:,} attempts ({state.attempts_per_s:,.0f}/s)",
            _times(state),
        ]
    if state and state.phase in ("running", "ended"):
        parts += [f"{state.requests:,} requests ({state.requests_per_s:,.0f}/s)", _times(state)]
        parts += [_left(state)] if state.phase == "running" and state.run_time_s else []
        parts += [f"{state.dropped:,} of {state.arrivals:,} arrivals dropped"] if state.dropped else []
    if state:
        parts.append(f"{state.errors:,} errors")
    busiest = sorted(usage.items(), key=lambda item: -item[1].cpu_share)[:BUSIEST_IN_A_LINE]
    if busiest:
        parts.append("CPU " + ", ".join(f"{name} {load.cpu_share:.0%}" for name, load in busiest))
    if silent_s:
        parts.append(_silence(silent_s))
    return "; ".join(parts)


@dataclass(frozen=True)
class _View:
    """The table, laid out for the width that it is given."""

    state: LiveState | None
    usage: Loads
    elapsed_s: float
    silent_s: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(f"{_clock_text(self.elapsed_s)}  {self.state.title if self.state else STARTING}", "bold")
        if self.silent_s:
            yield Text(_silence(self.silent_s), "bold red")
        parts = [*self._parts()]
        if options.max_width >= SIDE_BY_SIDE_MIN_COLUMNS and len(parts) > 1:
            beside = Table.grid(padding=(0, 4))
            beside.add_row(*parts)
            yield Padding(beside, (1, 0, 0, 2))
        else:
            yield Padding(Group(*parts), (1, 0, 0, 2))

    def _parts(self) -> Iterator[RenderableType]:
        if self.state is not None:
            yield race_table(self.state) if self.state.has_drop else swarm_table(self.state)
        if self.usage:
            yield usage_table(self.usage)


def race_table(state: LiveState) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    connected = ProgressBar(total=max(state.patients, 1), completed=state.connected, width=20)
    table.add_row("patients connected", f"{state.connected:,} of {state.patients:,}")
    table.add_row("", connected)
    table.add_row("slots left", f"{_count(state.slots_left)} of {state.slots:,}")
    table.add_row("booking attempts", f"{state.attempts:,}  ({state.attempts_per_s:,.0f}/s)")
    table.add_row("booked", f"{state.acknowledged:,}")
    table.add_row("answered 'taken'", f"{state.taken:,}")
    table.add_row("gave up", f"{state.gave_up:,}")
    table.add_row("patients done", f"{state.done:,} of {state.patients:,}")
    table.add_row("response time", _times(state))
    table.add_row("errors", Text(f"{state.errors:,}", "bold red" if state.errors else "green"))
    return table


def swarm_table(state: LiveState) -> Table:
    """A swarm without a drop, which goes on for a time."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row("users connected", f"{state.connected:,} of {state.patients:,}")
    table.add_row("", ProgressBar(total=max(state.patients, 1), completed=state.connected, width=20))
    if state.run_time_s and state.start_us is not None:
        table.add_row("time", _left(state))
        table.add_row("", ProgressBar(total=state.run_time_s, completed=_gone_s(state), width=20))
    table.add_row("requests", f"{state.requests:,}  ({state.requests_per_s:,.0f}/s)")
    if state.model == "open":
        dropped = Text(f"{state.dropped:,} of {state.arrivals:,}", "bold red" if state.dropped else "green")
        table.add_row("dropped arrivals", dropped)
    table.add_row("booked", f"{state.acknowledged:,}")
    table.add_row("answered 'taken'", f"{state.taken:,}")
    table.add_row("response time", _times(state))
    table.add_row("errors", Text(f"{state.errors:,}", "bold red" if state.errors else "green"))
    return table


def usage_table(usage: Loads) -> Table:
    """CPU in percent of one core, memory, and the sum of both."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("component", no_wrap=True)
    table.add_column("CPU", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    for name, load in usage.items():
        table.add_row(name, f"{load.cpu_share:.0%}", _memory(load.memory_bytes))
    cpu_share = sum(load.cpu_share for load in usage.values())
    memory_bytes = sum(load.memory_bytes for load in usage.values())
    table.add_row("all", f"{cpu_share:.0%}", _memory(memory_bytes), style="bold")
    return table


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) <= NUMBER_MAX else None


def _endpoints(raw: Any) -> dict[str, Answered]:
    """Nothing when any of it is something else: half of the counts would be worse than none."""
    try:
        return {
            str(name): (
                int(counts["good"]),
                int(counts["total"]),
                {int(time_ms): int(count) for time_ms, count in counts["times_ms"]},
            )
            for name, counts in raw.items()
        }
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return {}


def _gone_s(state: LiveState) -> float:
    """How long everyone has been at it, up to the end of the run."""
    return min(max((state.at_us - (state.start_us or state.at_us)) / 1e6, 0.0), state.run_time_s or math.inf)


def _left(state: LiveState) -> str:
    return f"{_clock_text((state.run_time_s or 0.0) - _gone_s(state))} left"


def _silence(silent_s: float) -> str:
    return f"no news from the generator for {silent_s:.0f} s"


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _times(state: LiveState) -> str:
    return f"p50 {_ms(state.p50_ms)}, p99 {_ms(state.p99_ms)}"


def _ms(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def _memory(size_bytes: int) -> str:
    mebibytes = size_bytes / 2**20
    return f"{mebibytes / 1024:.2f} GiB" if mebibytes >= 1000 else f"{mebibytes:.0f} MiB"


def _clock_text(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"
