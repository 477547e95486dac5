"""A plan as files for k8s/: a Kustomize component that any overlay can take in, and the autoscaler's manifest. Pure."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

import yaml

from slotrush.autoscale.counting import REQUESTS
from slotrush.capacity.needs import Autoscaling, Pooling, TierNeed
from slotrush.capacity.plan_document import PlanDocument, Pod
from slotrush.plan.measured import POSTGRES, PROXY, VALKEY
from slotrush.scaling.systems import CONNECTIONS_PER_REPLICA

KUSTOMIZATION, HPA, BY_REQUESTS = "kustomization.yaml", "hpa.yaml", "hpa-by-requests.yaml"
NAMESPACE: Final = "booking"
MEMORY_LIMIT: Final = 2
"""How many times its request a pod may use before it is ended."""

Manifest = dict[str, Any]


def files(document: PlanDocument) -> dict[str, str]:
    """By name: the component, and two autoscalers, one of which is applied as the file it is. The second has a target
    for requests too, and is for a cluster where the Prometheus adapter serves them."""
    needs = document.needs
    patches = [_app(needs.pod), *_proxy(document), *_valkey(document), *_postgres(document)]
    component = [_head(document), _COMPONENT]
    if needs.pooling is not None:
        component.append(_CONFIGURATION.format(connections=needs.pooling.per_replica))
    component.append("patches:\n")
    component += [_as_patch(patch) for patch in patches]
    scaling = needs.autoscaling
    return {
        KUSTOMIZATION: "".join(component),
        HPA: _head(document) + _yaml(_autoscaler(scaling, _cpu(scaling))),
        BY_REQUESTS: _head(document) + _yaml(_autoscaler(scaling, _cpu(scaling), _requests(scaling))),
    }


def _head(document: PlanDocument) -> str:
    asked = document.question
    of = f"{asked.arrivals_per_s:g} requests per second"
    if asked.patients is not None:
        of = f"{asked.patients:,} patients who think for {asked.think_time_s:g} s"
    return (
        f"# Written by `slotrush plan` on {document.made_on} for {of}, from {document.source.sweep_id}.\n"
        "# docs/planning.md says how to apply it.\n"
    )


_COMPONENT: Final = f"""apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
namespace: {NAMESPACE}
"""
_CONFIGURATION: Final = """configMapGenerator:
  - name: booking
    behavior: merge
    literals:
      - DATABASE_CONNECTIONS={connections}
"""


def _as_patch(patch: Manifest) -> str:
    """A target that an overlay does not have is passed over: the cloud's stores are managed services."""
    kind, name = patch["kind"], patch["metadata"]["name"]
    return f"  - target: {{kind: {kind}, name: {name}}}\n    patch: |-\n{textwrap.indent(_yaml(patch), ' ' * 6)}"


def _yaml(manifest: Manifest) -> str:
    return str(yaml.safe_dump(manifest, sort_keys=False))


def _manifest(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _container(name: str, cpu_m: int, memory_mib: int, limits: Manifest) -> Manifest:
    requests = {"cpu": f"{cpu_m}m", "memory": f"{memory_mib}Mi"}
    memory_limit = {"memory": f"{memory_mib * MEMORY_LIMIT}Mi"}
    resources = {"resources": {"requests": requests, "limits": limits | memory_limit}}
    return {"template": {"spec": {"containers": [{"name": name, **resources}]}}}


def _app(pod: Pod) -> Manifest:
    """With the CPU as limit too: so it was measured."""
    spec = _container("app", pod.cpu_m, pod.memory_mib, {"cpu": f"{pod.cpu_m}m"})
    return _manifest("apps/v1", "Deployment", "app", spec)


def _tier(document: PlanDocument, name: str) -> Iterator[TierNeed]:
    return (tier for tier in document.needs.tiers if tier.name == name)


def _proxy(document: PlanDocument) -> Iterator[Manifest]:
    for tier in _tier(document, PROXY):
        resources = {
            "requests": {"cpu": f"{tier.cpu_m}m", "memory": f"{tier.memory_mib}Mi"},
            "limits": {"memory": f"{tier.memory_mib * MEMORY_LIMIT}Mi"},
        }
        deployment = {"replicas": tier.instances, "container": {"resources": resources}}
        spec = {"provider": {"kubernetes": {"envoyDeployment": deployment}}}
        yield _manifest("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy", "booking", spec)
    connections = CONNECTIONS_PER_REPLICA * document.needs.autoscaling.replicas_max
    limit = {"circuitBreaker": {"maxConnections": connections}}
    yield _manifest("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", "app", limit)


def _valkey(document: PlanDocument) -> Iterator[Manifest]:
    for tier in _tier(document, VALKEY):
        yield _manifest("apps/v1", "StatefulSet", "valkey", _container("valkey", tier.cpu_m, tier.memory_mib, {}))


def _postgres(document: PlanDocument) -> Iterator[Manifest]:
    pooling = document.needs.pooling
    for tier in _tier(document, POSTGRES):
        size = {"cpu": f"{tier.cpu_m}m", "memory": f"{tier.memory_mib}Mi"}
        limits = {"cpu": f"{tier.busy_cpu_m}m", "memory": f"{tier.memory_mib * MEMORY_LIMIT}Mi"}
        spec: Manifest = {"instances": tier.instances, "resources": {"requests": size, "limits": limits}}
        if pooling is not None:
            spec["postgresql"] = {"parameters": {"max_connections": str(pooling.server_allows)}}
        yield _manifest("postgresql.cnpg.io/v1", "Cluster", "postgres", spec)
    if pooling is not None:
        yield _manifest("postgresql.cnpg.io/v1", "Pooler", "postgres-pooler-rw", _pooler(pooling))


def _pooler(pooling: Pooling) -> Manifest:
    """Each takes all clients and has all connections that are needed, when the others are gone."""
    parameters = {"max_client_conn": str(pooling.clients_max), "default_pool_size": str(pooling.pool_size)}
    return {"instances": pooling.poolers, "pgbouncer": {"parameters": parameters}}


def _cpu(scaling: Autoscaling) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": scaling.target_utilisation_percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _requests(scaling: Autoscaling) -> Manifest:
    target = {"type": "AverageValue", "averageValue": str(scaling.target_requests_per_s)}
    return {"type": "Pods", "pods": {"metric": {"name": REQUESTS}, "target": target}}


def _autoscaler(scaling: Autoscaling, *metrics: Manifest) -> Manifest:
    labels = {"app.kubernetes.io/name": "app", "app.kubernetes.io/part-of": "booking"}
    up = [
        {"type": "Percent", "value": scaling.scale_up_percent, "periodSeconds": scaling.scale_up_period_s},
        {"type": "Pods", "value": scaling.scale_up_pods, "periodSeconds": scaling.scale_up_period_s},
    ]
    down = [{"type": "Percent", "value": scaling.scale_down_percent, "periodSeconds": scaling.scale_down_period_s}]
    behaviour = {
        "scaleUp": {
            "stabilizationWindowSeconds": scaling.scale_up_window_s,
            "selectPolicy": "Max",
            "policies": up,
        },
        "scaleDown": {
            "stabilizationWindowSeconds": scaling.scale_down_window_s,
            "selectPolicy": "Max",
            "policies": down,
        },
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
        "minReplicas": scaling.replicas_min,
        "maxReplicas": scaling.replicas_max,
        "metrics": list(metrics),
        "behavior": behaviour,
    }
    manifest = _manifest("autoscaling/v2", "HorizontalPodAutoscaler", "app", spec)
    return manifest | {"metadata": {"name": "app", "labels": labels}}
