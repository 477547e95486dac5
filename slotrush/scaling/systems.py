"""The system that is simulated: as the manifests have it in a cluster, and as slotrush starts it on this machine."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from slotrush.autoscale.cluster import Delays
from slotrush.autoscale.counting import require_counted
from slotrush.autoscale.manifest import read_hpa, read_pod_template
from slotrush.autoscale.plant import Parts
from slotrush.autoscale.spec import Behaviour, Hpa, Options, ScalingRules
from slotrush.errors import BadInputError
from slotrush.scaling.demands import Demands
from slotrush.scaling.simulating import System

CONNECTIONS_PER_REPLICA: Final = 32
"""Of each proxy for each replica that there may be; fewer replicas have more each (the circuit breaker of
k8s/base/gateway.yaml; on this machine there are more: slotrush/stack/envoy.py)."""
POOL_PER_REPLICA: Final = 8
"""DATABASE_CONNECTIONS of k8s/base/booking.env, and of the booking system's settings."""
TIMEOUT_S: Final = 60.0
"""After this our patients are gone (locustfiles/target.py)."""
SHED_AFTER_S: Final = 20.0
SHED_WAIT_S: Final = 0.2
"""OVERLOAD_AFTER_S and OVERLOAD_WAIT_MS of the booking system's settings."""
PRE_STOP_S: Final = 5.0
GRACE_S: Final = 45.0
"""Of k8s/base/app.yaml."""
START_CPU_S: Final = 1.5
"""CPU time that a replica takes to get ready; measured (slotrush/stack/replicas.py)."""


def parts(
    cpu_quota: float | None,
    proxies: int,
    replicas_max: int,
    database_cores: int | None,
    demands: Demands,
    connections_per_replica: int = CONNECTIONS_PER_REPLICA,
    *,
    scans_all: bool = False,
) -> Parts:
    """The sizes of a system that is made for `replicas_max`, with `cpu_quota` cores each; None is without quota.

    `scans_all`: as this machine's proxies choose a replica; those of k8s/base/gateway.yaml look at two.
    """
    return Parts(
        cpu_quota=cpu_quota,
        connections=connections_per_replica * proxies * replicas_max,
        pool_per_replica=POOL_PER_REPLICA,
        database_servers=database_cores,
        proxy_s=demands.proxy_s,
        timeout_s=TIMEOUT_S,
        idle_cores=demands.idle_cores,
        echo_s=demands.echo_s,
        follower_saves=demands.follower_saves,
        shed_after_s=SHED_AFTER_S,
        shed_wait_s=SHED_WAIT_S,
        scans_all=scans_all,
    )


def of_manifests(
    hpa_file: Path,
    deployment_file: Path,
    replicas: int | None,
    start_s: float,
    database_cores: int | None,
    demands: Demands,
) -> System:
    """A cluster that these files were applied to. Raises BadInputError."""
    hpa = read_hpa(hpa_file)
    pod = read_pod_template(deployment_file, hpa.target)
    containers = list(pod.requests_m)
    require_counted(hpa, containers)
    request_m = sum(amounts.get("cpu", 0) for amounts in pod.requests_m.values())
    limit_m = sum(amounts.get("cpu", 0) for amounts in pod.limits_m.values())
    lacking = [name for name in containers if not pod.requests_m[name].get("cpu")]
    if lacking or not containers:
        which = f"the container {lacking[0]} of {hpa.target}" if lacking else hpa.target
        problem = f"{which} has no CPU request, which the autoscaler's target is a share of"
        raise BadInputError(f"manifest {deployment_file}", problem, "Give it one")
    ready = max(hpa.min_replicas, 1) if replicas is None else replicas
    if not 1 <= ready <= hpa.max_replicas:
        raise BadInputError(f"--replicas {ready}", f"it must be from 1 to {hpa.max_replicas}", "Give another number")
    delays = Delays(start_s=start_s, start_cpu_s=START_CPU_S, pre_stop_s=PRE_STOP_S, grace_s=GRACE_S)
    sizes = parts(limit_m / 1000 or None, 1, hpa.max_replicas, database_cores, demands)
    return System(hpa, sizes, request_m, ready, delays, container=containers[0])


def compressed(hpa: Hpa, options: Options, factor: float) -> tuple[Hpa, Options]:
    """The same autoscaler on a clock that goes `factor` times as fast: all of its periods and windows are shorter."""
    behaviour = hpa.behaviour
    if behaviour is not None:
        behaviour = Behaviour(_faster(behaviour.scale_up, factor), _faster(behaviour.scale_down, factor))
    faster = Options(
        sync_period_s=options.sync_period_s / factor,
        tolerance=options.tolerance,
        downscale_stabilisation_s=options.downscale_stabilisation_s / factor,
        cpu_initialisation_s=options.cpu_initialisation_s / factor,
        initial_readiness_delay_s=options.initial_readiness_delay_s / factor,
    )
    return replace(hpa, behaviour=behaviour), faster


def _faster(rules: ScalingRules, factor: float) -> ScalingRules:
    window_s = rules.stabilisation_s
    return replace(
        rules,
        policies=tuple(replace(policy, period_s=policy.period_s / factor) for policy in rules.policies),
        stabilisation_s=None if window_s is None else window_s / factor,
    )
