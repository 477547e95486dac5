"""The manifest that the cluster gets is the one that is read here; whatever is wrong with it is named with its line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from slotrush.autoscale.counting import REQUESTS
from slotrush.autoscale.manifest import PodTemplate, read_hpa, read_pod_template
from slotrush.autoscale.spec import (
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    Behaviour,
    Hpa,
    PodsMetric,
    Policy,
    ResourceMetric,
    ScalingRules,
    SingleMetric,
)
from slotrush.errors import BadInputError

K8S = Path(__file__).parents[3] / "k8s"
OURS = K8S / "base" / "hpa.yaml"
BY_REQUESTS_TOO = K8S / "monitoring" / "hpa.yaml"
KUBERNETES = "1.37"
HEAD = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
"""
CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}"


def write(folder: Path, rest: str, head: str = HEAD) -> Path:
    path = folder / "hpa.yaml"
    path.write_text(head + rest)
    return path


@pytest.mark.parametrize("path", [OURS, BY_REQUESTS_TOO])
def test_ours_is_one_that_kubernetes_knows(path: Path) -> None:
    kubernetes_validate.validate(yaml.safe_load(path.read_text()), KUBERNETES, strict=True)


def test_with_a_monitoring_it_is_the_same_and_one_metric_more() -> None:
    ours, more = read_hpa(OURS), read_hpa(BY_REQUESTS_TOO)

    assert more == replace(ours, metrics=(*ours.metrics, PodsMetric(REQUESTS, 250_000)))
    assert REQUESTS in (K8S / "monitoring" / "adapter.yaml").read_text()


def test_ours_goes_up_fast_and_comes_down_slowly() -> None:
    ours = read_hpa(OURS)

    assert ours.behaviour is not None
    up, down = ours.behaviour.scale_up, ours.behaviour.scale_down
    assert (up.stabilisation_s, up.select, down.select) == (0.0, "Max", "Min")
    assert down.stabilisation_s is not None
    assert down.stabilisation_s >= 300.0
    assert ours.metrics == (ResourceMetric("cpu", utilisation_percent=60),)
    assert 2 <= ours.min_replicas < ours.max_replicas


def test_what_is_left_out_is_as_the_api_server_fills_it_in(tmp_path: Path) -> None:
    """Source: pkg/apis/autoscaling/v2/defaults.go, SetDefaults_HorizontalPodAutoscaler."""
    found = read_hpa(write(tmp_path, "  maxReplicas: 7\n"))

    assert found == Hpa(7, 1, (ResourceMetric("cpu", utilisation_percent=80),), None, name="app", target="app")


@pytest.mark.parametrize(
    ("behaviour", "up", "down"),
    [
        pytest.param("{}", DEFAULT_SCALE_UP, DEFAULT_SCALE_DOWN, id="empty"),
        pytest.param(
            "{scaleDown: {selectPolicy: Disabled}}",
            DEFAULT_SCALE_UP,
            ScalingRules(DEFAULT_SCALE_DOWN.policies, "Disabled"),
            id="one field of one direction",
        ),
        pytest.param(
            "{scaleUp: {policies: [{type: Pods, value: 2, periodSeconds: 60}], tolerance: 50m}}",
            ScalingRules((Policy("Pods", 2, 60.0),), stabilisation_s=0.0, tolerance=0.05),
            DEFAULT_SCALE_DOWN,
            id="policies replace the defaults",
        ),
        pytest.param(
            "{scaleUp: , scaleDown: {stabilizationWindowSeconds: 0}}",
            DEFAULT_SCALE_UP,
            ScalingRules(DEFAULT_SCALE_DOWN.policies, stabilisation_s=0.0),
            id="null is left out, zero is not",
        ),
    ],
)
def test_behaviour_is_filled_in_field_by_field(
    tmp_path: Path, behaviour: str, up: ScalingRules, down: ScalingRules
) -> None:
    """Source: pkg/apis/autoscaling/v2/defaults.go, copyHPAScalingRules."""
    found = read_hpa(write(tmp_path, f"  maxReplicas: 7\n  behavior: {behaviour}\n"))

    assert found.behaviour == Behaviour(up, down)


