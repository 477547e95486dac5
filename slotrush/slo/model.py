"""Objectives as data: what a run is held against, and where in the file it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Final

ALL_ENDPOINTS: Final = "all"


@dataclass(frozen=True)
class Position:
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class TimedFrom(StrEnum):
    INTENDED_START = "intendedStart"  # response time
    SENDING = "sending"  # service time


class Figure(StrEnum):
    """What can be limited, with its unit."""

    CPU = "cpuUsPerRequest"
    STATEMENTS = "statementsPerRequest"
    MEMORY = "memoryBytesPerReplica"


class Fact(StrEnum):
    AUDIT_CLEAN = "audit-clean"
    GENERATOR_VALID = "generator-valid"


@dataclass(frozen=True)
class EndpointClass:
    """`patterns` are those of a shell: `*` is any text, also across slashes."""

    name: str
    title: str
    patterns: tuple[str, ...]

    def holds(self, endpoint: str) -> bool:
        return any(fnmatchcase(endpoint, pattern) for pattern in self.patterns)


@dataclass(frozen=True, kw_only=True)
class _Named:
    """`position` is None of what no file asks for. `skip` says why a scenario is not held to it, and is else empty.

    Nothing else is read back from JSON, or a latency would pass for an availability.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    title: str
    position: Position | None
    skip: str = ""


@dataclass(frozen=True, kw_only=True)
class Availability(_Named):
    """At least the share `target` of the requests to the class `endpoints` is answered as promised."""

    endpoints: str
    target: float
    window_s: int


@dataclass(frozen=True, kw_only=True)
class Latency(_Named):
    """At least the share `target` of the requests is answered as promised, and in less than `threshold_ms`."""

    endpoints: str
    target: float
    window_s: int
    threshold_ms: float
    timed_from: TimedFrom


@dataclass(frozen=True, kw_only=True)
class Limit(_Named):
    """A figure, of the components together, is at most `at_most`. A run without it is undecided if it is required."""

    figure: Figure
    components: tuple[str, ...]
    at_most: float
    required: bool


@dataclass(frozen=True, kw_only=True)
class Condition(_Named):
    """A fact that must be shown before any figure means something."""

    fact: Fact


Objective = Availability | Latency | Limit | Condition


@dataclass(frozen=True)
class Objectives:
    """Everything in one file. `scenarios` has, by scenario and objective, the fields that differ there."""

    path: Path
    classes: tuple[EndpointClass, ...]
    every: tuple[Objective, ...]
    scenarios: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def of(self, scenario: str | None) -> tuple[Objective, ...]:
        """The objectives as they are for a scenario."""
        changes = self.scenarios.get(scenario or "", {})
        return tuple(replace(objective, **changes.get(objective.name, {})) for objective in self.every)

    def latencies(self, scenario: str | None) -> tuple[Latency, ...]:
        """The objectives of response times that a scenario is held to."""
        return tuple(one for one in self.of(scenario) if isinstance(one, Latency) and not one.skip)

    def class_of(self, endpoint: str) -> str | None:
        """The name of the first class that holds the endpoint."""
        return next((one.name for one in self.classes if one.holds(endpoint)), None)

    def covers(self, name: str, endpoint: str) -> bool:
        """Whether the endpoint belongs to the class of that name, or the name is `all`."""
        return name in (ALL_ENDPOINTS, self.class_of(endpoint))
