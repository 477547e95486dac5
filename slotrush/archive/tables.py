"""Kept runs on a terminal: the list, one run, and runs side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from slotrush.archive.comparing import Comparison, Line
from slotrush.archive.figures import Unit, p99_of_bookings_ms, p99_of_reads_ms, request_count
from slotrush.archive.listing import Entry
from slotrush.report import terminal
from slotrush.report.words import LANGUAGES, UNKNOWN, Words
from slotrush.summary import Summary

WIDE_COLUMNS: Final = 118
"""On a narrower terminal, what the run's id says already is left out of the list, and so is the size."""
_WORDS: Final = Words(LANGUAGES[0])
_WRITERS: Final[Mapping[Unit, Callable[[float], str]]] = {
    "count": _WORDS.number,
    "ms": _WORDS.milliseconds,
    "s": _WORDS.seconds,
    "us": _WORDS.microseconds,
    "share": lambda value: _WORDS.percent(value, 3),
    "bytes": _WORDS.size,
    "ratio": lambda value: f"{_WORDS.fixed(value, 2)} x",
}


def list_table(entries: Sequence[Entry], width: int) -> Table:
    """One line a run, for a terminal of so many columns. A folder without figures has its fault in their place."""
    table = _table()
    is_wide = width >= WIDE_COLUMNS
    table.add_column("run", overflow="fold")
    for heading in ("scenario", "started (UTC)") if is_wide else ():
        table.add_column(heading, no_wrap=True)
    for heading in ("users", "sold / attempts\nor requests", "p99\nreads", "p99\nbookings", "avail-\nability"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("audit", no_wrap=True)
    table.add_column("valid", no_wrap=True)
    if is_wide:
        table.add_column("size", justify="right", no_wrap=True)
    faults = []
    for entry in entries:
        cells = _cells(entry, is_wide)
        table.add_row(*map(Text, cells), style="red" if entry.fault else None)
        if entry.fault:
            faults.append(f"{entry.folder.name}: {entry.fault}")
    table.caption_justify = "left"
    table.caption = Text("\n".join(faults), style="red") if faults else None
    return table


def run_view(folder_size_bytes: int, summary: Summary) -> Iterator[RenderableType]:
    """Everything about one run: what it was, what it amounts to, its endpoints, its generator and what it cost."""
    yield _facts(summary, folder_size_bytes)
    yield Text("\n".join(["", *terminal.conclusion(summary)[1], ""]))
    if summary.requests:
        yield _endpoints_table(summary)
    if summary.cost:
        yield Text("")
        yield _cost_table(summary)


def comparison_view(comparison: Comparison) -> Iterator[RenderableType]:
    """What differs beside the figures, the figures with their ratios, and what to mind when reading them."""
    names = [summary.run_id for summary in comparison.summaries]
    table = _table()
    table.add_column("", no_wrap=True)
    for place, name in enumerate(names):
        table.add_column(name, justify="right", overflow="fold")
        if place:
            table.add_column("of the first", justify="right", no_wrap=True)
    for difference in (*comparison.conditions, *comparison.machines):
        is_machine = difference in comparison.machines
        values = [_plain(value) for value in difference.values]
        label = f"machine {difference.name}" if is_machine else difference.name
        table.add_row(label, *_interleaved(values, [""] * len(values)), style="dim")
    table.add_section()
    for line in comparison.lines:
        table.add_row(*_line_cells(line, marked=bool(comparison.machines) and line.of_machine))
    yield table
    if comparison.machines:
        yield Text("\n* depends on the machine, and these runs were made on different ones", style="yellow")
    for summary in comparison.summaries:
        if summary.invalid_reasons:
            yield Text(f"\n{summary.run_id} is not valid: {'; '.join(summary.invalid_reasons)}", style="red")


def _cells(entry: Entry, is_wide: bool) -> list[str]:
    found = entry.summary
    name = entry.folder.name
    size = [_WORDS.size(entry.size_bytes)] if is_wide else []
    if found is None:
        return [name, *([""] * (2 if is_wide else 0)), *([""] * 5), "", "faulty", *size]
    wide = [found.scenario or UNKNOWN, _moment(found.started_at)] if is_wide else []
    return [
        name,
        *wide,
        _WORDS.number(found.patients),
        _sold_or_requests(found),
        _WORDS.milliseconds(p99_of_reads_ms(found)),
        _WORDS.milliseconds(p99_of_bookings_ms(found)),
        _WORDS.percent(found.availability, 2),
        _audit(found),
        "running" if entry.is_being_written else _validity(found),
        *size,
    ]


def _sold_or_requests(found: Summary) -> str:
    if found.race is None:
        return _WORDS.number(request_count(found))
    return f"{_WORDS.number(found.race.sold)} / {_WORDS.number(found.race.attempts)}"


def _audit(found: Summary) -> str:
    if found.audit.clean is None:
        return UNKNOWN
    return "clean" if found.audit.clean else f"{sum(found.audit.broken.values()):,} broken"


def _validity(found: Summary) -> str:
    if found.valid:
        return "yes"
    return "no" if found.measuring_faults else "partial"


def _facts(summary: Summary, size_bytes: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    machine, target = summary.machine, summary.target
    system = (f"{_plain(machine.cores)} cores", _WORDS.size(machine.memory_bytes), machine.cpu_model, machine.os)
    rows: Mapping[str, str] = {
        "run": summary.run_id,
        "scenario": f"{_plain(summary.scenario)}, seed {_plain(summary.seed)}",
        "started": _WORDS.moment(summary.started_at),
        "duration": _WORDS.seconds(summary.duration_s),
        "users": _WORDS.number(summary.patients),
        "target": f"{_plain(target.base_url)}, {_plain(target.replicas)} replicas, commit {_plain(target.commit)}",
        "machine": ", ".join(part for part in system if part),
        "generator": _generator(summary),
        "availability": _WORDS.percent(summary.availability, 3),
        "dropped arrivals": _WORDS.number(summary.dropped_arrivals),
        "audit": _audit(summary),
        "size on disk": _WORDS.size(size_bytes),
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def _generator(summary: Summary) -> str:
    found = summary.generator
    lag = f"loop lag p99 {_WORDS.milliseconds(found.loop_lag_ms.p99)}, " if found.loop_lag_ms else ""
    return f"{found.workers} workers, {lag}CPU {_WORDS.share(found.cpu_share)} of a core each"


def _endpoints_table(summary: Summary) -> Table:
    table = _table("response time from the intended start; service time from the sending")
    table.add_column("endpoint", overflow="fold")
    for heading in ("requests", "bad", "refused", "p50", "p90", "p99", "p99.9", "max", "service p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in summary.requests.items():
        times = found.response_ms
        shown = (times.p50, times.p90, times.p99, times.p999, times.max, found.service_ms.p99)
        counts = (found.count, found.bad, found.refused)
        table.add_row(Text(name), *map(_WORDS.number, counts), *map(_WORDS.milliseconds, shown))
    return table


def _cost_table(summary: Summary) -> Table:
    table = _table()
    table.add_column("component", no_wrap=True)
    for heading in ("CPU per request", "CPU in all", "peak memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    for component, cost in summary.cost.items():
        per_request = _WORDS.microseconds(cost.cpu_us_per_request)
        table.add_row(component, per_request, _WORDS.seconds(cost.cpu_s), _WORDS.size(cost.peak_memory_bytes))
    return table


def _line_cells(line: Line, marked: bool) -> list[str]:
    values = [_in_unit(value, line.unit) for value in line.values]
    ratios = ["", *(UNKNOWN if ratio is None else f"{_WORDS.fixed(ratio, 2)} x" for ratio in line.ratios)]
    return [f"{line.name} *" if marked else line.name, *_interleaved(values, ratios)]


def _interleaved(values: Sequence[str], ratios: Sequence[str]) -> list[str]:
    """The first value, then each other with its ratio beside it."""
    return [values[0], *(cell for pair in zip(values[1:], ratios[1:], strict=True) for cell in pair)]


def _in_unit(value: float | None, unit: Unit) -> str:
    return UNKNOWN if value is None else _WRITERS[unit](value)


def _table(title: str | None = None) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left")


def _moment(iso: str | None) -> str:
    return iso[:16].replace("T", " ") if iso else UNKNOWN


def _plain(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
