"""Kubernetes' HorizontalPodAutoscaler: one reconciliation after the other, on a clock that the caller keeps.

Source of every rule: kubernetes, pkg/controller/podautoscaler/horizontal.go, the functions named in the docstrings.
What the controller cannot know (how long a pod takes to start, how old its metrics are) is the caller's to model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from slotrush.autoscale.metrics import FailedMetricError, Proposal, Scene, propose
from slotrush.autoscale.normalise import Memory, Recommendation, normalise, remember_rescale
from slotrush.autoscale.observed import Metrics, Pod
from slotrush.autoscale.spec import Hpa, Options

_UNABLE: Final = "the HPA was unable to compute the replica count: "


@dataclass(frozen=True)
class Condition:
    """As `kubectl describe hpa` shows it."""

    kind: Literal["AbleToScale", "ScalingActive", "ScalingLimited"]
    status: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Decision:
    """`desired` is what the scale is to be from now on; equal to the current one when nothing happens."""

    desired: int
    conditions: tuple[Condition, ...]
    """At most one of each kind. One that this reconciliation did not come to is not there."""
    reason: str = ""
    """Why the scale changes, as in the event SuccessfulRescale; empty when it does not."""
    error: str = ""
    """What the event FailedComputeMetricsReplicas says; with it, some metrics may still have been used."""
    proposals: tuple[Proposal, ...] = ()
    """What each metric that could be had asks for, in the manifest's order."""


@dataclass
class Controller:
    """The controller of one autoscaler, with its memory. A new one is a controller that was restarted."""

    hpa: Hpa
    options: Options = field(default_factory=Options)
    memory: Memory | None = None

    def reconcile(
        self, now_s: float, current: int, pods: Sequence[Pod], metrics: Metrics, status_replicas: int | None = None
    ) -> Decision:
        """Decide on the scale. Source: reconcileAutoscaler.

        `current` is the target's spec.replicas, `status_replicas` how many pods it has (`current` unless given).
        `now_s` never goes back.
        """
        if self.memory is None:
            # So that a controller that was just started does not scale in before it has seen a whole window.
            self.memory = Memory(recommendations=(Recommendation(current, now_s),))
        found = Condition(
            "AbleToScale",
            True,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        if current == 0 and self.hpa.min_replicas != 0:
            return Decision(0, (found, _inactive("ScalingDisabled", _DISABLED)))
        if current > self.hpa.max_replicas:
            return self._rescale(now_s, current, Decision(self.hpa.max_replicas, (found,), _ABOVE_MAX))
        if current < self.hpa.min_replicas:
            return self._rescale(now_s, current, Decision(self.hpa.min_replicas, (found,), _BELOW_MIN))
        status = current if status_replicas is None else status_replicas
        tolerances = self.hpa.tolerances(self.options)
        wanted = _ask_metrics(self.hpa, Scene(now_s, current, status, pods, metrics, tolerances, self.options))
        if wanted.desired is None:
            return Decision(current, (found, wanted.active), error=wanted.error, proposals=wanted.proposals)
        return self._follow(now_s, current, wanted.desired, wanted)

    def _follow(self, now_s: float, current: int, desired: int, wanted: "_Wanted") -> Decision:
        assert self.memory is not None
        allowed = normalise(now_s, current, desired, self.hpa, self.options, self.memory)
        self.memory = allowed.memory
        able = Condition("AbleToScale", True, *allowed.able)
        limited = Condition("ScalingLimited", allowed.is_limited, *allowed.limited)
        decision = Decision(
            allowed.replicas, (able, wanted.active, limited), error=wanted.error, proposals=wanted.proposals
        )
        if allowed.replicas == current:
            return decision
        # As the controller says it: of what the metrics ask for, even where an older recommendation is followed.
        reason = f"{wanted.metric} above target" if desired > current else _ALL_BELOW if desired < current else ""
        return self._rescale(now_s, current, replace(decision, reason=reason))

    def _rescale(self, now_s: float, current: int, decision: Decision) -> Decision:
        assert self.memory is not None
        self.memory = remember_rescale(now_s, current, decision.desired, self.hpa.behaviour, self.memory)
        message = f"the HPA controller was able to update the target scale to {decision.desired}"
        able = Condition("AbleToScale", True, "SucceededRescale", message)
        others = (condition for condition in decision.conditions if condition.kind != "AbleToScale")
        return replace(decision, conditions=(able, *others))


_DISABLED: Final = "scaling is disabled since the replica count of the target is zero"
_ABOVE_MAX: Final = "Current number of replicas above Spec.MaxReplicas"
_BELOW_MIN: Final = "Current number of replicas below Spec.MinReplicas"
_ALL_BELOW: Final = "All metrics below target"


@dataclass(frozen=True)
class _Wanted:
    """What all metrics together ask for; `desired` is None when they may not be followed."""

    desired: int | None
    metric: str
    active: Condition
    error: str
    proposals: tuple[Proposal, ...]


def _ask_metrics(hpa: Hpa, scene: Scene) -> _Wanted:
    """The metric that asks for most has its way; with some failing, only upwards. Source: computeReplicasForMetrics."""
    proposals: list[Proposal] = []
    failures: list[FailedMetricError] = []
    for metric in hpa.metrics:
        try:
            proposals.append(propose(metric, scene))
        except FailedMetricError as failure:
            failures.append(failure)
    highest = max(proposals, key=lambda proposal: proposal.replicas, default=None)
    error = ""
    if failures:
        error = f"invalid metrics ({len(failures)} invalid out of {len(hpa.metrics)}), first error is: {failures[0]}"
    if highest is None or (failures and highest.replicas < scene.current):
        active = _inactive(failures[0].reason, f"{_UNABLE}{failures[0].condition}")
        return _Wanted(None, "", active, error, tuple(proposals))
    message = f"the HPA was able to successfully calculate a replica count from {highest.metric}"
    active = Condition("ScalingActive", True, "ValidMetricFound", message)
    return _Wanted(highest.replicas, highest.metric, active, error, tuple(proposals))


def _inactive(reason: str, message: str) -> Condition:
    return Condition("ScalingActive", False, reason, message)
