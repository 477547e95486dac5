"""One metric at a time: what it asks for, rule by rule, with where Kubernetes has the rule.

All sources are in pkg/controller/podautoscaler; the cases are our own, those of replica_calculator_test.go the model.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from slotrush.autoscale.metrics import FailedMetricError, Proposal, Scene, group_pods, propose
from slotrush.autoscale.observed import Metrics, Pod, Sample
from slotrush.autoscale.spec import Metric, Options, PodsMetric, ResourceMetric, SingleMetric, Tolerances

NOW_S = 10_000.0
CPU = ResourceMetric("cpu", utilisation_percent=60)
MEMORY = ResourceMetric("memory", utilisation_percent=60)
REQUEST = {"app": {"cpu": 1000, "memory": 1000}}
OLD = Pod("old", started_s=0.0, ready_changed_s=10.0, requests_m=REQUEST)
PENDING = Pod("new", phase="Pending", started_s=None, ready=None, requests_m=REQUEST)


def pods_of(count: int) -> list[Pod]:
    return [replace(OLD, name=f"pod-{number}") for number in range(count)]


def ask(
    metric: Metric,
    pods: Sequence[Pod],
    usage_m: Sequence[int | None] = (),
    *,
    single_m: int | None = None,
    current: int | None = None,
    tolerances: Tolerances = Tolerances(0.1, 0.1),  # noqa: B008 - frozen
) -> Proposal:
    """What the metric asks for; `usage_m` goes with the pods, None being a pod without a sample."""
    samples = {pod.name: Sample(m, NOW_S) for pod, m in zip(pods, usage_m, strict=False) if m is not None}
    metrics = Metrics({metric: samples}, {} if single_m is None else {metric: single_m})
    size = len(pods) if current is None else current
    return propose(metric, Scene(NOW_S, size, len(pods), pods, metrics, tolerances, Options()))


@pytest.mark.parametrize(
    ("usage_m", "replicas"),
    [
        pytest.param([900, 900, 900], 5, id="above: the ceiling of 90/60 of 3"),
        pytest.param([300, 300, 300], 2, id="below: the ceiling of 30/60 of 3"),
        pytest.param([660, 660, 660], 3, id="exactly at the upper end of the tolerance"),
        pytest.param([670, 670, 670], 4, id="just above the tolerance"),
        pytest.param([540, 540, 540], 3, id="exactly at the lower end"),
        pytest.param([669, 669, 669], 3, id="66.9 % counts as 66 %: utilisation is a whole number, cut off"),
        pytest.param([1800, 0, 0], 3, id="the pods' sum counts, not each"),
        pytest.param([0, 0, 0], 0, id="no usage at all"),
    ],
)
def test_utilisation_over_target_times_ready_pods(usage_m: list[int], replicas: int) -> None:
    """Source: replica_calculator.go, GetResourceReplicas; metrics/utilization.go, GetResourceUtilizationRatio."""
    assert ask(CPU, pods_of(3), usage_m).replicas == replicas


def test_pods_that_are_ready_are_counted_not_the_size_that_was_set() -> None:
    """Source: GetResourceReplicas. A rolling update's surge pods make it ask for too many: kubernetes #72775."""
    assert ask(CPU, pods_of(4), [900] * 4, current=3).replicas == 6


def test_utilisation_is_against_all_containers_or_against_the_named_one() -> None:
    """Source: calculatePodRequestsFromContainers."""
    two = [replace(OLD, requests_m={"app": {"cpu": 500}, "sidecar": {"cpu": 500}})]

    assert ask(CPU, two, [600]).usage == 60
    assert ask(replace(CPU, container="app"), two, [300]).usage == 60


@pytest.mark.parametrize(
    ("down", "up", "usage_m", "replicas"),
    [
        pytest.param(0.1, 0.0, 610, 11, id="none upwards"),
        pytest.param(0.1, 0.5, 890, 10, id="half upwards"),
        pytest.param(0.0, 0.1, 590, 10, id="none downwards: the ceiling is 10"),
        pytest.param(0.0, 0.1, 530, 9, id="none downwards"),
        pytest.param(0.5, 0.1, 310, 10, id="half downwards"),
    ],
)
def test_tolerance_is_one_number_for_each_direction(down: float, up: float, usage_m: int, replicas: int) -> None:
    """Source: Tolerances.isWithin, KEP-4951."""
    assert ask(CPU, pods_of(10), [usage_m] * 10, tolerances=Tolerances(down, up)).replicas == replicas


