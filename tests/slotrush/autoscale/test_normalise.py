"""What may become of the size that the metrics ask for, rule by rule, with where Kubernetes has the rule.

All sources are in pkg/controller/podautoscaler/horizontal.go.
"""

from dataclasses import replace

import pytest

from slotrush.autoscale.normalise import Memory, Normalised, Recommendation, ScaleEvent, normalise, remember_rescale
from slotrush.autoscale.spec import (
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    Behaviour,
    Hpa,
    Options,
    Policy,
    ScalingRules,
    SelectPolicy,
)

NOW_S = 10_000.0
FREE = ScalingRules((Policy("Percent", 1000, 1.0),), stabilisation_s=0.0)
SIMPLE = Hpa(max_replicas=100)
DEFAULTED = Hpa(max_replicas=100, behaviour=Behaviour())


def after(*recommendations: tuple[float, int]) -> Memory:
    """A memory of recommendations, each with its age."""
    return Memory(tuple(Recommendation(replicas, NOW_S - age_s) for age_s, replicas in recommendations))


def decide(current: int, desired: int, hpa: Hpa, memory: Memory | None = None) -> Normalised:
    return normalise(NOW_S, current, desired, hpa, Options(), memory or Memory())


@pytest.mark.parametrize(
    ("hpa", "current", "desired", "replicas", "reason"),
    [
        pytest.param(SIMPLE, 10, 15, 15, "DesiredWithinRange", id="within"),
        pytest.param(SIMPLE, 1, 90, 4, "ScaleUpLimit", id="from 1 to 4 at most"),
        pytest.param(SIMPLE, 10, 90, 20, "ScaleUpLimit", id="double at most"),
        pytest.param(SIMPLE, 60, 190, 100, "TooManyReplicas", id="the maximum"),
        pytest.param(replace(SIMPLE, min_replicas=5), 10, 2, 5, "TooFewReplicas", id="the minimum"),
        pytest.param(DEFAULTED, 1, 90, 5, "ScaleUpLimit", id="behaviour, defaults: from 1 to 5 at most"),
        pytest.param(DEFAULTED, 10, 90, 20, "ScaleUpLimit", id="behaviour, defaults: double"),
        pytest.param(DEFAULTED, 60, 190, 100, "TooManyReplicas", id="behaviour: the maximum"),
        pytest.param(replace(DEFAULTED, min_replicas=5), 10, 2, 5, "TooFewReplicas", id="behaviour: the minimum"),
        pytest.param(DEFAULTED, 10, 1, 1, "DesiredWithinRange", id="behaviour, defaults: all the way down"),
    ],
)
def test_limits(hpa: Hpa, current: int, desired: int, replicas: int, reason: str) -> None:
    """Source: convertDesiredReplicasWithRules, convertDesiredReplicasWithBehaviorRate, calculateScaleUpLimit."""
    found = decide(current, desired, hpa)

    assert (found.replicas, found.limited[0]) == (replicas, reason)
    assert found.is_limited == (reason != "DesiredWithinRange")


@pytest.mark.parametrize("hpa", [SIMPLE, DEFAULTED], ids=["without behaviour", "with its defaults"])
@pytest.mark.parametrize(
    ("memory", "replicas", "reason"),
    [
        pytest.param(after((299, 9)), 9, "ScaleDownStabilized", id="the highest of five minutes"),
        pytest.param(after((301, 9)), 4, "ReadyForNewScale", id="older ones are forgotten"),
        pytest.param(after((200, 7), (100, 9), (50, 5)), 9, "ScaleDownStabilized", id="of several"),
        pytest.param(after((100, 2)), 4, "ReadyForNewScale", id="lower ones hold nothing up"),
    ],
)
def test_scaling_in_waits_for_the_highest_recent_recommendation(
    hpa: Hpa, memory: Memory, replicas: int, reason: str
) -> None:
    """Source: stabilizeRecommendation, stabilizeRecommendationWithBehaviors."""
    found = decide(10, 4, hpa, memory)

    assert (found.replicas, found.able[0]) == (replicas, reason)


