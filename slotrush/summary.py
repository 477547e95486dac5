"""The figures of one run: from the opened run record to a typed `Summary` and to `summary.json`.

Everything that shows or judges a run starts from here, so that no figure is computed twice. A partial record
(interrupted, no snapshot, no audit) gives None for what cannot be known, and `valid` is False with the reason.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slotrush.runs import hdr, record

SCHEMA_VERSION: Final = 1
SUMMARY_NAME: Final = "summary.json"
SAMPLING_GAP_MAX_US: Final = 5_000_000
"""How far outside the samples an instant may lie before its CPU counts as unknown; sampled about once a second."""

INCOMPLETE: Final = {
    "interrupted": "the run was interrupted",
    "no-drop": "the drop never happened",
    "not-drained": "the run ended before the last patient was answered",
    "no-snapshot": "the target's stores were not read",
    "no-audit": "the audit was not done",
}
"""What a partial run lacks, by code; the texts are the `invalid_reasons` that it gets."""


@dataclass(frozen=True)
class Target:
    commit: str | None
    replicas: int | None
    cpu_quota_m: int | None
    base_url: str | None


@dataclass(frozen=True)
class Machine:
    cores: int | None
    memory_bytes: int | None
    cgroup: str | None
    cpu_model: str | None
    os: str | None
    python: str | None
    open_files: int | None


@dataclass(frozen=True)
class Audit:
    """`clean` is None when there was no audit. The counts are broken cases, None when not checked."""

    clean: bool | None
    checked: Mapping[str, int]
    broken: Mapping[str, int]
    double_bookings: int | None
    lost_acknowledged: int | None
    phantoms: int | None
    reused_keys: int | None
    overlapping: int | None
    notifications_missing: int | None
    notifications_doubled: int | None


@dataclass(frozen=True)
class Race:
    """`sold`: distinct slots with a live stored appointment. `floor_s`: what the attempts must cost at the least."""

    slots: int | None
    sold: int | None
    attempts: int
    acknowledged: int
    taken_answers: int
    drain_s: float | None
    floor_s: float | None
    drain_ratio: float | None


@dataclass(frozen=True)
class Times:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Endpoint:
    count: int
    good: int
    bad: int
    refused: int
    response_ms: Times
    service_ms: Times


@dataclass(frozen=True)
class LoopLag:
    p99: float
    max: float


@dataclass(frozen=True)
class Generator:
    """CPU shares are of one core: the mean over workers and seconds, and the busiest worker's busiest second."""

    workers: int
    bytes_per_patient: float | None
    loop_lag_ms: LoopLag | None
    cpu_share: float | None
    cpu_share_max: float | None
    sockets_max: int | None


@dataclass(frozen=True)
class Cost:
    """CPU between the drop and the drain, per answered request and per booking attempt; CPU since the start in s."""

    cpu_us_per_request: float | None
    cpu_us_per_attempt: float | None
    cpu_s: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Floor:
    """CPU µs per operation, measured in the same run, each part alone and as bare as it can be."""

    request_us: float
    hello_us: float
    booking_us: float
    cores: int
    notes: str

    @property
    def total_us(self) -> float:
        return self.request_us + self.hello_us + self.booking_us


@dataclass(frozen=True)
class Summary:
    schema_version: int
    run_id: str
    scenario: str | None
    seed: int | None
    started_at: str | None
    duration_s: float | None
    patients: int | None
    target: Target
    machine: Machine
    options: Mapping[str, Any]
    valid: bool
    invalid_reasons: tuple[str, ...]
    incomplete: tuple[str, ...]
    interrupted: bool
    audit: Audit
    race: Race | None
    requests: Mapping[str, Endpoint]
    availability: float | None
    dropped_arrivals: int
    generator: Generator
    cost: Mapping[str, Cost]
    peak_memory_bytes: int | None
    floor: Floor | None


def write(run_dir: Path) -> Path:
    """Write `summary.json` beside the record of the run and return its path."""
    with closing(record.open_finished(run_dir)) as connection:
        content = to_json(summarise(connection))
    path = run_dir / SUMMARY_NAME
    scratch = path.with_suffix(".json.part")
    scratch.write_text(content, encoding="utf-8")
    scratch.replace(path)
    return path


def to_json(summary: Summary) -> str:
    return json.dumps(asdict(summary), indent=2, ensure_ascii=False) + "\n"