@pytest.mark.parametrize(
    ("metric", "usage_m", "replicas"),
    [
        pytest.param(CPU, [900, 900, None], 3, id="up: missing use nothing, 60 % is in the tolerance"),
        pytest.param(CPU, [1500, 1500, None], 5, id="up: 100 % over three"),
        pytest.param(CPU, [100, 100, None], 2, id="down: missing use all of their request, 40 %"),
        pytest.param(CPU, [500, 500, None], 3, id="down would become up, 66 %: nothing happens"),
        pytest.param(CPU, [600, 600, None], 4, id="a ratio of exactly 1 fills nothing in, and 1 is in the tolerance"),
        pytest.param(
            replace(CPU, utilisation_percent=200), [500, 500, None], 2, id="down: all of the target, where it is more"
        ),
        pytest.param(PodsMetric("queries", 600), [900, 900, None], 3, id="pods metric, up: nothing"),
        pytest.param(PodsMetric("queries", 600), [1500, 1500, None], 5, id="pods metric, up"),
        pytest.param(PodsMetric("queries", 600), [100, 100, None], 2, id="pods metric, down: the target"),
    ],
)
def test_pods_without_a_sample_slow_down_both_directions(
    metric: Metric, usage_m: list[int | None], replicas: int
) -> None:
    """Source: GetResourceReplicas and calcPlainMetricReplicas, missingPods."""
    current = 4 if usage_m[0] == 600 else 3

    assert ask(metric, pods_of(3), usage_m, current=current).replicas == replicas


@pytest.mark.parametrize(
    ("usage_m", "replicas"),
    [
        pytest.param([900, 900], 3, id="90 % of two is 60 % of three: in the tolerance"),
        pytest.param([1500, 1500], 5, id="150 % of two is 100 % of three"),
        pytest.param([700, 700], 3, id="would turn round: nothing happens"),
        pytest.param([100, 100], 1, id="down: unready pods do not count"),
        pytest.param([580, 580], 3, id="just below the target: in the tolerance, which it would not be with them"),
    ],
)
def test_unready_pods_use_nothing_on_the_way_up_and_do_not_count_on_the_way_down(
    usage_m: list[int], replicas: int
) -> None:
    """Source: GetResourceReplicas, scaleUpWithUnready."""
    assert ask(CPU, [*pods_of(2), PENDING], usage_m).replicas == replicas


def test_what_was_filled_in_never_turns_the_direction_round() -> None:
    """Source: GetResourceReplicas. 70 % of two is 46 % of three; 50 % of nine is 84 % with a big one in full."""
    big = replace(OLD, name="big", requests_m={"app": {"cpu": 20_000}})

    assert ask(CPU, [*pods_of(2), PENDING], [700, 700], current=5).replicas == 5
    assert ask(CPU, [*pods_of(9), big], [500] * 9 + [None], current=5).replicas == 5


def test_never_fewer_than_now_when_asking_for_more_nor_more_when_asking_for_fewer() -> None:
    """Source: GetResourceReplicas, "the change of metrics length would cause a change in scale direction"."""
    assert ask(CPU, [*pods_of(2), PENDING], [1500, 1500], current=8).replicas == 8
    assert ask(CPU, pods_of(6), [100] * 5 + [None], current=1).replicas == 1