def test_at_the_very_end_of_the_window_the_two_ways_differ() -> None:
    """Source: `Before(cutoff)` in stabilizeRecommendation, `After(cutoff)` in …WithBehaviors."""
    assert decide(10, 4, SIMPLE, after((300, 9))).replicas == 9
    assert decide(10, 4, DEFAULTED, after((300, 9))).replicas == 4


def test_without_behaviour_an_older_recommendation_may_still_scale_out() -> None:
    """What a scale-up limit cut off is made up for later. Source: normalizeDesiredReplicas."""
    first = decide(2, 20, SIMPLE)

    second = normalise(NOW_S + 15, 4, 4, SIMPLE, Options(), first.memory)

    assert (first.replicas, second.replicas) == (4, 8)


@pytest.mark.parametrize(
    ("desired", "memory", "replicas", "reason"),
    [
        pytest.param(20, after((50, 14)), 14, "ScaleUpStabilized", id="up to the lowest of the window"),
        pytest.param(20, after((50, 8)), 10, "ScaleUpStabilized", id="a lower one than now holds it where it is"),
        pytest.param(20, after((61, 8)), 20, "ReadyForNewScale", id="older ones are forgotten"),
        pytest.param(5, after((50, 14)), 10, "ScaleDownStabilized", id="down is held as well"),
        pytest.param(5, after((50, 7)), 7, "ScaleDownStabilized", id="down to the highest of the window"),
    ],
)
def test_each_direction_has_its_own_window(desired: int, memory: Memory, replicas: int, reason: str) -> None:
    """Source: stabilizeRecommendationWithBehaviors."""
    behaviour = Behaviour(replace(FREE, stabilisation_s=60.0), replace(FREE, stabilisation_s=60.0))

    found = decide(10, desired, replace(SIMPLE, behaviour=behaviour), memory)

    assert (found.replicas, found.able[0]) == (replicas, reason)


@pytest.mark.parametrize("hpa", [SIMPLE, DEFAULTED], ids=["without behaviour", "with its defaults"])
def test_what_is_remembered_is_the_size_asked_for_neither_stabilised_nor_limited(hpa: Hpa) -> None:
    """Source: the ends of stabilizeRecommendation and …WithBehaviors."""
    found = decide(10, 70, hpa, after((50, 30)))

    assert found.memory.recommendations[-1] == Recommendation(70, NOW_S)


def test_a_window_for_scaling_in_that_is_not_written_is_the_controllers_own() -> None:
    """Source: maybeInitScaleDownStabilizationWindow."""
    found = normalise(NOW_S, 10, 4, DEFAULTED, Options(downscale_stabilisation_s=30.0), after((31, 9), (29, 6)))

    assert found.replicas == 6


def policies(direction: str, select: SelectPolicy, *limits: Policy) -> Hpa:
    rules = ScalingRules(limits, select, stabilisation_s=0.0)
    behaviour = Behaviour(rules, FREE) if direction == "up" else Behaviour(FREE, rules)
    return replace(SIMPLE, behaviour=behaviour)


PODS_4, PERCENT_50 = Policy("Pods", 4, 60.0), Policy("Percent", 50, 60.0)


@pytest.mark.parametrize(
    ("direction", "select", "limits", "current", "replicas"),
    [
        pytest.param("up", "Max", [PODS_4], 10, 14, id="up, pods"),
        pytest.param("up", "Max", [PERCENT_50], 11, 17, id="up, per cent: rounded up"),
        pytest.param("up", "Max", [Policy("Percent", 1, 60.0)], 1, 2, id="up, per cent: always one at least"),
        pytest.param("up", "Max", [PODS_4, PERCENT_50], 10, 15, id="up, largest change"),
        pytest.param("up", "Min", [PODS_4, PERCENT_50], 10, 14, id="up, smallest change"),
        pytest.param("up", "Disabled", [PODS_4], 10, 10, id="up, disabled"),
        pytest.param("down", "Max", [PODS_4], 10, 6, id="down, pods"),
        pytest.param("down", "Max", [PERCENT_50], 11, 5, id="down, per cent: cut off"),
        pytest.param("down", "Max", [Policy("Percent", 10, 60.0)], 80, 72, id="80 to 72"),
        pytest.param("down", "Max", [Policy("Percent", 10, 60.0)], 72, 64, id="72 to 64"),
        pytest.param("down", "Max", [PODS_4, PERCENT_50], 10, 5, id="down, largest change"),
        pytest.param("down", "Min", [PODS_4, PERCENT_50], 10, 6, id="down, smallest change"),
        pytest.param("down", "Disabled", [PODS_4], 10, 10, id="down, disabled"),
    ],
)
def test_policies(direction: str, select: SelectPolicy, limits: list[Policy], current: int, replicas: int) -> None:
    """Source: calculateScaleUpLimitWithScalingRules, calculateScaleDownLimitWithBehaviors."""
    desired = 100 if direction == "up" else 1

    assert decide(current, desired, policies(direction, select, *limits)).replicas == replicas


