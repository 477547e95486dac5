"""The generator's own figures, from the opened run record: how each worker fared, and whether it can be believed."""

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from slotrush import slo
from slotrush.runs import hdr, record
from slotrush.runs.distribution import recorded
from slotrush.summary.model import Fault, Generator, LoopLag, WorkerHealth
from slotrush.summary.validity import Window, judge, percentile_of

CLOCK_OFFSET_MAX_MS: Final = 100.0
"""The start is one moment for all workers by their own clocks, and what they recorded is added up by the second: this
is a tenth of that second, and a fifth of the time in which everybody of a drop begins. NTP keeps the hosts of one
network within a few ms. Response times do not depend on it: both ends of one are read from the same clock."""
FAULTS_SAID: Final = 3
"""How many stretches the reasons of an invalid run name; the rest are counted."""


def read_generator(connection: sqlite3.Connection, meta: Mapping[str, Any], events: Mapping[str, int]) -> Generator:
    windows = read_windows(connection, events)
    judged = judge(windows)
    from_s, until_s = _span_s(events)
    cpu_mean, cpu_max = connection.execute(
        "SELECT avg(cpu_us), max(cpu_us) FROM generator_health WHERE second BETWEEN ? AND ?", (from_s, until_s)
    ).fetchone()
    workers = [worker for (worker,) in connection.execute("SELECT DISTINCT worker FROM generator_health ORDER BY 1")]
    return Generator(
        workers=len(workers),
        bytes_per_patient=_bytes_per_patient(connection, meta, workers),
        loop_lag_ms=_loop_lag(windows),
        cpu_share=cpu_mean / 1e6 if cpu_mean is not None else None,
        cpu_share_max=cpu_max / 1e6 if cpu_max is not None else None,
        sockets_max=_peak(connection, "sockets"),
        delayed_share=judged.delayed / judged.requests if judged.requests and workers else None,
        by_worker=tuple(
            _worker(connection, worker, [window for window in windows if window.worker == worker], (from_s, until_s))
            for worker in workers
        ),
        faults=judged.faults,
        clock_offset_ms=_clock_offsets_ms(connection),
    )


def read_windows(connection: sqlite3.Connection, events: Mapping[str, int]) -> list[Window]:
    """Every worker's seconds since the drop or the start, by worker and second; since the first event without either.

    Classes of endpoints are those whose response times the scenario is held to: of others a few late requests decide
    nothing. A worker's second may have only answers or only health. Of a load that rose until an objective broke, the
    step at which it did is left out: what is beyond the knee may be beyond the generator too.
    """
    from_s, _ = _span_s(events)
    began_us = record.load_began_us(events)
    origin_s = round((min(events.values(), default=0) if began_us is None else began_us) / 1e6)
    answers: defaultdict[tuple[str, int], list[tuple[str | None, int, bytes]]] = defaultdict(list)
    objectives, scenario = slo.load(), str(record.get_meta(connection).get("scenario"))
    held = {one.endpoints for one in objectives.latencies(scenario)}
    class_of = cache(objectives.class_of)
    for worker, second, endpoint, count, blob in connection.execute(
        "SELECT worker, second, endpoint, good + bad + refused, response_hdr FROM latency WHERE second >= ?", (from_s,)
    ):
        answers[worker, second].append((class_of(endpoint), count, blob))
    health = _health(connection, from_s)
    windows = []
    beyond_s = _broken_from_s(connection)
    for worker, second in sorted(place for place in answers.keys() | health.keys() if place[1] < beyond_s):
        own = answers.get((worker, second), [])
        lag, cpu_us, gc_pause_us, arrivals, dropped, covers_s = health.get((worker, second), (None, 0, 0, 0, 0, 0))
        windows.append(
            Window(
                worker=worker,
                second=second - origin_s,
                requests=sum(count for _, count, _ in own),
                responses=tuple(blob for _, _, blob in own),
                classes={name: _of_class(own, name) for name, _, _ in own if name in held},
                lags_us=_lags_us(lag) if lag is not None else (),
                cpu_share=cpu_us / 1e6,
                covers_s=covers_s,
                gc_pause_ms=gc_pause_us / 1000,
                arrivals=arrivals,
                dropped=dropped,
            )
        )
    return windows


def _of_class(answers: Sequence[tuple[str | None, int, bytes]], name: str) -> tuple[int, tuple[bytes, ...]]:
    own = [(count, blob) for of, count, blob in answers if of == name]
    return sum(count for count, _ in own), tuple(blob for _, blob in own)


def _broken_from_s(connection: sqlite3.Connection) -> int:
    """The Unix second in which the step began at which an objective broke; far away when none did."""
    (at_us,) = connection.execute(
        "SELECT max(at_us) FROM events WHERE name = 'step'"
        " AND at_us < (SELECT min(at_us) FROM events WHERE name = 'broken')"
    ).fetchone()
    return 2**62 if at_us is None else int(at_us) // 1_000_000


def _health(connection: sqlite3.Connection, from_s: int) -> dict[tuple[str, int], tuple[Any, ...]]:
    """By worker and second: encoded lag, CPU µs, pause µs, arrivals, dropped; seconds since the worker's row before."""
    rows = connection.execute(
        "SELECT worker, second, loop_lag_hdr, cpu_us, gc_pause_us, arrivals, dropped,"
        " second - lag(second, 1, second - 1) OVER (PARTITION BY worker ORDER BY second)"
        " FROM generator_health WHERE second >= ?",
        (from_s,),
    )
    return {(worker, second): tuple(rest) for worker, second, *rest in rows}