@pytest.mark.parametrize(
    ("pod", "sample", "group"),
    [
        pytest.param(replace(OLD, deleted=True), True, "ignored", id="on its way out"),
        pytest.param(replace(OLD, phase="Failed"), True, "ignored", id="failed"),
        pytest.param(replace(OLD, phase="Pending", deleted=True), False, "ignored", id="pending, on its way out"),
        pytest.param(replace(OLD, phase="Pending"), True, "unready", id="pending, even with a sample"),
        pytest.param(OLD, False, "missing", id="no sample"),
        pytest.param(replace(OLD, ready=False), False, "missing", id="no sample comes before unready"),
        pytest.param(OLD, True, "ready", id="ready for long"),
        pytest.param(replace(OLD, ready=None), True, "unready", id="no Ready condition"),
        pytest.param(replace(OLD, started_s=None), True, "unready", id="no start time"),
        pytest.param(replace(OLD, ready=False, ready_changed_s=29.0), True, "unready", id="never was ready"),
        pytest.param(replace(OLD, ready=False, ready_changed_s=30.0), True, "ready", id="was ready once"),
        pytest.param(
            replace(OLD, started_s=NOW_S - 299, ready_changed_s=NOW_S - 15), True, "ready", id="young, a whole window"
        ),
        pytest.param(
            replace(OLD, started_s=NOW_S - 299, ready_changed_s=NOW_S - 14), True, "unready", id="young, less"
        ),
        pytest.param(
            replace(OLD, started_s=NOW_S - 300, ready_changed_s=NOW_S - 14), True, "ready", id="old enough for that"
        ),
        pytest.param(
            replace(OLD, started_s=NOW_S - 299, ready=False, ready_changed_s=NOW_S - 99), True, "unready", id="young"
        ),
        pytest.param(replace(OLD, phase="Succeeded"), True, "ready", id="finished pods are not told apart"),
    ],
)
def test_each_pod_goes_into_the_first_group_that_fits(pod: Pod, sample: bool, group: str) -> None:
    """Source: groupPods."""
    samples = {pod.name: Sample(1, NOW_S, 15.0)} if sample else {}

    groups = group_pods([pod], samples, NOW_S, Options(), is_cpu=True)

    found = {"unready": groups.unready, "missing": groups.missing, "ignored": groups.ignored}
    assert [name for name, members in found.items() if members] == ([] if group == "ready" else [group])
    assert groups.ready == (group == "ready")


def test_readiness_matters_for_cpu_alone() -> None:
    """Source: groupPods, `if resource == v1.ResourceCPU`."""
    young = replace(OLD, started_s=NOW_S - 1, ready=False, ready_changed_s=NOW_S)

    assert group_pods([young], {"old": Sample(1, NOW_S)}, NOW_S, Options(), is_cpu=False).ready == 1
    assert ask(MEMORY, [young], [900]).replicas == 2


@pytest.mark.parametrize(
    ("metric", "usage_m", "replicas", "usage"),
    [
        pytest.param(PodsMetric("queries", 2000), [5000, 7001, 3000], 8, 5000, id="averages are cut off"),
        pytest.param(PodsMetric("queries", 2000), [2199, 2199, 2199], 3, 2199, id="within the tolerance"),
        pytest.param(ResourceMetric("memory", average_m=500), [1000] * 3, 6, 1000, id="a resource's average"),
    ],
)
def test_average_per_pod(metric: Metric, usage_m: list[int], replicas: int, usage: int) -> None:
    """Source: calcPlainMetricReplicas; metrics/utilization.go, GetMetricUsageRatio."""
    found = ask(metric, pods_of(3), usage_m)

    assert (found.replicas, found.usage) == (replicas, usage)


@pytest.mark.parametrize(
    ("metric", "value_m", "replicas"),
    [
        pytest.param(
            SingleMetric("length", "Service", value_m=10_000), 33_000, 7, id="object, value: times ready pods"
        ),
        pytest.param(SingleMetric("length", "Service", value_m=10_000), 10_900, 3, id="object, value: tolerance"),
        pytest.param(SingleMetric("length", value_m=10_000), 33_000, 7, id="external, value"),
        pytest.param(SingleMetric("length", value_m=10_000), 0, 0, id="external, value: nothing to do"),
        pytest.param(SingleMetric("length", "Service", average_m=5_000), 33_000, 7, id="object, average: by itself"),
        pytest.param(SingleMetric("length", average_m=11_500), 33_000, 3, id="external, average: tolerance"),
        pytest.param(SingleMetric("length", average_m=5_000), 33_000, 7, id="external, average"),
    ],
)
def test_metrics_with_one_value(metric: Metric, value_m: int, replicas: int) -> None:
    """Source: GetObjectMetricReplicas, GetObjectPerPodMetricReplicas, GetExternal…; two of three pods are ready."""
    pods = [*pods_of(2), replace(PENDING, phase="Running", ready=False)]

    assert ask(metric, pods, single_m=value_m).replicas == replicas


