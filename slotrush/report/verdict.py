"""What a run amounts to, and why. Pure: from the summary alone; the words for it are the locales'."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from slotrush.summary import Summary
from slotrush.summary.generator import FAULTS_SAID, fault_sentences
from slotrush.summary.model import Fault

DRAIN_RATIO_AIM: Final = 2.0
"""A drain of at most this many times the floor is what the race aims at."""


class Kind(StrEnum):
    PASSED = "passed"
    REMARKS = "remarks"  # passed, with something that should be read
    FAILED = "failed"  # the audit found a promise broken
    MISSED = "missed"  # ended early, as an objective was beyond saving
    PARTIAL = "partial"  # cut short, or a step is missing
    INVALID = "invalid"  # finished, but measured wrongly


@dataclass(frozen=True)
class Reason:
    """`name` is a key of the locale's `reason` table, unless `verbatim` or `fault` says it all."""

    name: str
    count: float = 0
    invariant: str = ""
    verbatim: str = ""
    fault: Fault | None = None


@dataclass(frozen=True)
class Verdict:
    kind: Kind
    reasons: tuple[Reason, ...]
    remarks: tuple[Reason, ...] = field(default=())


def judge(summary: Summary) -> Verdict:
    """A broken promise outweighs everything, since it is a fact even in a run that was cut short."""
    broken = tuple(Reason("broken", count, invariant=name) for name, count in summary.audit.broken.items() if count)
    lacking = tuple(Reason(code.replace("-", "_")) for code in summary.incomplete)
    faults = tuple(_faults(summary))
    remarks = tuple(_remarks(summary))
    if broken:
        return Verdict(Kind.FAILED, broken + lacking + faults, remarks)
    if summary.beyond_saving:
        missed = tuple(Reason("verbatim", verbatim=reason) for reason in summary.beyond_saving)
        return Verdict(Kind.MISSED, missed + faults, remarks)
    if lacking:
        return Verdict(Kind.PARTIAL, lacking + faults, remarks)
    if faults:
        return Verdict(Kind.INVALID, faults, remarks)
    return Verdict(Kind.REMARKS if remarks else Kind.PASSED, tuple(_merits(summary)), remarks)


def _faults(summary: Summary) -> Iterator[Reason]:
    """Why the run measured wrongly: the generator's stretches, then whatever else was found."""
    spoiled = summary.generator.faults
    yield from (Reason("fault", fault=fault) for fault in spoiled[:FAULTS_SAID])
    if len(spoiled) > FAULTS_SAID:
        yield Reason("more_faults", len(spoiled) - FAULTS_SAID)
    said = set(fault_sentences(spoiled))
    yield from (Reason("verbatim", verbatim=text) for text in summary.measuring_faults if text not in said)


def _merits(summary: Summary) -> Iterator[Reason]:
    yield Reason("clean", sum(summary.audit.checked.values()))
    race = summary.race
    if race and race.sold_once is not None and race.sold_once == race.slots:
        yield Reason("sold_out", race.sold_once)
    if not any(endpoint.bad + endpoint.refused for endpoint in summary.requests.values()):
        yield Reason("none_failed", sum(endpoint.count for endpoint in summary.requests.values()))
    if summary.load and summary.load.knee_per_s is not None:
        yield Reason("knee", summary.load.knee_per_s)
    if race and race.drain_ratio is not None and race.drain_ratio <= DRAIN_RATIO_AIM:
        yield Reason("fast", race.drain_ratio)


def _remarks(summary: Summary) -> Iterator[Reason]:
    race = summary.race
    if race and race.slots and race.sold_once is not None and race.sold_once < race.slots:
        yield Reason("unsold", race.slots - race.sold_once)
    for name, count in (
        ("bad", sum(endpoint.bad for endpoint in summary.requests.values())),
        ("refused", sum(endpoint.refused for endpoint in summary.requests.values())),
        ("dropped", summary.dropped_arrivals),
    ):
        if count:
            yield Reason(name, count)
    if race and race.drain_ratio is not None and race.drain_ratio > DRAIN_RATIO_AIM and _is_bound_by_cpu(summary):
        yield Reason("slow", race.drain_ratio)


def _is_bound_by_cpu(summary: Summary) -> bool:
    """Whether the drain could have been near the floor at all: not when patients arrive for longer than that."""
    floor_s = summary.race.floor_s if summary.race else None
    return floor_s is not None and floor_s > (summary.options.get("drop_window_s") or 0.0)
