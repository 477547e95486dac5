"""From usage to a number of replicas, metric by metric: Kubernetes' replica calculator.

Source of every rule: kubernetes, pkg/controller/podautoscaler/replica_calculator.go (release 1.34 and later), the
functions named in the docstrings, and metrics/utilization.go.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slotrush.autoscale.observed import Metrics, Pod, Sample
from slotrush.autoscale.spec import MAX_INT32, Metric, Options, PodsMetric, ResourceMetric, SingleMetric, Tolerances


class MetricError(Exception):
    """A metric gave no number of replicas."""


class FailedMetricError(Exception):
    """Which metric gave none, and why: the text as in the controller's event.

    `reason` and `condition` are those of the ScalingActive condition.
    """

    def __init__(self, reason: str, condition: str, event: str) -> None:
        super().__init__(event)
        self.reason, self.condition = reason, condition


@dataclass(frozen=True)
class Proposal:
    """What one metric asks for. `usage` is in per cent for a utilisation target, else in thousandths."""

    replicas: int
    usage: int
    metric: str


@dataclass(frozen=True)
class Groups:
    """The pods by what their metrics are worth."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


@dataclass(frozen=True)
class Scene:
    """All that the metrics of one reconciliation have in common."""

    now_s: float
    current: int
    status_replicas: int
    pods: Sequence[Pod]
    metrics: Metrics
    tolerances: Tolerances
    options: Options


def propose(metric: Metric, scene: Scene) -> Proposal:
    """How many replicas it asks for. Raises FailedMetricError. Source: horizontal.go, computeReplicasForMetric."""
    try:
        if isinstance(metric, SingleMetric):
            return _single(metric, scene)
        samples = scene.metrics.per_pod.get(metric)
        if not samples:
            raise MetricError(_nothing_of(metric))
        if isinstance(metric, ResourceMetric) and metric.utilisation_percent is not None:
            return _utilisation(metric, metric.utilisation_percent, samples, scene)
        return _average(metric, samples, scene)
    except MetricError as error:
        raise _failure(metric, str(error)) from None


def describe(metric: Metric) -> str:
    """The controller's name for the metric. Source: horizontal.go, the computeStatusFor… functions."""
    match metric:
        case ResourceMetric(average_m=int()):
            return f"{metric.resource} resource"
        case ResourceMetric(container=None):
            return f"{metric.resource} resource utilization (percentage of request)"
        case ResourceMetric():
            return f"{metric.resource} container resource utilization (percentage of request)"
        case PodsMetric():
            return f"pods metric {metric.name}"
        case SingleMetric(kind=str(), value_m=int()):
            return f"{metric.kind} metric {metric.name}"
    return f"external metric {metric.name}"