def test_from_zero_the_ratio_itself_counts() -> None:
    """Source: getUsageRatioReplicaCount, "Scale to zero or n pods depending on usageRatio"."""
    assert ask(SingleMetric("length", value_m=10_000), [], single_m=33_000).replicas == 4
    assert ask(SingleMetric("length", value_m=10_000), [], single_m=0).replicas == 0
    assert ask(SingleMetric("length", average_m=10_000), [], single_m=33_000).replicas == 4


NO_CPU = (
    "failed to get cpu utilization: unable to get metrics for resource cpu: "
    "no metrics returned from resource metrics API"
)
UNREADY = "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)"
NO_REQUEST = "failed to get cpu utilization: missing request for cpu in container app of Pod old"
NO_CONTAINER = "failed to get cpu utilization: container x not found in Pod old"
NO_CUSTOM = "unable to get metric q: no metrics returned from custom metrics API"
NO_EXTERNAL = (
    "failed to get q external metric: unable to get external metric q: no metrics returned from external metrics API"
)
NO_PODS = "unable to calculate ready pods: no pods returned by selector while calculating replica count"


@pytest.mark.parametrize(
    ("metric", "pods", "usage_m", "reason", "event"),
    [
        pytest.param(CPU, pods_of(1), [None], "Resource", f"cpu resource metric value: {NO_CPU}", id="no metrics"),
        pytest.param(CPU, [], [], "Resource", f"cpu resource metric value: {NO_CPU}", id="nothing at all"),
        pytest.param(
            CPU, [replace(OLD, ready=None)], [1], "Resource", f"cpu resource metric value: {UNREADY}", id="all unready"
        ),
        pytest.param(
            CPU, [replace(OLD, requests_m={"app": {}})], [1], "Resource", f"cpu resource metric value: {NO_REQUEST}",
            id="no request",
        ),
        pytest.param(
            replace(CPU, container="x"), [OLD], [1], "ContainerResource", f"x container metric value: {NO_CONTAINER}",
            id="no such container",
        ),
        pytest.param(
            PodsMetric("q", 1), pods_of(1), [None], "Pods", f"pods metric value: {NO_CUSTOM}", id="pods"
        ),
        pytest.param(
            SingleMetric("q", "Ingress", 1), [OLD], [], "Object", f"object metric value: {NO_CUSTOM}", id="object"
        ),
        pytest.param(
            SingleMetric("q", value_m=1), [OLD], [], "External", f"external metric value: {NO_EXTERNAL}", id="external"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_says_so_in_the_controllers_words(
    metric: Metric, pods: list[Pod], usage_m: list[int | None], reason: str, event: str
) -> None:
    """Source: GetResourceReplicas, calculatePodRequestsFromContainers; horizontal.go, computeStatusFor…."""
    with pytest.raises(FailedMetricError) as caught:
        ask(metric, pods, usage_m)
    assert (str(caught.value), caught.value.reason) == (f"failed to get {event}", f"FailedGet{reason}Metric")


def test_a_value_without_any_pod_says_so_in_the_controllers_words() -> None:
    """Source: getUsageRatioReplicaCount."""
    with pytest.raises(FailedMetricError) as caught:
        ask(SingleMetric("q", value_m=1), [], single_m=2, current=1)
    assert str(caught.value) == f"failed to get external metric value: failed to get q external metric: {NO_PODS}"


def test_samples_of_strangers_alone_are_no_basis() -> None:
    """Source: GetResourceUtilizationRatio, "no metrics returned matched known pods"."""
    metrics = Metrics({CPU: {"stranger": Sample(100, NOW_S)}})
    scene = Scene(NOW_S, 1, 1, [OLD], metrics, Tolerances(0.1, 0.1), Options())

    with pytest.raises(FailedMetricError, match="matched known pods"):
        propose(CPU, scene)
