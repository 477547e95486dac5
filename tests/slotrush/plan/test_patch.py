"""The files for k8s/: every overlay takes them in, and what it makes is valid and says what the plan says."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.spec import PodsMetric, ResourceMetric
from slotrush.capacity.plan_document import Needs
from slotrush.plan.patch import BY_REQUESTS, HPA, KUSTOMIZATION, files
from tests.k8s.rendering import K8S, Manifest, kubectl, named
from tests.k8s.test_manifests import NEWEST, check
from tests.slotrush.plan.planned import document


@pytest.fixture
def needs() -> Needs:
    """Of the plan."""
    return document().needs


def built(folder: Path, overlay: str) -> list[Manifest]:
    """The overlay with the plan's component in it."""
    shutil.copytree(K8S, folder / "k8s")
    write(folder / "plan")
    mine = folder / "mine" / KUSTOMIZATION
    mine.parent.mkdir()
    mine.write_text(f"resources: [../k8s/overlays/{overlay}]\ncomponents: [../plan]\n")
    command = [kubectl(), "kustomize", str(mine.parent)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "Warning" not in finished.stderr
    return [one for one in yaml.safe_load_all(finished.stdout) if one]


def write(folder: Path) -> None:
    folder.mkdir()
    for name, text in files(document()).items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("overlay", ["kind", "cloud"])
def test_an_overlay_with_the_plan_in_it_is_valid(tmp_path: Path, needs: Needs, overlay: str) -> None:
    manifests = built(tmp_path, overlay)

    for manifest in manifests:
        check(manifest, NEWEST[-1])
    app = named(manifests, "Deployment", "app")
    (container,) = app["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "60m", "memory": f"{needs.pod.memory_mib}Mi"}
    assert container["resources"]["limits"]["cpu"] == "60m", "as it was measured"
    assert "replicas" not in app["spec"], "that is the autoscaler's"
    proxy = named(manifests, "EnvoyProxy", "booking")["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    assert proxy["replicas"] == next(tier.instances for tier in needs.tiers if tier.name == "proxy")
    breaker = named(manifests, "BackendTrafficPolicy", "app")["spec"]["circuitBreaker"]
    assert breaker["maxConnections"] == 32 * needs.autoscaling.replicas_max
    (settings,) = [one for one in manifests if one["kind"] == "ConfigMap" and "DATABASE_CONNECTIONS" in one["data"]]
    assert needs.pooling is not None
    assert settings["data"]["DATABASE_CONNECTIONS"] == str(needs.pooling.per_replica)
    assert settings["data"]["SMTP_URL"], "the rest of the settings stays"


def test_stores_inside_the_cluster_get_their_sizes_and_connections(tmp_path: Path, needs: Needs) -> None:
    manifests = built(tmp_path, "kind")
    pooler = named(manifests, "Pooler", "postgres-pooler-rw")["spec"]
    database = named(manifests, "Cluster", "postgres")["spec"]

    assert needs.pooling is not None
    assert pooler["instances"] == needs.pooling.poolers
    assert pooler["pgbouncer"]["parameters"]["default_pool_size"] == str(needs.pooling.pool_size)
    assert pooler["pgbouncer"]["poolMode"] == "transaction", "the rest stays"
    assert database["instances"] == 2
    assert database["postgresql"]["parameters"]["max_connections"] == "200"


@pytest.mark.parametrize("version", NEWEST)
def test_the_autoscaler_is_valid_and_read_back_with_the_plans_numbers(
    tmp_path: Path, needs: Needs, version: str
) -> None:
    write(tmp_path / "plan")
    path = tmp_path / "plan" / HPA
    scaling = needs.autoscaling

    check(yaml.safe_load(path.read_text()), version)
    hpa = read_hpa(path)
    assert (hpa.min_replicas, hpa.max_replicas) == (scaling.replicas_min, scaling.replicas_max)
    assert hpa.metrics == (ResourceMetric("cpu", utilisation_percent=scaling.target_utilisation_percent),)
    assert hpa.behaviour is not None
    assert {policy.value for policy in hpa.behaviour.scale_up.policies} == {100, scaling.scale_up_pods}
    assert hpa.target == "app"


@pytest.mark.parametrize("version", NEWEST)
def test_where_requests_are_measured_there_is_a_target_for_them_too(tmp_path: Path, needs: Needs, version: str) -> None:
    write(tmp_path / "plan")
    cpu_alone, path = read_hpa(tmp_path / "plan" / HPA), tmp_path / "plan" / BY_REQUESTS
    scaling = needs.autoscaling

    check(yaml.safe_load(path.read_text()), version)
    requests = PodsMetric("http_requests_per_second", 1000 * scaling.target_requests_per_s)
    assert read_hpa(path) == replace(cpu_alone, metrics=(*cpu_alone.metrics, requests))
