"""From the opened run record to a `Summary`. What a partial record cannot tell is None, never a guess."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from slotrush.audit import has_snapshot
from slotrush.runs import record
from slotrush.summary.generator import clock_sentences, fault_sentences, read_generator
from slotrush.summary.load import read_load
from slotrush.summary.model import (
    INCOMPLETE,
    SCHEMA_VERSION,
    Audit,
    Endpoint,
    Floor,
    Machine,
    Race,
    Summary,
    Target,
    Times,
)
from slotrush.summary.times import times_of
from slotrush.summary.usage import costs_by_component


def summarise(connection: sqlite3.Connection) -> Summary:
    """All figures of the run whose record is open."""
    meta = record.get_meta(connection)
    events = record.event_times(connection)
    options = _mapping(meta.get("options"))
    machine = _machine(_mapping(meta.get("machine")))
    floor = _floor(_mapping(meta.get("floor")), machine)
    audit = _audit(connection)
    race = _race(connection, meta, events, floor)
    load = read_load(connection, meta, events)
    requests = _requests(connection)
    interrupted = bool(meta.get("interrupted")) or "interrupted" in events
    incomplete = tuple(_incomplete(connection, events, audit, race is not None, interrupted))
    generator = read_generator(connection, meta, events)
    reasons = (
        *map(str, meta.get("invalid_reasons") or ()),
        *fault_sentences(generator.faults),
        *clock_sentences(generator.clock_offset_ms),
        *(INCOMPLETE[code] for code in incomplete),
    )
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
        load=load,
        requests=requests,
        availability=_availability(requests),
        dropped_arrivals=_scalar(connection, "SELECT sum(dropped) FROM generator_health") or 0,
        generator=generator,
        cost=costs_by_component(connection, events, race.attempts if race else 0),
        peak_memory_bytes=_scalar(
            connection, "SELECT max(total) FROM (SELECT sum(memory_bytes) AS total FROM usage GROUP BY at_us)"
        ),
        floor=floor,
        beyond_saving=_beyond_saving(connection),
    )


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
    return Floor(request_us, hello_us, booking_us, int(cores), tuple(map(str, meta.get("notes") or ())))


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
        broken_histories=broken.get("broken_histories"),
        overlapping=broken.get("overlapping"),
        notifications_missing=broken.get("notifications_missing"),
        notifications_doubled=broken.get("notifications_doubled"),
    )


def _race(
    connection: sqlite3.Connection, meta: Mapping[str, Any], events: Mapping[str, int], floor: Floor | None
) -> Race | None:
    """The race's own figures, or None for a scenario that has no drop."""
    has_drop = meta.get("scenario") == "race" or _mapping(meta.get("options")).get("model") == "drop"
    if not has_drop and "drop" not in events:
        return None
    attempts, acknowledged, taken = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE outcome = 'acknowledged'),"
        " count(*) FILTER (WHERE outcome = 'refused' AND reason = 'slot-taken')"
        " FROM ledger WHERE action = 'request'"
    ).fetchone()
    sold = sold_once = None
    if has_snapshot(connection):
        sold, sold_once = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE live = 1) FROM (SELECT count(*) AS live"
            " FROM stored_appointments WHERE state IN ('requested', 'accepted') GROUP BY slot)"
        ).fetchone()
    drain_s = _between_s(events, "drop", "drained")
    floor_s = attempts * floor.total_us / floor.cores / 1e6 if floor else None
    return Race(
        slots=_mapping(meta.get("options")).get("slots"),
        sold=sold,
        sold_once=sold_once,
        attempts=attempts,
        acknowledged=acknowledged,
        taken_answers=taken,
        drain_s=drain_s,
        floor_s=floor_s,
        drain_ratio=drain_s / floor_s if drain_s is not None and floor_s else None,
        response_ms=_response_since(connection, events.get("drop")),
    )


def _response_since(connection: sqlite3.Connection, drop_us: int | None) -> Times | None:
    """Of all endpoints together; the drop's second counts whole."""
    if drop_us is None:
        return None
    blobs = connection.execute("SELECT response_hdr FROM latency WHERE second >= ?", (drop_us // 1_000_000,)).fetchall()
    return times_of(blob for (blob,) in blobs) if blobs else None


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
            response_ms=times_of(response for response, _ in blobs),
            service_ms=times_of(service for _, service in blobs),
        )
    return endpoints


def _availability(requests: Mapping[str, Endpoint]) -> float | None:
    total = sum(endpoint.count for endpoint in requests.values())
    return sum(endpoint.good for endpoint in requests.values()) / total if total else None


def _incomplete(
    connection: sqlite3.Connection, events: Mapping[str, int], audit: Audit, is_race: bool, interrupted: bool
) -> list[str]:
    conditions: dict[str, Callable[[], bool]] = {
        "interrupted": lambda: interrupted,
        "aborted": lambda: "aborted" in events,
        "no-drop": lambda: is_race and "drop" not in events,
        "not-drained": lambda: "drop" in events and "drained" not in events,
        "no-start": lambda: not is_race and "start" not in events,
        "not-ended": lambda: "start" in events and "ended" not in events,
        "worker-lost": lambda: "worker-lost" in events,
        "no-snapshot": lambda: not has_snapshot(connection),
        "no-audit": lambda: audit.clean is None,
    }
    return [code for code, applies in conditions.items() if applies()]


def _beyond_saving(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The objectives for which the run was ended before its time, each with the reason."""
    found = connection.execute("SELECT detail FROM events WHERE name = 'aborted'")
    return tuple(reason for (detail,) in found for reason in json.loads(detail)["objectives"].values())


def _duration_s(connection: sqlite3.Connection, events: Mapping[str, int]) -> float | None:
    """From the first patient connecting to the stop; to the last sign of life when the run was cut short."""
    if not events:
        return None
    start = events.get("connect", min(events.values()))
    last_sample = _scalar(connection, "SELECT max(at_us) FROM usage") or 0
    return (events.get("stopped") or max(*events.values(), last_sample)) / 1e6 - start / 1e6


def _between_s(events: Mapping[str, int], first: str, last: str) -> float | None:
    return (events[last] - events[first]) / 1e6 if first in events and last in events else None


def _key(invariant: str) -> str:
    return invariant.replace("-", "_")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _scalar(connection: sqlite3.Connection, sql: str) -> int | None:
    value: int | None = connection.execute(sql).fetchone()[0]
    return value
