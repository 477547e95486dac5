"""Every manifest is one that the cluster's API would take."""

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.k8s.rendering import BUILT, HPA, K8S, ROOT, Manifest, files, named, rendered

NEWEST = ("1.36", "1.37")
NO_RESOURCES = {
    "kustomization.yaml": "kustomize's own",
    "overlays/kind/cluster.yaml": "for `kind create cluster`, which knows no schema of the cluster's API",
}
SCHEMAS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "crds.yaml").read_text())


def check(manifest: Manifest, version: str) -> None:
    schema = SCHEMAS["kinds"].get(f"{manifest['apiVersion']}/{manifest['kind']}")
    if schema is None:
        kubernetes_validate.validate(manifest, version, strict=True)
        return
    whole = {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": "#/definitions/metadata"},
            "spec": schema,
        },
        "additionalProperties": False,
        "definitions": SCHEMAS["definitions"],
    }
    problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(manifest)]
    assert not problems, f"{manifest['kind']} {manifest['metadata']['name']}: {problems}"


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize("folder", BUILT)
def test_what_kustomize_builds_is_valid(folder: str, version: str) -> None:
    manifests = rendered(folder)

    assert manifests
    for manifest in manifests:
        check(manifest, version)


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=str(path.relative_to(K8S)))
        for path in sorted(K8S.rglob("*.yaml"))
        if path.name not in NO_RESOURCES and str(path.relative_to(K8S)) not in NO_RESOURCES
    ],
)
def test_each_file_is_valid_by_itself(path: Path, version: str) -> None:
    """Also those that are no part of an overlay: the autoscaler, the template of the Secrets, the reader of results."""
    manifests = [one for one in yaml.safe_load_all(path.read_text()) if one]

    assert manifests
    for manifest in manifests:
        check(manifest, version)


@pytest.mark.parametrize(
    ("kind", "name", "broken"),
    [
        ("Deployment", "app", {"replica": 3}),
        ("HTTPRoute", "app", {"parentRef": []}),
        ("Cluster", "postgres", {"instances": "2"}),
    ],
)
def test_a_wrong_field_or_type_is_found(kind: str, name: str, broken: Manifest) -> None:
    manifest = named(rendered("overlays/kind"), kind, name)

    with pytest.raises((AssertionError, kubernetes_validate.ValidationError)):
        check(manifest | {"spec": manifest["spec"] | broken}, NEWEST[-1])


def test_the_autoscaler_is_applied_as_the_file_that_slotrush_reads() -> None:
    """No kustomization takes it in, so none can change it; the command that applies it names the file."""
    plan = subprocess.run([ROOT / "scripts" / "k8s-up", "--dry-run"], capture_output=True, text=True, check=True).stdout

    assert not any(one["kind"] == "HorizontalPodAutoscaler" for folder in BUILT for one in rendered(folder))
    assert re.search(rf"^\+ kubectl .*apply -f {re.escape(str(HPA.relative_to(ROOT)))}$", plan, re.MULTILINE)


def test_the_rules_in_the_cluster_are_the_generated_ones() -> None:
    [applied] = files("monitoring/rules.yaml")
    generated = yaml.safe_load((ROOT / "dashboards" / "generated" / "rules.yaml").read_text())

    assert applied["spec"] == generated, "run scripts/k8s-rules"


def test_every_dashboard_gets_to_the_cluster() -> None:
    boards = {path.name: path.read_text() for path in (ROOT / "dashboards" / "generated").glob("*.json")}
    carried = {
        name: text
        for one in rendered("monitoring")
        if one["kind"] == "ConfigMap" and one["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in one["data"].items()
    }

    assert carried == boards


@pytest.mark.parametrize("workers", [1, 12])
def test_the_number_of_workers_is_said_once(tmp_path: Path, workers: int) -> None:
    swarm = tmp_path / "swarm"
    swarm.mkdir()
    for path in (K8S / "swarm").iterdir():
        (swarm / path.name).write_bytes(path.read_bytes())
    environment = swarm / "race.env"
    environment.write_text(re.sub("(?m)^WORKERS=.*$", f"WORKERS={workers}", environment.read_text()))

    manifests = rendered(str(swarm))

    spec = named(manifests, "Job", "race-workers")["spec"]
    assert (spec["parallelism"], spec["completions"]) == (workers, workers)
    assert named(manifests, "ConfigMap", "race")["data"]["WORKERS"] == str(workers)
    assert (
        "--workers=$(WORKERS)"
        in named(manifests, "Job", "race")["spec"]["template"]["spec"]["containers"][0]["command"]
    )
