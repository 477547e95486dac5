"""Whole reconciliations: what the controller decides, says and remembers, and what always holds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.autoscale.hpa import Controller, Decision
from slotrush.autoscale.observed import Metrics, Pod, Sample
from slotrush.autoscale.spec import (
    Behaviour,
    Hpa,
    Metric,
    Options,
    Policy,
    ResourceMetric,
    ScalingRules,
    SelectPolicy,
    SingleMetric,
)

CPU = ResourceMetric("cpu", utilisation_percent=50)
QUEUE = SingleMetric("queue", average_m=1000)
HPA = Hpa(max_replicas=20, min_replicas=2, metrics=(CPU,))
SYNC_S = 15.0


def pods_of(count: int) -> list[Pod]:
    return [Pod(f"pod-{number}", started_s=-3600, requests_m={"app": {"cpu": 100}}) for number in range(count)]


def usage_of(count: int, total_m: float) -> Metrics:
    """The total, spread evenly."""
    return Metrics({CPU: {f"pod-{number}": Sample(int(total_m / count), 0.0) for number in range(count)}})


def reconcile(controller: Controller, now_s: float, current: int, total_m: float) -> Decision:
    return controller.reconcile(now_s, current, pods_of(current), usage_of(current, total_m))


def said(decision: Decision) -> dict[str, tuple[bool, str]]:
    return {condition.kind: (condition.status, condition.reason) for condition in decision.conditions}


def test_above_the_target_it_scales_out_and_says_so() -> None:
    """Source: horizontal.go, reconcileAutoscaler."""
    decision = reconcile(Controller(HPA), 0.0, 4, 300)

    assert decision.desired == 6
    assert decision.reason == "cpu resource utilization (percentage of request) above target"
    assert said(decision) == {
        "AbleToScale": (True, "SucceededRescale"),
        "ScalingActive": (True, "ValidMetricFound"),
        "ScalingLimited": (False, "DesiredWithinRange"),
    }
    assert [proposal.usage for proposal in decision.proposals] == [75]


def test_a_controller_that_was_just_started_holds_the_size_for_the_window() -> None:
    """Source: horizontal.go, recordInitialRecommendation."""
    controller = Controller(HPA)

    sizes = [reconcile(controller, now_s, 8, 100).desired for now_s in (0.0, 150.0, 300.0)]
    last = reconcile(controller, 300.1, 8, 100)

    assert sizes == [8, 8, 8]
    assert (last.desired, last.reason) == (2, "All metrics below target")


@pytest.mark.parametrize(
    ("current", "desired", "reason"),
    [
        pytest.param(30, 20, "Current number of replicas above Spec.MaxReplicas", id="above the maximum"),
        pytest.param(1, 2, "Current number of replicas below Spec.MinReplicas", id="below the minimum"),
    ],
)
def test_outside_of_its_limits_it_moves_at_once_whatever_metrics_and_policies_say(
    current: int, desired: int, reason: str
) -> None:
    """Source: horizontal.go, reconcileAutoscaler."""
    locked = ScalingRules((Policy("Pods", 1, 60.0),), "Disabled", stabilisation_s=300.0)
    controller = Controller(replace(HPA, behaviour=Behaviour(locked, locked)))

    decision = controller.reconcile(0.0, current, [], Metrics())

    assert (decision.desired, decision.reason) == (desired, reason)
    assert said(decision) == {"AbleToScale": (True, "SucceededRescale")}


def test_at_zero_replicas_it_is_switched_off() -> None:
    """Source: horizontal.go, reconcileAutoscaler."""
    decision = Controller(HPA).reconcile(0.0, 0, [], Metrics())

    assert decision.desired == 0
    assert said(decision)["ScalingActive"] == (False, "ScalingDisabled")


def test_with_a_minimum_of_zero_it_wakes_up() -> None:
    """Source: horizontal.go, reconcileAutoscaler; replica_calculator.go, getUsageRatioReplicaCount."""
    controller = Controller(replace(HPA, min_replicas=0, metrics=(QUEUE,)))

    assert controller.reconcile(0.0, 0, [], Metrics(single_m={QUEUE: 3000})).desired == 3


@pytest.mark.parametrize(
    ("queue_m", "cpu_m", "desired", "active"),
    [
        pytest.param(7000, 300, 7, (True, "ValidMetricFound"), id="the metric that asks for most"),
        pytest.param(1000, 300, 6, (True, "ValidMetricFound"), id="the other way round"),
        pytest.param(7000, None, 7, (True, "ValidMetricFound"), id="one failed, the other scales out: go on"),
        pytest.param(4000, None, 4, (True, "ValidMetricFound"), id="one failed, the other stays: go on"),
        pytest.param(1000, None, 4, (False, "FailedGetResourceMetric"), id="one failed, the other scales in: stop"),
        pytest.param(None, None, 4, (False, "FailedGetResourceMetric"), id="all failed: stop, the first is named"),
    ],
)
def test_several_metrics(queue_m: int | None, cpu_m: int | None, desired: int, active: tuple[bool, str]) -> None:
    """Source: horizontal.go, computeReplicasForMetrics."""
    controller = Controller(replace(HPA, metrics=(CPU, QUEUE), behaviour=Behaviour(scale_down=ScalingRules(
        (Policy("Percent", 100, 15.0),), stabilisation_s=0.0))))  # fmt: skip
    metrics: dict[Metric, dict[str, Sample]] = {} if cpu_m is None else {CPU: dict(usage_of(4, cpu_m).per_pod[CPU])}
    single_m: dict[Metric, int] = {} if queue_m is None else {QUEUE: queue_m}

    decision = controller.reconcile(0.0, 4, pods_of(4), Metrics(metrics, single_m))

    assert decision.desired == desired
    assert said(decision)["ScalingActive"] == active
    assert bool(decision.error) == (queue_m is None or cpu_m is None)


def test_a_failure_is_told_in_the_controllers_words() -> None:
    decision = Controller(HPA).reconcile(0.0, 4, pods_of(4), Metrics())

    why = (
        "failed to get cpu utilization: unable to get metrics for resource cpu: "
        "no metrics returned from resource metrics API"
    )
    first = f"failed to get cpu resource metric value: {why}"
    assert decision.error == f"invalid metrics (1 invalid out of 1), first error is: {first}"
    [active] = [condition for condition in decision.conditions if condition.kind == "ScalingActive"]
    assert active.message == f"the HPA was unable to compute the replica count: {why}"


def test_what_failed_is_not_remembered() -> None:
    """Source: horizontal.go, reconcileAutoscaler: it returns before normalising."""
    controller = Controller(HPA)
    controller.reconcile(0.0, 4, pods_of(4), Metrics())
    controller.reconcile(15.0, 4, pods_of(4), Metrics())

    assert controller.memory is not None
    assert len(controller.memory.recommendations) == 1


def test_from_one_replica_out_as_fast_as_the_defaults_of_behaviour_allow() -> None:
    """1, 5, 10, 20, 40 every 15 s. Source: v2/defaults.go; the events of the last period count strictly."""
    controller = Controller(Hpa(max_replicas=60, metrics=(CPU,), behaviour=Behaviour()))
    sizes = [1]
    for step in range(4):
        sizes.append(reconcile(controller, step * SYNC_S, sizes[-1], 6000).desired)

    assert sizes == [1, 5, 10, 20, 40]


rules = st.builds(
    ScalingRules,
    policies=st.lists(
        st.builds(
            Policy,
            kind=st.sampled_from(["Pods", "Percent"]),
            value=st.integers(1, 200),
            period_s=st.sampled_from([15.0, 60.0, 300.0]),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    select=st.sampled_from(["Max", "Min", "Disabled"]),
    stabilisation_s=st.none() | st.sampled_from([0.0, 30.0, 300.0]),
    tolerance=st.none() | st.floats(0, 0.5),
)
autoscalers = st.builds(
    lambda low, more, target, behaviour: Hpa(
        low + more, low, (ResourceMetric("cpu", utilisation_percent=target),), behaviour
    ),
    st.integers(1, 10),
    st.integers(0, 50),
    st.integers(10, 150),
    st.none() | st.builds(Behaviour, scale_up=rules, scale_down=rules),
)
loads_m = st.lists(st.integers(0, 10_000), min_size=1, max_size=40)


def play(hpa: Hpa, totals_m: list[int], start: int) -> list[int]:
    """The sizes, round by round, under a load that spreads over whatever pods there are."""
    controller, sizes = Controller(hpa), [start]
    for step, total_m in enumerate(totals_m):
        size = sizes[-1]
        samples = {f"pod-{number}": Sample(total_m // size, 0.0) for number in range(size)}
        metrics = Metrics(dict.fromkeys(hpa.metrics, samples))
        sizes.append(controller.reconcile(step * SYNC_S, size, pods_of(size), metrics).desired)
    return sizes


@settings(deadline=None)
@given(autoscalers, loads_m, st.integers(1, 80))
def test_the_size_is_never_outside_of_the_limits(hpa: Hpa, totals_m: list[int], start: int) -> None:
    sizes = play(hpa, totals_m, start)

    assert all(hpa.min_replicas <= size <= hpa.max_replicas for size in sizes[1:])


@settings(deadline=None)
@given(autoscalers, loads_m, st.integers(0, 2_000))
def test_more_load_never_leads_to_fewer_replicas_in_one_round(hpa: Hpa, totals_m: list[int], more_m: int) -> None:
    size, total_m = hpa.min_replicas, totals_m[0]
    controllers = [Controller(hpa), Controller(hpa)]

    def asked(controller: Controller, load_m: int) -> int:
        samples = {f"pod-{number}": Sample(load_m // size, 0.0) for number in range(size)}
        return controller.reconcile(0.0, size, pods_of(size), Metrics(dict.fromkeys(hpa.metrics, samples))).desired

    assert asked(controllers[0], total_m) <= asked(controllers[1], total_m + more_m)


@settings(deadline=None)
@given(autoscalers, st.integers(2, 10), st.data())
def test_within_the_tolerance_nothing_ever_happens(hpa: Hpa, size: int, data: st.DataObject) -> None:
    hpa = replace(hpa, min_replicas=1, max_replicas=20)
    metric, tolerances = hpa.metrics[0], hpa.tolerances(Options())
    assert isinstance(metric, ResourceMetric)
    target_percent = metric.utilisation_percent or 0
    within = [percent for percent in range(2 * target_percent) if tolerances.hold(percent / target_percent)]
    totals_m = [percent * size for percent in data.draw(st.lists(st.sampled_from(within), min_size=1, max_size=10))]

    assert set(play(hpa, totals_m, size)) == {size}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2_000), min_size=1, max_size=80),
    st.sampled_from(["Max", "Min"]),
    st.sampled_from([30.0, 60.0, 300.0]),
)
def test_it_never_scales_in_below_what_it_recommended_within_the_window(
    totals_m: list[int], select: SelectPolicy, window_s: float
) -> None:
    down = ScalingRules((Policy("Percent", 100, 15.0),), select, stabilisation_s=window_s)
    controller, size = Controller(replace(HPA, behaviour=Behaviour(scale_down=down))), 5
    asked: list[tuple[float, int]] = []
    for step, total_m in enumerate(totals_m):
        now_s = step * SYNC_S
        decision = reconcile(controller, now_s, size, total_m)
        asked.append((now_s, decision.proposals[0].replicas))
        if decision.desired < size:
            recent = max(replicas for at_s, replicas in asked if at_s > now_s - window_s)
            assert decision.desired >= min(recent, HPA.max_replicas)
        size = decision.desired