def test_without_behaviour_there_is_none(tmp_path: Path) -> None:
    assert read_hpa(write(tmp_path, "  maxReplicas: 7\n  behavior: null\n")).behaviour is None


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param(CPU, ResourceMetric("cpu", utilisation_percent=60), id="utilisation"),
        pytest.param(
            "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}",
            ResourceMetric("memory", average_m=2**30 * 1000),
            id="average of a resource",
        ),
        pytest.param(
            "{type: ContainerResource, containerResource: {name: cpu, container: app, "
            "target: {type: Utilization, averageUtilization: 60}}}",
            ResourceMetric("cpu", utilisation_percent=60, container="app"),
            id="one container's",
        ),
        pytest.param(
            "{type: Pods, pods: {metric: {name: queries}, target: {type: AverageValue, averageValue: 1k}}}",
            PodsMetric("queries", 1_000_000),
            id="pods",
        ),
        pytest.param(
            "{type: Object, object: {metric: {name: q}, describedObject: {kind: Service, name: app}, "
            "target: {type: Value, value: '2.5'}}}",
            SingleMetric("q", "Service", value_m=2500),
            id="object",
        ),
        pytest.param(
            "{type: External, external: {metric: {name: q, selector: {matchLabels: {a: b}}}, "
            "target: {type: AverageValue, averageValue: 1e2}}}",
            SingleMetric("q", average_m=100_000),
            id="external",
        ),
    ],
)
def test_metrics(tmp_path: Path, metric: str, expected: Any) -> None:
    found = read_hpa(write(tmp_path, f"  maxReplicas: 7\n  metrics:\n    - {metric}\n"))

    assert found.metrics == (expected,)