def fault_sentences(faults: Sequence[Fault]) -> Iterator[str]:
    """The reasons that the faults give, the largest first."""
    yield from (fault.sentence for fault in faults[:FAULTS_SAID])
    if len(faults) > FAULTS_SAID:
        yield f"and so in {len(faults) - FAULTS_SAID} more stretches, each touching fewer requests"


def clock_sentences(offsets_ms: Mapping[str, float]) -> Iterator[str]:
    """The reason that clocks give which were too far apart, if any were."""
    wrong = {worker: offset_ms for worker, offset_ms in offsets_ms.items() if abs(offset_ms) > CLOCK_OFFSET_MAX_MS}
    if wrong:
        told = ", ".join(
            f"{worker} by {abs(ms):.0f} ms ({'ahead' if ms > 0 else 'behind'})" for worker, ms in wrong.items()
        )
        yield (
            f"the workers' clocks differ from the master's by more than {CLOCK_OFFSET_MAX_MS:.0f} ms: {told}, so that"
            " they began at different moments and their seconds are not the same: set the clocks of the hosts by NTP"
        )


def _clock_offsets_ms(connection: sqlite3.Connection) -> dict[str, float]:
    """By worker, the furthest that its clock is known to have been from the master's, ahead or (negative) behind."""
    furthest: dict[str, float] = {}
    for (detail,) in connection.execute("SELECT detail FROM events WHERE name = 'clock' ORDER BY at_us"):
        found = json.loads(detail)
        ahead_us = found["ahead_us"]
        surely_ms = math.copysign(max(abs(ahead_us) - found["uncertain_us"], 0), ahead_us) / 1000
        furthest[found["worker"]] = max(furthest.get(found["worker"], 0.0), surely_ms, key=abs)
    return furthest


def _worker(
    connection: sqlite3.Connection, worker: str, windows: Sequence[Window], span_s: tuple[int, int]
) -> WorkerHealth:
    """CPU and sockets are of the time between drop or start and the end; all else since the drop or the start."""
    cpu_mean, cpu_max, sockets, memory_bytes = connection.execute(
        "SELECT avg(cpu_us), max(cpu_us), max(sockets), max(memory_bytes) FROM generator_health"
        " WHERE worker = ? AND second BETWEEN ? AND ?",
        (worker, *span_s),
    ).fetchone()
    return WorkerHealth(
        worker=worker,
        requests=sum(window.requests for window in windows),
        loop_lag_ms=_loop_lag(windows),
        cpu_share=cpu_mean / 1e6 if cpu_mean is not None else None,
        cpu_share_max=cpu_max / 1e6 if cpu_max is not None else None,
        sockets_max=sockets,
        memory_max_bytes=memory_bytes,
        gc_pause_ms=sum(window.gc_pause_ms for window in windows),
        gc_pause_max_ms=max((window.gc_pause_ms for window in windows), default=0.0),
        dropped=sum(window.dropped for window in windows),
    )


def _span_s(events: Mapping[str, int]) -> tuple[int, int]:
    """The first and the last second of the load itself; everything, where the events do not tell."""
    begin_us, end_us = record.load_began_us(events), record.load_ended_us(events)
    return (begin_us or 0) // 1_000_000, (2**62 if end_us is None else end_us) // 1_000_000


def _lags_us(encoded: bytes) -> tuple[int, ...]:
    return tuple(lag_us for lag_us, count in recorded(hdr.merge([encoded])) for _ in range(count))


def _loop_lag(windows: Sequence[Window]) -> LoopLag | None:
    lags_us = sorted(lag_us for window in windows for lag_us in window.lags_us)
    return LoopLag(percentile_of(lags_us, 99) / 1000, lags_us[-1] / 1000) if lags_us else None


def _bytes_per_patient(connection: sqlite3.Connection, meta: Mapping[str, Any], workers: Sequence[str]) -> float | None:
    """What one patient adds to the workers' resident memory over what they held before any was spawned."""
    base = _base_bytes(connection, meta)
    options = meta.get("options")
    patients = options.get("patients") if isinstance(options, dict) else None
    peak = _peak(connection, "memory_bytes")
    if not patients or not workers or peak is None or any(worker not in base for worker in workers):
        return None
    return (peak - sum(base[worker] for worker in workers)) / int(patients)


def _base_bytes(connection: sqlite3.Connection, meta: Mapping[str, Any]) -> Mapping[str, int]:
    """By worker, its resident bytes before the first patient: from the meta, or from the workers' 'base' events."""
    if isinstance(meta.get("generator_base"), dict):
        return dict(meta["generator_base"])
    details = connection.execute("SELECT detail FROM events WHERE name = 'base'")
    bases = [json.loads(detail) for (detail,) in details]
    return {base["worker"]: base["rss_bytes"] for base in bases}


def _peak(connection: sqlite3.Connection, column: str) -> int | None:
    """The most that all workers had of something in one second."""
    peak: int | None = connection.execute(
        f"SELECT max(total) FROM (SELECT sum({column}) AS total FROM generator_health GROUP BY second)"
    ).fetchone()[0]
    return peak
