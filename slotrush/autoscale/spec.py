"""What a HorizontalPodAutoscaler says: autoscaling/v2 as plain data, after the API server's defaulting.

Amounts are integers in thousandths of the metric's unit (`_m`), as the controller holds them: 1500 is 1.5 cores.
"""

from dataclasses import dataclass
from typing import Final, Literal

MAX_INT32: Final = 2**31 - 1

SYNC_PERIOD_S: Final = 15.0
TOLERANCE: Final = 0.1
DOWNSCALE_STABILISATION_S: Final = 300.0
CPU_INITIALISATION_S: Final = 300.0
INITIAL_READINESS_DELAY_S: Final = 30.0

SelectPolicy = Literal["Max", "Min", "Disabled"]


@dataclass(frozen=True)
class Options:
    """The controller's own settings. Source of the defaults: pkg/controller/podautoscaler/config/v1alpha1/defaults.go.

    They are flags of kube-controller-manager, and so the cluster's, not the manifest's.
    """

    sync_period_s: float = SYNC_PERIOD_S
    tolerance: float = TOLERANCE
    downscale_stabilisation_s: float = DOWNSCALE_STABILISATION_S
    cpu_initialisation_s: float = CPU_INITIALISATION_S
    initial_readiness_delay_s: float = INITIAL_READINESS_DELAY_S


@dataclass(frozen=True)
class Tolerances:
    """How far the ratio of usage to target may be below and above 1 before anything happens."""

    down: float
    up: float

    def hold(self, ratio: float) -> bool:
        """Both ends belong to it. Source: replica_calculator.go, Tolerances.isWithin."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True)
class ResourceMetric:
    """CPU or memory, of all containers or of `container`, against the pods' requests or as an average per pod.

    Exactly one of the targets is set: the per cent of the request, or thousandths of a core (or byte).
    """

    resource: str
    utilisation_percent: int | None = None
    average_m: int | None = None
    container: str | None = None


@dataclass(frozen=True)
class PodsMetric:
    """A custom metric that each pod has, against an average per pod."""

    name: str
    average_m: int


@dataclass(frozen=True)
class SingleMetric:
    """A metric with one value: of an object in the cluster, of that `kind`, or of something outside when it is None.

    Exactly one of the targets is set: the whole value, or an average per pod.
    """

    name: str
    kind: str | None = None
    value_m: int | None = None
    average_m: int | None = None


Metric = ResourceMetric | PodsMetric | SingleMetric


@dataclass(frozen=True)
class Policy:
    """At most `value` pods, or per cent of the pods at the start of the period, change in each `period_s`."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True)
class ScalingRules:
    """How fast the scale may change in one direction; None is the controller's own setting."""

    policies: tuple[Policy, ...]
    select: SelectPolicy = "Max"
    stabilisation_s: float | None = None
    tolerance: float | None = None


# Source of these three: pkg/apis/autoscaling/v2/defaults.go and pkg/apis/autoscaling/annotations.go.
DEFAULT_SCALE_UP: Final = ScalingRules((Policy("Pods", 4, 15.0), Policy("Percent", 100, 15.0)), stabilisation_s=0.0)
DEFAULT_SCALE_DOWN: Final = ScalingRules((Policy("Percent", 100, 15.0),))
DEFAULT_METRICS: Final = (ResourceMetric("cpu", utilisation_percent=80),)


@dataclass(frozen=True)
class Behaviour:
    scale_up: ScalingRules = DEFAULT_SCALE_UP
    scale_down: ScalingRules = DEFAULT_SCALE_DOWN


@dataclass(frozen=True)
class Hpa:
    """Without `behaviour` the controller goes by an older, simpler set of rules; see normalise.py."""

    max_replicas: int
    min_replicas: int = 1
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    behaviour: Behaviour | None = None
    name: str = ""
    target: str = ""
    """The name of the Deployment that it scales."""

    def tolerances(self, options: Options) -> Tolerances:
        """Source: KEP-4951; horizontal.go, tolerancesForHpa."""
        down, up = None, None
        if self.behaviour is not None:
            down, up = self.behaviour.scale_down.tolerance, self.behaviour.scale_up.tolerance
        return Tolerances(options.tolerance if down is None else down, options.tolerance if up is None else up)