def summarise(connection: sqlite3.Connection) -> Summary:
    """All figures of the run whose record is open."""
    meta = record.get_meta(connection)
    events = record.event_times(connection)
    options = _mapping(meta.get("options"))
    machine = _machine(_mapping(meta.get("machine")))
    floor = _floor(_mapping(meta.get("floor")), machine)
    audit = _audit(connection)
    race = _race(connection, meta, events, floor)
    requests = _requests(connection)
    interrupted = bool(meta.get("interrupted")) or "interrupted" in events
    incomplete = tuple(_incomplete(connection, events, audit, race is not None, interrupted))
    reasons = (*map(str, meta.get("invalid_reasons") or ()), *(INCOMPLETE[code] for code in incomplete))
    return Summary(
        schema_version=SCHEMA_VERSION,
        run_id=str(meta.get("run_id", "")),
        scenario=meta.get("scenario"),
        seed=meta.get("seed"),
        started_at=meta.get("started_at"),
        duration_s=_duration_s(connection, events),
        patients=options.get("patients"),
        target=_target(_mapping(meta.get("target"))),
        machine=machine,
        options=options,
        valid=not reasons,
        invalid_reasons=reasons,
        incomplete=incomplete,
        interrupted=interrupted,
        audit=audit,
        race=race,
        requests=requests,
        availability=_availability(requests),
        dropped_arrivals=_scalar(connection, "SELECT sum(dropped) FROM generator_health") or 0,
        generator=_generator(connection, meta, events),
        cost=_cost(connection, events, race.attempts if race else 0),
        peak_memory_bytes=_scalar(
            connection, "SELECT max(total) FROM (SELECT sum(memory_bytes) AS total FROM usage GROUP BY at_us)"
        ),
        floor=floor,
    )


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


def _target(meta: Mapping[str, Any]) -> Target:
    return Target(*(meta.get(key) for key in ("commit", "replicas", "cpu_quota_m", "base_url")))


def _machine(meta: Mapping[str, Any]) -> Machine:
    keys = ("cores", "memory_bytes", "cgroup", "cpu_model", "os", "python", "open_files")
    return Machine(*(meta.get(key) for key in keys))


def _floor(meta: Mapping[str, Any], machine: Machine) -> Floor | None:
    cores = meta.get("cores") or machine.cores
    parts = [meta.get(key) for key in ("request_us", "hello_us", "booking_us")]
    if not cores or any(part is None for part in parts):
        return None
    request_us, hello_us, booking_us = (float(part) for part in parts if part is not None)
    return Floor(request_us, hello_us, booking_us, int(cores), str(meta.get("notes") or ""))


def _audit(connection: sqlite3.Connection) -> Audit:
    rows = connection.execute("SELECT invariant, checked, broken FROM audit ORDER BY invariant").fetchall()
    checked = {_key(invariant): count for invariant, count, _ in rows}
    broken = {_key(invariant): count for invariant, _, count in rows}
    return Audit(
        clean=not any(broken.values()) if rows else None,
        checked=checked,
        broken=broken,
        double_bookings=broken.get("double_bookings"),
        lost_acknowledged=broken.get("lost_acknowledged"),
        phantoms=broken.get("phantoms"),
        reused_keys=broken.get("reused_keys"),
        overlapping=broken.get("overlapping"),
        notifications_missing=broken.get("notifications_missing"),
        notifications_doubled=broken.get("notifications_doubled"),
    )


def _race(
    connection: sqlite3.Connection, meta: Mapping[str, Any], events: Mapping[str, int], floor: Floor | None
) -> Race | None:
    """The race's own figures, or None for a scenario that has no drop."""
    if meta.get("scenario") != "race" and "drop" not in events:
        return None
    attempts, acknowledged, taken = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE outcome = 'acknowledged'),"
        " count(*) FILTER (WHERE outcome = 'refused' AND reason = 'slot-taken')"
        " FROM ledger WHERE action = 'request'"
    ).fetchone()
    sold = None
    if _has_snapshot(connection):
        sold = _scalar(
            connection,
            "SELECT count(DISTINCT slot) FROM stored_appointments WHERE state IN ('requested', 'accepted')",
        )
    drain_s = _between_s(events, "drop", "drained")
    floor_s = attempts * floor.total_us / floor.cores / 1e6 if floor else None
    return Race(
        slots=_mapping(meta.get("options")).get("slots"),
        sold=sold,
        attempts=attempts,
        acknowledged=acknowledged,
        taken_answers=taken,
        drain_s=drain_s,
        floor_s=floor_s,
        drain_ratio=drain_s / floor_s if drain_s is not None and floor_s else None,
    )


def _requests(connection: sqlite3.Connection) -> dict[str, Endpoint]:
    endpoints = {}
    for endpoint, good, bad, refused in connection.execute(
        "SELECT endpoint, sum(good), sum(bad), sum(refused) FROM latency GROUP BY endpoint ORDER BY endpoint"
    ).fetchall():
        blobs = connection.execute(
            "SELECT response_hdr, service_hdr FROM latency WHERE endpoint = ?", (endpoint,)
        ).fetchall()
        endpoints[endpoint] = Endpoint(
            count=good + bad + refused,
            good=good,
            bad=bad,
            refused=refused,
            response_ms=_times(response for response, _ in blobs),
            service_ms=_times(service for _, service in blobs),
        )
    return endpoints


