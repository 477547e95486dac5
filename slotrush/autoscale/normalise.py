"""From what the metrics ask for to what may happen now: stabilisation, policies, limits.

Source of every rule: kubernetes, pkg/controller/podautoscaler/horizontal.go, the functions named in the docstrings.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from slotrush.autoscale.spec import Behaviour, Hpa, Options, Policy, ScalingRules

SCALE_UP_FACTOR: Final = 2
SCALE_UP_MINIMUM: Final = 4
"""Without `behavior` the scale at most doubles, but may always go to 4. Source: scaleUpLimitFactor, …Minimum."""


@dataclass(frozen=True)
class Recommendation:
    replicas: int
    at_s: float


@dataclass(frozen=True)
class ScaleEvent:
    """The scale changed by `replicas`, which is positive in both directions."""

    replicas: int
    at_s: float


@dataclass(frozen=True)
class Memory:
    """What the controller remembers of one autoscaler between reconciliations; it is lost when it restarts."""

    recommendations: tuple[Recommendation, ...] = ()
    scale_ups: tuple[ScaleEvent, ...] = ()
    scale_downs: tuple[ScaleEvent, ...] = ()


@dataclass(frozen=True)
class Normalised:
    """`able` and `limited` are reason and message of the conditions AbleToScale (true) and ScalingLimited."""

    replicas: int
    able: tuple[str, str]
    limited: tuple[str, str]
    is_limited: bool
    memory: Memory


_READY: Final = ("ReadyForNewScale", "recommended size matches current size")
_UP_STABILISED: Final = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
_DOWN_STABILISED: Final = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
_IN_RANGE: Final = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_FEW: Final = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_TOO_MANY: Final = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_UP_LIMIT: Final = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_DOWN_LIMIT: Final = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")


def normalise(now_s: float, current: int, desired: int, hpa: Hpa, options: Options, memory: Memory) -> Normalised:
    """What may become of `desired` now. Needs `current` within the autoscaler's own limits."""
    if hpa.behaviour is None:
        stable, memory = _stabilise(now_s, desired, options, memory)
        able = _READY if stable == desired else _DOWN_STABILISED
        replicas, limited = _limit(current, stable, hpa)
    else:
        stable, memory = _stabilise_with_behaviour(now_s, current, desired, hpa.behaviour, options, memory)
        able = _READY if stable == desired else _UP_STABILISED if desired >= current else _DOWN_STABILISED
        replicas, limited = _limit_with_behaviour(now_s, current, stable, hpa, hpa.behaviour, memory)
    return Normalised(replicas, able, limited, replicas != stable, memory)


def remember_rescale(now_s: float, current: int, new: int, behaviour: Behaviour | None, memory: Memory) -> Memory:
    """Source: storeScaleEvent."""
    if behaviour is None:
        return memory
    if new > current:
        return replace(memory, scale_ups=_store(memory.scale_ups, new - current, now_s, behaviour.scale_up))
    return replace(memory, scale_downs=_store(memory.scale_downs, current - new, now_s, behaviour.scale_down))


def _store(events: tuple[ScaleEvent, ...], replicas: int, now_s: float, rules: ScalingRules) -> tuple[ScaleEvent, ...]:
    """One event that is older than all periods of its own direction's policies, the last such, gives way to the new.

    So exactly, because the policies of the other direction may have longer periods, and look at these events too.
    Source: storeScaleEvent, markScaleEventsOutdated.
    """
    new = ScaleEvent(replicas, now_s)
    longest_s = max(policy.period_s for policy in rules.policies)
    outdated = [index for index, event in enumerate(events) if event.at_s < now_s - longest_s]
    if not outdated:
        return (*events, new)
    return (*events[: outdated[-1]], new, *events[outdated[-1] + 1 :])


def _stabilise(now_s: float, desired: int, options: Options, memory: Memory) -> tuple[int, Memory]:
    """The highest recommendation of the window. Source: stabilizeRecommendation."""
    oldest_s = now_s - options.downscale_stabilisation_s
    kept = tuple(seen for seen in memory.recommendations if seen.at_s >= oldest_s)
    stable = max([desired, *(seen.replicas for seen in kept)])
    return stable, replace(memory, recommendations=(*kept, Recommendation(desired, now_s)))