def group_pods(
    pods: Sequence[Pod], samples: Mapping[str, Sample], now_s: float, options: Options, *, is_cpu: bool
) -> Groups:
    """Sort the pods, each into the first group that fits. Source: groupPods."""
    ready = 0
    unready, missing, ignored = set(), set(), set()
    for pod in pods:
        if pod.deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in samples:
            missing.add(pod.name)
        elif is_cpu and _cpu_is_untrustworthy(pod, samples[pod.name], now_s, options):
            unready.add(pod.name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _cpu_is_untrustworthy(pod: Pod, sample: Sample, now_s: float, options: Options) -> bool:
    """Whether the sample says more of the start than of the load."""
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + options.cpu_initialisation_s > now_s:
        return not pod.ready or sample.at_s < pod.ready_changed_s + sample.window_s
    return not pod.ready and pod.started_s + options.initial_readiness_delay_s > pod.ready_changed_s


def _utilisation(metric: ResourceMetric, target_percent: int, samples: Mapping[str, Sample], scene: Scene) -> Proposal:
    """Source: GetResourceReplicas, and GetResourceUtilizationRatio of metrics/utilization.go."""
    groups, usage_m = _usable(metric, samples, scene)
    requests_m = {pod.name: _request_m(pod, metric) for pod in scene.pods}

    def ratio_of(used_m: Mapping[str, int]) -> tuple[float, int]:
        known = [name for name in used_m if name in requests_m]
        requested_m = sum(requests_m[name] for name in known)
        if requested_m == 0:
            raise MetricError("no metrics returned matched known pods")
        percent = sum(used_m[name] for name in known) * 100 // requested_m
        return percent / target_percent, percent

    ratio, percent = ratio_of(usage_m)
    fallback_percent = max(100, target_percent)
    fallback_m = {name: requests_m[name] * fallback_percent // 100 for name in groups.missing}
    replicas = _replicas(ratio, usage_m, fallback_m, groups, scene, lambda filled_m: ratio_of(filled_m)[0])
    return Proposal(replicas, percent, describe(metric))


def _average(metric: ResourceMetric | PodsMetric, samples: Mapping[str, Sample], scene: Scene) -> Proposal:
    """Source: calcPlainMetricReplicas, and GetMetricUsageRatio of metrics/utilization.go."""
    target_m = metric.average_m
    assert target_m is not None
    groups, usage_m = _usable(metric, samples, scene)

    def ratio_of(used_m: Mapping[str, int]) -> float:
        return sum(used_m.values()) // len(used_m) / target_m

    fallback_m = dict.fromkeys(groups.missing, target_m)
    replicas = _replicas(ratio_of(usage_m), usage_m, fallback_m, groups, scene, ratio_of)
    return Proposal(replicas, sum(usage_m.values()) // len(usage_m), describe(metric))


def _usable(
    metric: ResourceMetric | PodsMetric, samples: Mapping[str, Sample], scene: Scene
) -> tuple[Groups, dict[str, int]]:
    """The groups, and the usage of those pods that count."""
    if not scene.pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    is_cpu = isinstance(metric, ResourceMetric) and metric.resource == "cpu"
    groups = group_pods(scene.pods, samples, scene.now_s, scene.options, is_cpu=is_cpu)
    usage_m = {name: sample.value_m for name, sample in samples.items() if name not in groups.ignored | groups.unready}
    if not usage_m:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, usage_m


def _replicas(
    ratio: float,
    usage_m: dict[str, int],
    fallback_m: Mapping[str, int],
    groups: Groups,
    scene: Scene,
    ratio_of: Callable[[Mapping[str, int]], float],
) -> int:
    """The part that GetResourceReplicas and calcPlainMetricReplicas share.

    Pods without a sample are taken to use `fallback_m` when it goes down, and nothing when it goes up; so are unready
    pods when it goes up. If that turns the direction round, nothing happens.
    """
    fill_unready = bool(groups.unready) and ratio > 1.0
    if not fill_unready and not groups.missing:
        return scene.current if scene.tolerances.hold(ratio) else _ceil(ratio * groups.ready)
    filled_m = dict(usage_m)
    if ratio < 1.0:
        filled_m |= fallback_m
    elif ratio > 1.0:
        filled_m |= dict.fromkeys(groups.missing, 0)
    if fill_unready:
        filled_m |= dict.fromkeys(groups.unready, 0)
    new_ratio = ratio_of(filled_m)
    turned = (ratio < 1.0 < new_ratio) or (new_ratio < 1.0 < ratio)
    if turned or scene.tolerances.hold(new_ratio):
        return scene.current
    replicas = _ceil(new_ratio * len(filled_m))
    against = (new_ratio < 1.0 and replicas > scene.current) or (new_ratio > 1.0 and replicas < scene.current)
    return scene.current if against else replicas


def _single(metric: SingleMetric, scene: Scene) -> Proposal:
    """Source: GetObjectMetricReplicas, GetExternalMetricReplicas and their …PerPod… forms."""
    usage_m = scene.metrics.single_m.get(metric)
    if usage_m is None:
        raise MetricError(_nothing_of(metric))
    if metric.value_m is not None:
        return Proposal(_by_value(usage_m / metric.value_m, scene), usage_m, describe(metric))
    assert metric.average_m is not None
    replicas = scene.status_replicas
    # Go divides by zero to an infinity here, which is outside any tolerance (0/0 too, not being a number).
    ratio = usage_m / (metric.average_m * replicas) if replicas else math.inf
    if not scene.tolerances.hold(ratio):
        replicas = _ceil(usage_m / metric.average_m)
    per_pod_m = math.ceil(usage_m / scene.status_replicas) if scene.status_replicas else usage_m
    return Proposal(replicas, per_pod_m, describe(metric))


def _by_value(ratio: float, scene: Scene) -> int:
    """Source: getUsageRatioReplicaCount."""
    if scene.current == 0:
        return _ceil(ratio)
    if scene.tolerances.hold(ratio):
        return scene.current
    if not scene.pods:
        raise MetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    return _ceil(ratio * sum(pod.phase == "Running" and pod.ready is True for pod in scene.pods))


def _request_m(pod: Pod, metric: ResourceMetric) -> int:
    """Source: calculatePodRequestsFromContainers."""
    if metric.container is not None and metric.container not in pod.requests_m:
        raise MetricError(f"container {metric.container} not found in Pod {pod.name}")
    total_m = 0
    for container, requests_m in pod.requests_m.items():
        if metric.container in (None, container):
            if metric.resource not in requests_m:
                raise MetricError(f"missing request for {metric.resource} in container {container} of Pod {pod.name}")
            total_m += requests_m[metric.resource]
    return total_m


def _nothing_of(metric: Metric) -> str:
    match metric:
        case ResourceMetric():
            return (
                f"unable to get metrics for resource {metric.resource}: no metrics returned from resource metrics API"
            )
        case SingleMetric(kind=None):
            return f"unable to get external metric {metric.name}: no metrics returned from external metrics API"
    return f"unable to get metric {metric.name}: no metrics returned from custom metrics API"


def _failure(metric: Metric, why: str) -> FailedMetricError:
    """Source: horizontal.go, computeReplicasForMetric and the computeStatusFor… functions."""
    match metric:
        case ResourceMetric():
            why = f"failed to get {metric.resource} utilization: {why}"
            if metric.container is None:
                event = f"failed to get {metric.resource} resource metric value: {why}"
                return FailedMetricError("FailedGetResourceMetric", why, event)
            event = f"failed to get {metric.container} container metric value: {why}"
            return FailedMetricError("FailedGetContainerResourceMetric", why, event)
        case PodsMetric():
            return FailedMetricError("FailedGetPodsMetric", why, f"failed to get pods metric value: {why}")
        case SingleMetric(kind=str()):
            why = why if metric.average_m is None else f"failed to get {metric.name} object metric: {why}"
            return FailedMetricError("FailedGetObjectMetric", why, f"failed to get object metric value: {why}")
    why = f"failed to get {metric.name} external metric: {why}"
    return FailedMetricError("FailedGetExternalMetric", why, f"failed to get external metric value: {why}")


def _ceil(replicas: float) -> int:
    return MAX_INT32 if replicas > MAX_INT32 else math.ceil(replicas)
