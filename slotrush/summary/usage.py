"""CPU and memory of the components, from the sampled process accounting."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from slotrush.runs import record
from slotrush.summary.model import Cost

SAMPLING_GAP_MAX_US: Final = 5_000_000
"""How far outside the samples, taken about once a second, an instant may lie before its CPU is unknown."""


def cumulative_at(samples: Sequence[tuple[int, int]], at_us: int) -> float | None:
    """A cumulative counter at an instant, interpolated between its (time, value) samples, which are in order.

    Just outside the samples it is the nearest one's value; further than `SAMPLING_GAP_MAX_US`, it is unknown.
    """
    if not samples:
        return None
    if not samples[0][0] - SAMPLING_GAP_MAX_US <= at_us <= samples[-1][0] + SAMPLING_GAP_MAX_US:
        return None
    before = samples[0]
    for sample in samples:
        if sample[0] >= at_us:
            if sample[0] == before[0] or at_us <= before[0]:
                return float(before[1] if at_us <= before[0] else sample[1])
            share = (at_us - before[0]) / (sample[0] - before[0])
            return before[1] + share * (sample[1] - before[1])
        before = sample
    return float(before[1])


def usage_samples(connection: sqlite3.Connection) -> dict[str, list[tuple[int, int]]]:
    """By component: (at_us, cumulative CPU µs), in order of time."""
    samples: dict[str, list[tuple[int, int]]] = {}
    for component, at_us, cpu_us in connection.execute(
        "SELECT component, at_us, cpu_us FROM usage ORDER BY component, at_us"
    ):
        samples.setdefault(component, []).append((at_us, cpu_us))
    return samples


def costs_by_component(connection: sqlite3.Connection, events: Mapping[str, int], attempts: int) -> dict[str, Cost]:
    """CPU by component, from the drop to the drain or from the start to the end. Requests are known by the second:
    the first and the last one count whole."""
    peaks = dict(connection.execute("SELECT component, max(memory_bytes) FROM usage GROUP BY component"))
    begun_us, ended_us = record.load_began_us(events), record.load_ended_us(events)
    requests = 0
    if begun_us is not None and ended_us is not None:
        requests = connection.execute(
            "SELECT coalesce(sum(good + bad + refused), 0) FROM latency WHERE second BETWEEN ? AND ?",
            (begun_us // 1_000_000, ended_us // 1_000_000),
        ).fetchone()[0]
    costs = {}
    for component, samples in usage_samples(connection).items():
        spent_us = _spent_us(samples, begun_us, ended_us)
        costs[component] = Cost(
            cpu_us_per_request=_share(spent_us, requests),
            cpu_us_per_attempt=_share(spent_us, attempts),
            cpu_s=max(cpu_us for _, cpu_us in samples) / 1e6,
            peak_memory_bytes=peaks[component],
        )
    return costs


def _spent_us(samples: Sequence[tuple[int, int]], from_us: int | None, to_us: int | None) -> float | None:
    if from_us is None or to_us is None:
        return None
    start, end = cumulative_at(samples, from_us), cumulative_at(samples, to_us)
    return end - start if start is not None and end is not None else None


def _share(total: float | None, parts: int) -> float | None:
    return total / parts if total is not None and parts else None
