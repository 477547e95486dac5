"""The shape of a summary: what is known about one run, in typed figures with the units in their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA_VERSION: Final = 1

INCOMPLETE: Final = {
    "interrupted": "the run was interrupted",
    "aborted": "the run was ended early, since an objective was beyond saving",
    "no-drop": "the drop never happened",
    "not-drained": "the run ended before the last patient was answered",
    "no-start": "the users were never all there, so the load never began",
    "not-ended": "the load ended before its time",
    "worker-lost": "a worker of the load generator was lost, and the load of its users with it",
    "no-snapshot": "the target's stores were not read",
    "no-audit": "the audit was not done",
}
"""What a partial run lacks, by code; the texts are the `invalid_reasons` that it gets."""
_OF_THE_AUDIT: Final = {"no-snapshot", "no-audit"}
"""What a run may lack that is the audit's business, and does not make the load shorter than it should be."""


@dataclass(frozen=True)
class Target:
    commit: str | None
    replicas: int | None
    cpu_quota_m: int | None
    base_url: str | None

    @property
    def ran_elsewhere(self) -> bool:
        """Somebody else had started it, on other hosts for all we know: nobody saw its processes."""
        return self.base_url is not None and self.replicas is None


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
    broken_histories: int | None
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
class ClassFigures:
    """The requests of one class of endpoints, as the objectives have them; `in_time` of them kept its latency
    objective, None where it has none."""

    count: int
    good: int
    in_time: int | None
    response_ms: Times


@dataclass(frozen=True)
class Step:
    """One stretch of an open load at one rate, in seconds since the start; `missed` names the objectives not kept."""

    from_s: float
    until_s: float
    rate_per_s: float
    arrivals: int
    dropped: int
    requests_per_s: float
    availability: float | None
    classes: Mapping[str, ClassFigures]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """A swarm that goes on for a time, from the start of everyone to the end.

    `knee_per_s` is the highest rate of the steps before the first at which an objective was missed, `broken_per_s`
    that step's; None where there are no such steps.
    """

    model: str | None
    duration_s: float
    requests: int
    requests_per_s: float
    arrivals: int
    dropped: int
    availability: float | None
    response_ms: Times | None
    classes: Mapping[str, ClassFigures]
    steps: tuple[Step, ...]
    knee_per_s: float | None
    broken_per_s: float | None


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
class Distortion:
    """A percentile of response times as reported, and as it would be without the generator's own lag.

    `of`: the class of endpoints whose it is; None for all requests.
    """

    percentile: str
    reported_ms: float
    without_ms: float
    of: str | None = None

    def __str__(self) -> str:
        whose = f" of {self.of}," if self.of else " of"
        return f"the {self.percentile}{whose} {self.reported_ms:.0f} ms would be {self.without_ms:.0f} ms without it"


@dataclass(frozen=True)
class Fault:
    """A stretch in which the generator was the bottleneck, from `from_s` to before `until_s`, in seconds since the
    drop or the start.

    `requests` are those that met its delay, and their share of all; with the cause `dropped`, those never sent, and
    their share of what was due. Lag and CPU share (of one core) are the highest of the stretch; `gc_pause_ms` is the
    sum.
    """

    cause: str
    from_s: int
    until_s: int
    workers: tuple[str, ...]
    requests: int
    share: float
    lag_ms: float
    cpu_share: float
    gc_pause_ms: float
    distortion: Distortion | None

    @property
    def sentence(self) -> str:
        """What, when, how large and what mends it."""
        when, mend = f"from {self.from_s} s to {self.until_s} s", MENDS[self.cause]
        if self.cause == "dropped":
            return f"{when}, {self.requests} arrivals were due and never started ({self.share:.2%} of all): {mend}"
        wrong = f"; {self.distortion}" if self.distortion else ""
        return (
            f"{when}, the event loop of {', '.join(self.workers)} was up to {self.lag_ms:.0f} ms late, which is a"
            f" material part of the times of {self.requests} requests ({self.share:.1%} of all){wrong}: {mend}"
        )


MENDS: Final = {
    "cpu": "its processor core was full; use more workers, on more cores, or fewer patients",
    "gc": "its garbage collector stopped it; let the scenario allocate less, or use more workers",
    "held": "something held it up though its core was not full; give the generator cores of its own,"
    " and look for calls in the scenario that block",
    "dropped": "allow more users, use more workers, or lower the rate",
}
"""Why, by cause, and what to do about it."""


@dataclass(frozen=True)
class WorkerHealth:
    """One worker of the generator since the drop or the start. CPU shares are of one core."""

    worker: str
    requests: int
    loop_lag_ms: LoopLag | None
    cpu_share: float | None
    cpu_share_max: float | None
    sockets_max: int | None
    memory_max_bytes: int | None
    gc_pause_ms: float
    gc_pause_max_ms: float
    dropped: int


@dataclass(frozen=True)
class Generator:
    """CPU shares are of one core: the mean over workers and seconds, and the busiest worker's busiest.

    `delayed_share`: of all requests since the drop or the start, those that met a material lag of the generator.
    `clock_offset_ms`: by worker, how far its clock was from the master's at least; the furthest of the run.
    """

    workers: int
    bytes_per_patient: float | None
    loop_lag_ms: LoopLag | None
    cpu_share: float | None
    cpu_share_max: float | None
    sockets_max: int | None
    delayed_share: float | None
    by_worker: tuple[WorkerHealth, ...]
    faults: tuple[Fault, ...]
    clock_offset_ms: Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """CPU µs are of the time between drop and drain, or start and end, CPU seconds since the start of the stack."""

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
    load: Load | None
    requests: Mapping[str, Endpoint]
    availability: float | None
    dropped_arrivals: int
    generator: Generator
    cost: Mapping[str, Cost]
    peak_memory_bytes: int | None
    floor: Floor | None
    beyond_saving: tuple[str, ...]

    @property
    def measuring_faults(self) -> tuple[str, ...]:
        """The `invalid_reasons` that say the run measured wrongly, without those that say what it lacks."""
        lacks = {INCOMPLETE[code] for code in self.incomplete}
        return tuple(reason for reason in self.invalid_reasons if reason not in lacks)

    @property
    def cut_short(self) -> tuple[str, ...]:
        """What made the load shorter or smaller than it should have been, in words."""
        return tuple(INCOMPLETE[code] for code in self.incomplete if code not in _OF_THE_AUDIT)
