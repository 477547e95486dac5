"""Reads the manifests that are applied to a cluster: the HorizontalPodAutoscaler, and the Deployment that it scales.

What the API server would refuse, or the algorithm here does not know, is named with its line; what is left out is
filled in as the API server does. Sources: kubernetes, pkg/apis/autoscaling/validation/validation.go and
pkg/apis/autoscaling/v2/defaults.go.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from slotrush.autoscale.spec import (
    DEFAULT_METRICS,
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    MAX_INT32,
    Behaviour,
    Hpa,
    Metric,
    PodsMetric,
    Policy,
    ResourceMetric,
    ScalingRules,
    SelectPolicy,
    SingleMetric,
)
from slotrush.autoscale.yaml_fields import Field, documents
from slotrush.errors import BadInputError

API_VERSION: Final = "autoscaling/v2"
KIND: Final = "HorizontalPodAutoscaler"
PERIOD_S_MAX: Final = 1800
STABILISATION_S_MAX: Final = 3600

_TOP: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_SPEC: Final = frozenset({"scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"})
_REFERENCE: Final = frozenset({"apiVersion", "kind", "name"})
_RULES: Final = frozenset({"stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"})
_POLICY: Final = frozenset({"type", "value", "periodSeconds"})
_TARGET: Final = frozenset({"type", "averageUtilization", "averageValue", "value"})
_SOURCES: Final = {
    "Resource": ("resource", frozenset({"name", "target"})),
    "ContainerResource": ("containerResource", frozenset({"name", "container", "target"})),
    "Pods": ("pods", frozenset({"metric", "target"})),
    "Object": ("object", frozenset({"describedObject", "metric", "target"})),
    "External": ("external", frozenset({"metric", "target"})),
}
_TARGET_FIELDS: Final = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
_TARGET_TYPES: Final = {
    "Resource": frozenset({"Utilization", "AverageValue"}),
    "ContainerResource": frozenset({"Utilization", "AverageValue"}),
    "Pods": frozenset({"AverageValue"}),
    "Object": frozenset({"Value", "AverageValue"}),
    "External": frozenset({"Value", "AverageValue"}),
}


@dataclass(frozen=True)
class PodTemplate:
    """What a Deployment's pods ask for: container → resource → thousandths of a core (or byte)."""

    requests_m: dict[str, dict[str, int]]
    limits_m: dict[str, dict[str, int]]


def read_hpa(path: Path, name: str | None = None) -> Hpa:
    """The one autoscaler in the file, or that with the `name`. Raises BadInputError."""
    found = [document for document in documents(path) if _kind_of(document) == KIND]
    if name is not None:
        found = [document for document in found if _name_of(document) == name]
    if not found:
        which = KIND if name is None else f"{KIND} named {name}"
        raise BadInputError(f"manifest {path}", f"it has no {which}", f"Name the file with the {KIND}")
    if len(found) > 1:
        names = ", ".join(_name_of(document) for document in found)
        raise BadInputError(f"manifest {path}", f"it has several of kind {KIND}: {names}", "Say which is meant")
    return _hpa(found[0])


def read_pod_template(path: Path, deployment: str) -> PodTemplate:
    """What the pods of the `deployment` in the file ask for. Raises BadInputError."""
    for document in documents(path):
        if _kind_of(document) == "Deployment" and _name_of(document) == deployment:
            pod = document.required("spec").required("template").required("spec")
            containers = {
                entry.required("name").text(): entry.mapping() for entry in pod.required("containers").items()
            }
            return PodTemplate(
                requests_m={name: _amounts(fields, "requests") for name, fields in containers.items()},
                limits_m={name: _amounts(fields, "limits") for name, fields in containers.items()},
            )
    raise BadInputError(
        f"manifest {path}", f"it has no Deployment named {deployment}", "Name the file with the Deployment"
    )


def _amounts(container: dict[str, Field], which: str) -> dict[str, int]:
    if "resources" not in container:
        return {}
    amounts = container["resources"].mapping().get(which)
    return {} if amounts is None else {name: field.thousandths() for name, field in amounts.mapping().items()}


def _kind_of(document: Field) -> str:
    return document.required("kind").text()


def _name_of(document: Field) -> str:
    return document.required("metadata").required("name").text()


