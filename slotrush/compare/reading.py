"""What a run says that can be compared, in blocks of its steady seconds; and the same again as plain data."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from slotrush.compare.figure import Figure, Unit
from slotrush.gate import interval
from slotrush.gate.cost import US_PER_S, cpu_us_per_second, growth_per_second, statements_so_far
from slotrush.gate.interval import Estimate
from slotrush.gate.tally import answered, requests_per_second
from slotrush.gate.window import Window, choose
from slotrush.runs import hdr, record
from slotrush.slo import Objectives
from slotrush.summary import Summary, summarise

BLOCKS_MAX: Final = 12
BLOCK_S_MIN: Final = 2
"""A block is at least so long: usage is sampled about once a second, and shorter ones would share samples."""
COMPONENTS: Final = ("app", "postgres", "proxy")
PERCENTILES: Final = (50, 99)
SCENARIO_OPTIONS: Final = ("slots", "doctors", "model", "think", "arrivals", "drop_window_s", "run_time_s", "tags")
"""Options that, beside the users, make the load what it is."""
STATEMENTS: Final = Figure("statements", "SQL statements per request", Unit.STATEMENTS, 0.05, is_portable=True)
MEMORY: Final = Figure("memory", "Memory per replica", Unit.MEMORY, 0.1, is_portable=True)
CPU: Final = {name: Figure(f"{name}-cpu", f"CPU of {name} per request", Unit.CPU, 0.05) for name in COMPONENTS}


@dataclass(frozen=True)
class Reading:
    """One run. `load` is what was asked for, `machine` the class of machine, `broken` the promises that the audit found
    broken, `faults` why its figures are none of the target's, `lacking` why its load was not the whole one. `failed` is
    the share of its requests that was not answered as promised, None when it cannot be known. `figures` has, by figure,
    the amount in each block."""

    run_id: str
    scenario: str
    load: Mapping[str, Any]
    machine: str
    commit: str
    started_at: str
    broken: int
    audited: bool
    faults: tuple[str, ...]
    lacking: tuple[str, ...]
    failed: Estimate | None
    figures: Mapping[Figure, tuple[float, ...]]


def response_time(percent: int, name: str) -> Figure:
    return Figure(f"p{percent}-{name}", f"p{percent} of {name}", Unit.TIME, 0.25)


def read(connection: sqlite3.Connection, objectives: Objectives) -> Reading:
    """The opened record; of a run without steady seconds there are no figures, and a fault says so."""
    summary = summarise(connection)
    last_answer_s = connection.execute("SELECT max(second) FROM latency").fetchone()[0]
    window = choose(record.event_times(connection), last_answer_s)
    faults = list(summary.measuring_faults)
    figures: dict[Figure, tuple[float, ...]] = {}
    if isinstance(window, str):
        faults.append(window)
    else:
        figures = dict(_figures(connection, window, objectives))
    return Reading(
        run_id=summary.run_id,
        scenario=summary.scenario or "",
        load=_load(summary),
        machine=machine_class(summary),
        commit=summary.target.commit or "",
        started_at=summary.started_at or "",
        broken=sum(filter(None, summary.audit.broken.values())),
        audited=summary.audit.clean is not None,
        faults=tuple(faults),
        lacking=summary.cut_short,
        failed=None if isinstance(window, str) else _failed(connection, window),
        figures=figures,
    )


def machine_class(summary: Summary) -> str:
    """Machines of one class give figures that may be compared: processor, cores, and the quota of a replica."""
    quota = f", {summary.target.cpu_quota_m} m per replica" if summary.target.cpu_quota_m else ""
    return f"{summary.machine.cores or '?'} x {summary.machine.cpu_model or 'unknown processor'}{quota}"


def edges(window: Window) -> list[tuple[int, int]]:
    """The blocks of the window as first and last second, both included; as long as each other, the rest left out."""
    length = max(window.seconds // BLOCKS_MAX, BLOCK_S_MIN)
    starts = range(window.first_s, window.last_s - length + 2, length)
    return [(start, start + length - 1) for start in starts]


def _load(summary: Summary) -> dict[str, Any]:
    chosen = {name: summary.options[name] for name in SCENARIO_OPTIONS if summary.options.get(name) is not None}
    return {"users": summary.patients, "replicas": summary.target.replicas, **chosen}


def _failed(connection: sqlite3.Connection, window: Window) -> Estimate | None:
    found = answered(connection, window, lambda _: True)
    return interval.proportion(found.total - found.good, found.total, window.stages) if found.requests else None


def _figures(
    connection: sqlite3.Connection, window: Window, objectives: Objectives
) -> Iterator[tuple[Figure, tuple[float, ...]]]:
    blocks = edges(window)
    requests = requests_per_second(connection, window)

    def per_request(amount: np.ndarray) -> tuple[float, ...]:
        spans = [slice(first - window.first_s, last - window.first_s + 1) for first, last in blocks]
        return tuple(float(amount[span].sum() / max(requests[span].sum(), 1)) for span in spans)

    for component, figure in CPU.items():
        spent_us, _ = cpu_us_per_second(connection, window, [component])
        if spent_us is not None:
            yield from _known(figure, per_request(spent_us))
    statements = growth_per_second(statements_so_far(connection), window)
    if statements is not None:
        yield from _known(STATEMENTS, per_request(statements))
    yield from _known(MEMORY, tuple(_memory_bytes(connection, block) for block in blocks))
    for one in objectives.classes:
        covers = partial(objectives.covers, one.name)
        times = [_times_ms(connection, block, covers) for block in blocks]
        for at, percent in enumerate(PERCENTILES):
            yield from _known(response_time(percent, one.name), tuple(found[at] for found in times))


def _known(figure: Figure, amounts: tuple[float, ...]) -> Iterator[tuple[Figure, tuple[float, ...]]]:
    """A ratio needs something on both sides: a figure that is 0 in a block, as nothing was asked, is left out."""
    if amounts and min(amounts) > 0:
        yield figure, amounts


def _memory_bytes(connection: sqlite3.Connection, block: tuple[int, int]) -> float:
    found = connection.execute(
        "SELECT max(1.0 * memory_bytes / processes) FROM usage"
        " WHERE component = 'app' AND processes > 0 AND at_us BETWEEN ? AND ?",
        (block[0] * US_PER_S, (block[1] + 1) * US_PER_S),
    ).fetchone()[0]
    return float(found or 0)


def _times_ms(connection: sqlite3.Connection, block: tuple[int, int], covers: Callable[[str], bool]) -> list[float]:
    rows = connection.execute("SELECT endpoint, response_hdr FROM latency WHERE second BETWEEN ? AND ?", block)
    merged = hdr.merge(blob for endpoint, blob in rows if covers(endpoint))
    if not merged.total_count:
        return [0.0] * len(PERCENTILES)
    return [float(merged.get_value_at_percentile(percent)) / 1000 for percent in PERCENTILES]