def events(*ages_and_changes: tuple[float, int]) -> tuple[ScaleEvent, ...]:
    return tuple(ScaleEvent(replicas, NOW_S - age_s) for age_s, replicas in ages_and_changes)


@pytest.mark.parametrize(
    ("direction", "memory", "replicas"),
    [
        pytest.param("up", Memory(scale_ups=events((59, 3))), 11, id="up: three of the four are used up"),
        pytest.param("up", Memory(scale_ups=events((60, 3))), 14, id="up: an event as old as the period is past"),
        pytest.param("up", Memory(scale_ups=events((50, 3), (9, 3))), 10, id="up: never below the current size"),
        pytest.param("up", Memory(scale_downs=events((59, 2))), 16, id="up: what was removed may come back"),
        pytest.param("down", Memory(scale_downs=events((59, 3))), 9, id="down: three are used up"),
        pytest.param("down", Memory(scale_downs=events((59, 9))), 10, id="down: never above the current size"),
        pytest.param("down", Memory(scale_ups=events((59, 2))), 4, id="down: what was added may go again"),
    ],
)
def test_a_period_starts_from_the_size_before_its_changes(direction: str, memory: Memory, replicas: int) -> None:
    """Source: getReplicasChangePerPeriod, periodStartReplicas."""
    desired = 100 if direction == "up" else 1

    assert decide(10, desired, policies(direction, "Max", PODS_4), memory).replicas == replicas


def test_each_policy_looks_back_over_its_own_period() -> None:
    memory = Memory(scale_ups=events((100, 5)))
    slow, quick = Policy("Pods", 6, 120.0), Policy("Pods", 4, 60.0)

    assert decide(10, 100, policies("up", "Max", slow, quick), memory).replicas == 14
    assert decide(10, 100, policies("up", "Min", slow, quick), memory).replicas == 11


def test_changes_are_remembered_with_behaviour_only() -> None:
    """Source: storeScaleEvent."""
    assert remember_rescale(NOW_S, 4, 9, None, Memory()) == Memory()
    assert remember_rescale(NOW_S, 4, 9, Behaviour(), Memory()) == Memory(scale_ups=(ScaleEvent(5, NOW_S),))
    assert remember_rescale(NOW_S, 9, 4, Behaviour(), Memory()) == Memory(scale_downs=(ScaleEvent(5, NOW_S),))


def test_a_new_event_takes_the_place_of_one_that_its_own_direction_no_longer_needs() -> None:
    """The others stay, and still count for longer periods of the other direction. Source: storeScaleEvent."""
    memory = Memory(scale_ups=events((40, 1), (20, 2), (15, 3)))

    found = remember_rescale(NOW_S, 10, 14, Behaviour(), memory)

    assert found.scale_ups == (*events((40, 1)), ScaleEvent(4, NOW_S), *events((15, 3)))


def test_the_defaults_are_the_api_servers() -> None:
    """Source: pkg/apis/autoscaling/v2/defaults.go."""
    assert DEFAULT_SCALE_UP.policies == (Policy("Pods", 4, 15.0), Policy("Percent", 100, 15.0))
    assert (DEFAULT_SCALE_UP.select, DEFAULT_SCALE_UP.stabilisation_s) == ("Max", 0.0)
    assert DEFAULT_SCALE_DOWN.policies == (Policy("Percent", 100, 15.0),)
    assert (DEFAULT_SCALE_DOWN.select, DEFAULT_SCALE_DOWN.stabilisation_s) == ("Max", None)