def _stabilise_with_behaviour(
    now_s: float, current: int, desired: int, behaviour: Behaviour, options: Options, memory: Memory
) -> tuple[int, Memory]:
    """The size nearest to the current one between the lowest of the one window and the highest of the other.

    Source: stabilizeRecommendationWithBehaviors, maybeInitScaleDownStabilizationWindow.
    """
    up_s = behaviour.scale_up.stabilisation_s or 0.0
    down_s = behaviour.scale_down.stabilisation_s
    down_s = options.downscale_stabilisation_s if down_s is None else down_s
    seen = memory.recommendations
    lowest = min([desired, *(past.replicas for past in seen if past.at_s > now_s - up_s)])
    highest = max([desired, *(past.replicas for past in seen if past.at_s > now_s - down_s)])
    stable = min(max(current, lowest), highest)
    kept = tuple(past for past in seen if past.at_s >= now_s - max(up_s, down_s))
    return stable, replace(memory, recommendations=(*kept, Recommendation(desired, now_s)))


def _limit(current: int, desired: int, hpa: Hpa) -> tuple[int, tuple[str, str]]:
    """Source: convertDesiredReplicasWithRules, calculateScaleUpLimit."""
    up_limit = max(SCALE_UP_FACTOR * current, SCALE_UP_MINIMUM)
    if desired < hpa.min_replicas:
        return hpa.min_replicas, _TOO_FEW
    if hpa.max_replicas > up_limit and desired > up_limit:
        return up_limit, _UP_LIMIT
    if desired > hpa.max_replicas:
        return hpa.max_replicas, _TOO_MANY
    return desired, _IN_RANGE


def _limit_with_behaviour(
    now_s: float, current: int, desired: int, hpa: Hpa, behaviour: Behaviour, memory: Memory
) -> tuple[int, tuple[str, str]]:
    """Source: convertDesiredReplicasWithBehaviorRate."""
    if desired > current:
        up_limit = max(current, scale_up_limit(now_s, current, behaviour.scale_up, memory))
        if desired > min(hpa.max_replicas, up_limit):
            return (up_limit, _UP_LIMIT) if hpa.max_replicas > up_limit else (hpa.max_replicas, _TOO_MANY)
    elif desired < current:
        down_limit = min(current, scale_down_limit(now_s, current, behaviour.scale_down, memory))
        if desired < max(hpa.min_replicas, down_limit):
            return (down_limit, _DOWN_LIMIT) if hpa.min_replicas < down_limit else (hpa.min_replicas, _TOO_FEW)
    return desired, _IN_RANGE


def scale_up_limit(now_s: float, current: int, rules: ScalingRules, memory: Memory) -> int:
    """The most replicas that the policies allow. Source: calculateScaleUpLimitWithScalingRules."""

    def allowed(policy: Policy, start: int) -> int:
        if policy.kind == "Pods":
            return start + policy.value
        return math.ceil(start * (1 + policy.value / 100))

    return _select(now_s, current, rules, memory, allowed, largest_change=max, smallest_change=min)


def scale_down_limit(now_s: float, current: int, rules: ScalingRules, memory: Memory) -> int:
    """The fewest replicas that the policies allow. Source: calculateScaleDownLimitWithBehaviors."""

    def allowed(policy: Policy, start: int) -> int:
        if policy.kind == "Pods":
            return start - policy.value
        return int(start * (1 - policy.value / 100))

    return _select(now_s, current, rules, memory, allowed, largest_change=min, smallest_change=max)


def _select(
    now_s: float,
    current: int,
    rules: ScalingRules,
    memory: Memory,
    allowed: Callable[[Policy, int], int],
    largest_change: Callable[[list[int]], int],
    smallest_change: Callable[[list[int]], int],
) -> int:
    """Each policy goes from the size at the start of its period; one policy's word is taken."""
    if rules.select == "Disabled":
        return current
    proposed = [
        allowed(policy, current - _changed(memory.scale_ups, since_s) + _changed(memory.scale_downs, since_s))
        for policy in rules.policies
        for since_s in (now_s - policy.period_s,)
    ]
    return smallest_change(proposed) if rules.select == "Min" else largest_change(proposed)


def _changed(events: tuple[ScaleEvent, ...], since_s: float) -> int:
    """Source: getReplicasChangePerPeriod."""
    return sum(event.replicas for event in events if event.at_s > since_s)
