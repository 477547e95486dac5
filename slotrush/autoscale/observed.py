"""What the controller sees of the pods and their metrics at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from slotrush.autoscale.spec import Metric

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(frozen=True)
class Pod:
    """A pod that the target's selector selects. Times are seconds on the clock of `reconcile`."""

    name: str
    phase: Phase = "Running"
    deleted: bool = False
    """Whether it has a deletion timestamp: it is on its way out."""
    started_s: float | None = 0.0
    """When the kubelet took it up; None while it has not."""
    ready: bool | None = True
    """The Ready condition; None while there is none."""
    ready_changed_s: float = 0.0
    requests_m: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Container → resource → thousandths of a core (or byte) requested."""


@dataclass(frozen=True)
class Sample:
    """A pod's usage, averaged over the `window_s` that ended `at_s`."""

    value_m: int
    at_s: float = 0.0
    window_s: float = 15.0


@dataclass(frozen=True)
class Metrics:
    """What the metrics API answers; a metric that is in neither could not be had."""

    per_pod: Mapping[Metric, Mapping[str, Sample]] = field(default_factory=dict)
    """For resource and pods metrics: pod name → sample."""
    single_m: Mapping[Metric, int] = field(default_factory=dict)
    """For object and external metrics; of an external metric with several series, their sum."""
