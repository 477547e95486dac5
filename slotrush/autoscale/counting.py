"""What is counted of pods that are simulated, or that are replicas on this machine, and the metrics that it gives."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.autoscale.metrics import describe
from slotrush.autoscale.observed import Metrics, Sample
from slotrush.autoscale.spec import Hpa, Metric, PodsMetric, ResourceMetric
from slotrush.errors import BadInputError

REQUESTS: Final = "http_requests_per_second"
"""The pods metric of the booking system, as the adapter's rule in k8s/monitoring/adapter.yaml calls it."""
CONTAINER: Final = "app"
"""The only container of its pods, as k8s/base/app.yaml has it."""


@dataclass(frozen=True)
class Counters:
    """What was counted of a pod by the time of a look: CPU seconds, and requests."""

    at_s: float
    cpu_s: float
    requests: int

    def since(self, before: "Counters", metric: Metric) -> Sample:
        """The metric between two looks, which has to be one that `require_counted` lets pass.

        Whole thousandths: of a core rounded up, as metrics-server's client does, and of requests per second rounded
        down, as the Prometheus adapter does (prometheus-adapter, pkg/custom-provider/provider.go).
        """
        window_s = self.at_s - before.at_s
        if isinstance(metric, PodsMetric):
            value_m = math.floor((self.requests - before.requests) / window_s * 1000)
        else:
            value_m = math.ceil((self.cpu_s - before.cpu_s) / window_s * 1000)
        return Sample(value_m, self.at_s, window_s)


def measured(hpa: Hpa, looks: Mapping[str, Sequence[Counters]]) -> Metrics:
    """What the autoscaler gets of the last two looks at each pod: nothing of one that has not been looked at twice."""
    twice = {name: seen[-2:] for name, seen in looks.items() if len(seen) > 1}
    return Metrics({metric: {name: b.since(a, metric) for name, (a, b) in twice.items()} for metric in hpa.metrics})


def require_counted(hpa: Hpa, containers: Collection[str] = (CONTAINER,)) -> None:
    """Raises BadInputError for a metric that `Counters` do not know, where pods have these containers.

    They know the CPU of a pod, which is that of a container only where it has no other, and its requests.
    """
    for metric in hpa.metrics:
        if not _is_counted(metric):
            problem = f"its {describe(metric)} cannot be simulated, nor measured on this machine"
            raise BadInputError(f"autoscaler {hpa.name}", problem, f"Use one with CPU and {REQUESTS} alone")
        container = metric.container if isinstance(metric, ResourceMetric) else None
        if container is not None and {container} != set(containers):
            problem = f"its metric is that of container {container} alone, and its pods have {', '.join(containers)}"
            raise BadInputError(f"autoscaler {hpa.name}", problem, "Use a metric of type Resource, of whole pods")


def _is_counted(metric: Metric) -> bool:
    if isinstance(metric, ResourceMetric):
        return metric.resource == "cpu"
    return isinstance(metric, PodsMetric) and metric.name == REQUESTS
