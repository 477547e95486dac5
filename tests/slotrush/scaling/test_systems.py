"""Systems to simulate, by the manifests in k8s/ and on a faster clock."""

from pathlib import Path

import pytest
import yaml

from slotrush import slo
from slotrush.autoscale.counting import CONTAINER
from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.spec import Options
from slotrush.errors import BadInputError
from slotrush.scaling import demands
from slotrush.scaling.simulating import Rush, answer
from slotrush.scaling.systems import compressed, of_manifests

BASE = Path(__file__).parents[3] / "k8s" / "base"
COSTS = demands.given(0.001)
WITHOUT_REQUEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {template: {spec: {containers: [{name: app, resources: {limits: {cpu: 1}}}]}}}
"""


def test_a_cluster_is_what_its_manifests_say() -> None:
    system = of_manifests(BASE / "hpa.yaml", BASE / "app.yaml", None, 8.0, None, COSTS)

    assert (system.cpu_request_m, system.parts.cpu_quota) == (250, 1.0)
    assert (system.replicas, system.hpa.max_replicas) == (2, 20)
    assert system.container == CONTAINER, "which replicas on this machine are too"


def test_a_faster_clock_shortens_periods_and_windows_and_nothing_else() -> None:
    hpa = read_hpa(BASE / "hpa.yaml")

    faster, clock = compressed(hpa, Options(), 10.0)

    assert hpa.behaviour is not None
    assert faster.behaviour is not None
    assert faster.behaviour.scale_down.stabilisation_s == 30.0
    assert [policy.period_s for policy in faster.behaviour.scale_up.policies] == [1.5, 1.5]
    assert [policy.value for policy in faster.behaviour.scale_down.policies] == [25, 2]
    assert (clock.sync_period_s, clock.cpu_initialisation_s, clock.tolerance) == (1.5, 30.0, 0.1)
    assert (faster.metrics, faster.max_replicas) == (hpa.metrics, hpa.max_replicas)


@pytest.mark.parametrize("replicas", [0, 21])
def test_more_or_fewer_replicas_than_the_manifest_has_are_named(replicas: int) -> None:
    with pytest.raises(BadInputError, match="must be from 1 to 20"):
        of_manifests(BASE / "hpa.yaml", BASE / "app.yaml", replicas, 8.0, None, COSTS)


def test_a_deployment_without_a_cpu_request_is_named(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(WITHOUT_REQUEST)

    with pytest.raises(BadInputError, match="the container app of app has no CPU request"):
        of_manifests(BASE / "hpa.yaml", path, None, 8.0, None, COSTS)


def deployment(path: Path, *containers: str, lacking: str = "") -> Path:
    """Whose containers request 250 m each, but for that which is `lacking`."""
    requests = {name: {"memory": "64Mi"} if name == lacking else {"cpu": "250m"} for name in containers}
    pods = {"containers": [{"name": name, "resources": {"requests": one}} for name, one in requests.items()]}
    content = {"kind": "Deployment", "metadata": {"name": "app"}, "spec": {"template": {"spec": pods}}}
    path.write_text(yaml.safe_dump(content))
    return path


def of_container(path: Path, name: str) -> Path:
    """The booking system's autoscaler, by the CPU of one container."""
    content = yaml.safe_load((BASE / "hpa.yaml").read_text())
    target = {"type": "Utilization", "averageUtilization": 60}
    resource = {"name": "cpu", "container": name, "target": target}
    content["spec"]["metrics"] = [{"type": "ContainerResource", "containerResource": resource}]
    path.write_text(yaml.safe_dump(content))
    return path


def test_an_autoscaler_of_the_only_container_scales(tmp_path: Path) -> None:
    """400 requests a second of 1 ms each on two replicas, which bear 300 at the target."""
    hpa, app = of_container(tmp_path / "hpa.yaml", "web"), deployment(tmp_path / "app.yaml", "web")
    system = of_manifests(hpa, app, None, 8.0, None, COSTS)

    assert answer(Rush(24_000, 60.0), system, COSTS, slo.load(), seed=1).replicas_max > 2


@pytest.mark.parametrize("containers", [("app",), ("web", "proxy")], ids=["another", "not the only one"])
def test_an_autoscaler_of_a_container_is_refused_where_pods_are_more_or_something_else(
    tmp_path: Path, containers: tuple[str, ...]
) -> None:
    hpa, app = of_container(tmp_path / "hpa.yaml", "web"), deployment(tmp_path / "app.yaml", *containers)

    with pytest.raises(BadInputError, match=f"container web alone, and its pods have {', '.join(containers)}"):
        of_manifests(hpa, app, None, 8.0, None, COSTS)


def test_pods_of_several_containers_request_what_these_request_together(tmp_path: Path) -> None:
    app = deployment(tmp_path / "app.yaml", "web", "proxy")

    assert of_manifests(BASE / "hpa.yaml", app, None, 8.0, None, COSTS).cpu_request_m == 500
    with pytest.raises(BadInputError, match="the container proxy of app has no CPU request"):
        of_manifests(BASE / "hpa.yaml", deployment(app, "web", "proxy", lacking="proxy"), None, 8.0, None, COSTS)


def test_a_deployment_without_containers_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="app has no CPU request"):
        of_manifests(BASE / "hpa.yaml", deployment(tmp_path / "app.yaml"), None, 8.0, None, COSTS)