def _times(blobs: Any) -> Times:
    found = hdr.percentiles_ms(hdr.merge(blobs))
    return Times(p50=found.p50, p90=found.p90, p99=found.p99, p999=found.p999, max=found.max)


def _availability(requests: Mapping[str, Endpoint]) -> float | None:
    total = sum(endpoint.count for endpoint in requests.values())
    return sum(endpoint.good for endpoint in requests.values()) / total if total else None


def _generator(
    connection: sqlite3.Connection, meta: Mapping[str, Any], events: Mapping[str, int]
) -> Generator:
    workers = [row[0] for row in connection.execute("SELECT DISTINCT worker FROM generator_health")]
    lags = [row[0] for row in connection.execute("SELECT loop_lag_hdr FROM generator_health")]
    lag = hdr.percentiles_ms(hdr.merge(lags)) if lags else None
    first_s = events["drop"] // 1_000_000 if "drop" in events else 0
    last_s = events["drained"] // 1_000_000 if "drained" in events else 2**62
    cpu_mean, cpu_max = connection.execute(
        "SELECT avg(cpu_us), max(cpu_us) FROM generator_health WHERE second BETWEEN ? AND ?",
        (first_s, last_s),
    ).fetchone()
    return Generator(
        workers=len(workers),
        bytes_per_patient=_bytes_per_patient(connection, meta, workers),
        loop_lag_ms=LoopLag(p99=lag.p99, max=lag.max) if lag else None,
        cpu_share=cpu_mean / 1e6 if cpu_mean is not None else None,
        cpu_share_max=cpu_max / 1e6 if cpu_max is not None else None,
        sockets_max=_scalar(
            connection,
            "SELECT max(total) FROM (SELECT sum(sockets) AS total FROM generator_health GROUP BY second)",
        ),
    )


def _bytes_per_patient(
    connection: sqlite3.Connection, meta: Mapping[str, Any], workers: Sequence[str]
) -> float | None:
    """What one patient adds to the workers' resident memory over what they held before any was spawned."""
    base = _mapping(meta.get("generator_base"))
    patients = _mapping(meta.get("options")).get("patients")
    if not patients or not workers or any(worker not in base for worker in workers):
        return None
    peak = _scalar(
        connection,
        "SELECT max(total) FROM (SELECT sum(memory_bytes) AS total FROM generator_health GROUP BY second)",
    )
    return (peak - sum(base[worker] for worker in workers)) / patients if peak is not None else None


def _cost(connection: sqlite3.Connection, events: Mapping[str, int], attempts: int) -> dict[str, Cost]:
    """CPU by component. Requests are known by the second: the drop's and the drain's seconds count whole."""
    peaks = dict(connection.execute("SELECT component, max(memory_bytes) FROM usage GROUP BY component"))
    drop_us, drained_us = events.get("drop"), events.get("drained")
    requests = 0
    if drop_us is not None and drained_us is not None:
        requests = connection.execute(
            "SELECT coalesce(sum(good + bad + refused), 0) FROM latency WHERE second BETWEEN ? AND ?",
            (drop_us // 1_000_000, drained_us // 1_000_000),
        ).fetchone()[0]
    costs = {}
    for component, samples in usage_samples(connection).items():
        spent_us = _spent_us(samples, drop_us, drained_us)
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


def _incomplete(
    connection: sqlite3.Connection, events: Mapping[str, int], audit: Audit, is_race: bool, interrupted: bool
) -> list[str]:
    conditions: dict[str, Callable[[], bool]] = {
        "interrupted": lambda: interrupted,
        "no-drop": lambda: is_race and "drop" not in events,
        "not-drained": lambda: "drop" in events and "drained" not in events,
        "no-snapshot": lambda: not _has_snapshot(connection),
        "no-audit": lambda: audit.clean is None,
    }
    return [code for code, applies in conditions.items() if applies()]


def _has_snapshot(connection: sqlite3.Connection) -> bool:
    return bool(_scalar(connection, "SELECT EXISTS (SELECT 1 FROM stored_slots)"))


def _duration_s(connection: sqlite3.Connection, events: Mapping[str, int]) -> float | None:
    """From the first patient connecting to the stop; to the last sign of life when the run was cut short."""
    if not events:
        return None
    start = events.get("connect", min(events.values()))
    last_sample = _scalar(connection, "SELECT max(at_us) FROM usage") or 0
    return (events.get("stopped") or max(*events.values(), last_sample)) / 1e6 - start / 1e6


def _between_s(events: Mapping[str, int], first: str, last: str) -> float | None:
    return (events[last] - events[first]) / 1e6 if first in events and last in events else None


def _share(total: float | None, parts: int) -> float | None:
    return total / parts if total is not None and parts else None


def _key(invariant: str) -> str:
    return invariant.replace("-", "_")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _scalar(connection: sqlite3.Connection, sql: str) -> int | None:
    value: int | None = connection.execute(sql).fetchone()[0]
    return value