@pytest.mark.parametrize(
    ("rest", "line", "problem"),
    [
        pytest.param("  maxReplicas: 3\n  minReplicas: 5\n", 7, "spec.minReplicas is 5, above maxReplicas, which is 3",
                     id="minimum above maximum"),
        pytest.param("  maxReplica: 3\n", 6, "spec.maxReplica is unknown. Did you mean `maxReplicas`?", id="misspelt"),
        pytest.param("  maxReplicas: 3\n  cooldown: 3\n", 7, "spec.cooldown is unknown. Remove it; known here are",
                     id="unknown"),
        pytest.param("  minReplicas: 3\n", 5, "spec has no `maxReplicas`", id="no maximum"),
        pytest.param("  maxReplicas: 0\n", 6, "spec.maxReplicas is 0. Write a whole number from 1", id="zero"),
        pytest.param("  maxReplicas: 2.5\n", 6, "spec.maxReplicas is no whole number", id="a fraction"),
        pytest.param("  maxReplicas: '3'\n", 6, "spec.maxReplicas is 3", id="a text"),
        pytest.param("  maxReplicas: 3\n  maxReplicas: 4\n", 7, "spec.maxReplicas is there twice", id="twice"),
        pytest.param("  maxReplicas: 3\n  minReplicas: 0\n", 7, "spec.minReplicas is 0 without any Object or External",
                     id="zero without a metric that can wake it"),
        pytest.param("  maxReplicas: 3\n  behavior: {scaleUp: {policies: []}}\n", 7, "policies is empty",
                     id="no policies"),
        pytest.param("  maxReplicas: 3\n  behavior: {scaleUp: {selectPolicy: Fast}}\n", 7,
                     "spec.behavior.scaleUp.selectPolicy is 'Fast'. Write one of Disabled, Max, Min", id="select"),
        pytest.param("  maxReplicas: 3\n  behavior: {scaleDown: {stabilizationWindowSeconds: 3601}}\n", 7,
                     "stabilizationWindowSeconds is 3601. Write a whole number from 0 to 3600", id="window"),
        pytest.param("  maxReplicas: 3\n  behavior: {scaleDown: {policies: [\n    {type: Pods, value: 1, "
                     "periodSeconds: 1801}]}}\n", 8, "policies[0].periodSeconds is 1801", id="period"),
        pytest.param("  maxReplicas: 3\n  behavior: {scaleUp: {tolerance: -1}}\n", 7, "tolerance is below zero",
                     id="tolerance"),
        pytest.param("  maxReplicas: 3\n  metrics:\n  - type: Resource\n    pods: {}\n", 9,
                     "spec.metrics[0].pods is unknown", id="a source of another type"),
        pytest.param("  maxReplicas: 3\n  metrics:\n  - {type: Cpu}\n", 8, "spec.metrics[0].type is 'Cpu'",
                     id="no such type"),
        pytest.param("  maxReplicas: 3\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: "
                     "{type: Utilization, averageValue: 1}}}\n", 8, "averageValue does not go with type Utilization",
                     id="a target of another type"),
        pytest.param("  maxReplicas: 3\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: "
                     "{type: AverageValue, averageValue: 1Q}}}\n", 8, "averageValue is no quantity", id="quantity"),
        pytest.param("  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: q, selector: {}}, "
                     "target: {type: AverageValue, averageValue: 1}}}\n", 8,
                     "spec.metrics[0].pods.metric.selector is unknown", id="a selector of pods' metrics"),
        pytest.param("  maxReplicas: 3\n  metrics: cpu\n", 7, "spec.metrics is no list", id="no list"),
        pytest.param("  maxReplicas: [\n", 7, "it is not YAML", id="no YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_mend(tmp_path: Path, rest: str, line: int, problem: str) -> None:
    path = write(tmp_path, rest)

    with pytest.raises(BadInputError) as caught:
        read_hpa(path)

    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert problem in str(caught.value)


def test_an_older_api_version_is_named_with_the_one_to_write(tmp_path: Path) -> None:
    path = write(tmp_path, "  maxReplicas: 3\n", HEAD.replace("autoscaling/v2", "autoscaling/v1"))

    with pytest.raises(BadInputError, match=r"line 1: apiVersion is 'autoscaling/v1'. Write it as autoscaling/v2"):
        read_hpa(path)


def test_among_several_documents_the_autoscaler_is_found_by_kind_and_name(tmp_path: Path) -> None:
    service = "kind: Service\nmetadata: {name: app}\n---\n"
    other = HEAD.replace("{name: app}\nspec", "{name: other}\nspec")
    path = write(tmp_path, f"  maxReplicas: 3\n---\n{other}  maxReplicas: 4\n", service + HEAD)

    assert read_hpa(path, "other").max_replicas == 4
    with pytest.raises(BadInputError, match="several of kind HorizontalPodAutoscaler: app, other"):
        read_hpa(path)
    with pytest.raises(BadInputError, match="no HorizontalPodAutoscaler named third"):
        read_hpa(path, "third")


@pytest.mark.parametrize(
    "content", [b"\xff", b"- 1\n", b"kind: Service\n", None], ids=["bytes", "list", "kind", "none"]
)
def test_a_file_that_has_no_autoscaler_is_no_traceback(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hpa.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=r"hpa\.yaml"):
        read_hpa(path)


def test_what_a_deployments_pods_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text("""\
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers:
        - name: app
          image: booking
          resources: {requests: {cpu: 150m, memory: 128Mi}, limits: {cpu: "0.15"}}
        - name: sidecar
""")

    found = read_pod_template(path, "app")

    assert found == PodTemplate(
        {"app": {"cpu": 150, "memory": 128 * 2**20 * 1000}, "sidecar": {}}, {"app": {"cpu": 150}, "sidecar": {}}
    )
    with pytest.raises(BadInputError, match="no Deployment named worker"):
        read_pod_template(path, "worker")