def _hpa(document: Field) -> Hpa:
    top = document.mapping(_TOP)
    version = document.required("apiVersion")
    if version.text() != API_VERSION:
        raise version.error(f"is {version.text()!r}", f"Write it as {API_VERSION}")
    spec = document.required("spec")
    fields = spec.mapping(_SPEC)
    maximum = spec.required("maxReplicas").integer(1, MAX_INT32)
    minimum = fields["minReplicas"].integer(0, MAX_INT32) if "minReplicas" in fields else 1
    if minimum > maximum:
        raise fields["minReplicas"].error(
            f"is {minimum}, above maxReplicas, which is {maximum}", "Lower the one or raise the other"
        )
    metrics = tuple(_metric(entry) for entry in fields["metrics"].items()) if "metrics" in fields else ()
    if minimum == 0 and not any(isinstance(metric, SingleMetric) for metric in metrics):
        raise fields["minReplicas"].error(
            "is 0 without any Object or External metric",
            "Write at least 1, or add such a metric: only these can wake it",
        )
    target = spec.required("scaleTargetRef")
    reference = target.mapping(_REFERENCE)
    target.required("kind").text()
    return Hpa(
        max_replicas=maximum,
        min_replicas=minimum,
        metrics=metrics or DEFAULT_METRICS,
        behaviour=_behaviour(fields["behavior"]) if "behavior" in fields else None,
        name=_name_of(document) if "metadata" in top else "",
        target=target.required("name").text() if reference else "",
    )


def _metric(entry: Field) -> Metric:
    kind = entry.required("type").text(frozenset(_SOURCES))
    name, known = _SOURCES[kind]
    source = entry.required(name, frozenset({"type", name}))
    fields = source.mapping(known)
    target_type, target = _target(source.required("target"), kind)
    if kind in ("Resource", "ContainerResource"):
        return ResourceMetric(
            resource=source.required("name").text(),
            container=source.required("container").text() if kind == "ContainerResource" else None,
            utilisation_percent=target.integer(1, MAX_INT32) if target_type == "Utilization" else None,
            average_m=target.thousandths() if target_type == "AverageValue" else None,
        )
    if kind == "Pods":
        # With a selector it would be another metric of the same name, which nothing here counts.
        return PodsMetric(source.required("metric").required("name", frozenset({"name"})).text(), target.thousandths())
    metric_name = source.required("metric").required("name", frozenset({"name", "selector"})).text()
    described = fields["describedObject"] if kind == "Object" and "describedObject" in fields else None
    if kind == "Object" and described is None:
        raise source.error("has no `describedObject`", "Add `describedObject:` with its apiVersion, kind and name")
    return SingleMetric(
        name=metric_name,
        kind=described.required("kind", _REFERENCE).text() if described else None,
        value_m=target.thousandths() if target_type == "Value" else None,
        average_m=target.thousandths() if target_type == "AverageValue" else None,
    )


def _target(target: Field, kind: str) -> tuple[str, Field]:
    """The target's type, and the one field that goes with it."""
    target_type = target.required("type", _TARGET).text(_TARGET_TYPES[kind])
    wanted = _TARGET_FIELDS[target_type]
    for name, field in target.mapping(_TARGET).items():
        if name not in ("type", wanted):
            raise field.error(f"does not go with type {target_type}", f"Write `{wanted}:` instead")
    return target_type, target.required(wanted)


def _behaviour(field: Field) -> Behaviour:
    fields = field.mapping(frozenset({"scaleUp", "scaleDown"}))
    return Behaviour(
        _rules(fields["scaleUp"], DEFAULT_SCALE_UP) if "scaleUp" in fields else DEFAULT_SCALE_UP,
        _rules(fields["scaleDown"], DEFAULT_SCALE_DOWN) if "scaleDown" in fields else DEFAULT_SCALE_DOWN,
    )


def _rules(field: Field, default: ScalingRules) -> ScalingRules:
    """Source of the defaulting, field by field: v2/defaults.go, copyHPAScalingRules."""
    fields = field.mapping(_RULES)
    policies, select = fields.get("policies"), fields.get("selectPolicy")
    window, tolerance = fields.get("stabilizationWindowSeconds"), fields.get("tolerance")
    if policies is not None and not policies.items():
        raise policies.error("is empty", "Write at least one policy, or leave `policies` out for the defaults")
    if tolerance is not None and tolerance.quantity() < 0:
        raise tolerance.error("is below zero", "Write 0 or more, as 0.05 for 5 %")
    return ScalingRules(
        policies=default.policies if policies is None else tuple(_policy(entry) for entry in policies.items()),
        select=cast(SelectPolicy, select.text(frozenset({"Max", "Min", "Disabled"}))) if select else default.select,
        stabilisation_s=float(window.integer(0, STABILISATION_S_MAX)) if window else default.stabilisation_s,
        tolerance=float(tolerance.quantity()) if tolerance else default.tolerance,
    )


def _policy(entry: Field) -> Policy:
    kind = entry.required("type", _POLICY).text(frozenset({"Pods", "Percent"}))
    return Policy(
        kind=cast(Literal["Pods", "Percent"], kind),
        value=entry.required("value").integer(1, MAX_INT32),
        period_s=float(entry.required("periodSeconds").integer(1, PERIOD_S_MAX)),
    )
