"""The shape of a summary: what is known about one run, in typed figures with the units in their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA_VERSION: Final = 1

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
class Times:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Race:
    """`sold`: slots with a live stored appointment; `sold_once`: with exactly one.

    `floor_s` is the least that the attempts must cost; `response_ms` covers every request since the drop.
    """

    slots: int | None
    sold: int | None
    sold_once: int | None
    attempts: int
    acknowledged: int
    taken_answers: int
    drain_s: float | None
    floor_s: float | None
    drain_ratio: float | None
    response_ms: Times | None


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
    """CPU shares are of one core: the mean over workers and seconds, and the busiest worker's busiest."""

    workers: int
    bytes_per_patient: float | None
    loop_lag_ms: LoopLag | None
    cpu_share: float | None
    cpu_share_max: float | None
    sockets_max: int | None


@dataclass(frozen=True)
class Cost:
    """CPU µs are of the time between drop and drain, CPU seconds since the start of the stack."""

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
    notes: tuple[str, ...]

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

    @property
    def measuring_faults(self) -> tuple[str, ...]:
        """The `invalid_reasons` that say the run measured wrongly, without those that say what it lacks."""
        lacks = {INCOMPLETE[code] for code in self.incomplete}
        return tuple(reason for reason in self.invalid_reasons if reason not in lacks)
