"""What no schema says: that the manifests fit each other, and survive drains, rush hours and intruders."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from slotrush.autoscale.manifest import read_hpa, read_pod_template
from slotrush.plan.measured import OTHER_CONNECTIONS, Database
from slotrush.stack.envoy import bootstrap
from slotrush.stack.whole_requests import BODY_BYTES_MAX
from target_app.serve import KEEP_ALIVE_S
from tests.k8s.rendering import (
    HPA,
    INSTANCE,
    JOIN,
    K8S,
    POOLER,
    ROOT,
    RUNS_PODS,
    Manifest,
    allowances,
    applied,
    containers,
    named,
    of_kind,
    port_names,
    rendered,
    selects,
    template,
    workloads,
    workloads_of,
)

OVERLAYS = ("overlays/kind", "overlays/cloud")
UVICORN_GRACE_S = 20
WITHOUT_PROBES = {
    "images": "it has no port; it ends itself when it cannot go on, and a dead one's work is done by another",
}
"""Long-running containers that need no probe, and why."""
WRITABLE_ROOT: dict[str, str] = {}
MANAGED_BY_OPERATOR = {"postgres-rw", "postgres-ro", "postgres-pooler-rw"}
"""Services that CloudNativePG makes of the Cluster and the Pooler."""


def every_container(made: str) -> list[Manifest]:
    return [container for workload in workloads_of(made) for container in containers(workload)]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_autoscaler_has_a_target_within_its_limits_and_nobody_else_sets_its_replicas(overlay: str) -> None:
    hpa = read_hpa(HPA)

    target = named(applied(overlay), "Deployment", hpa.target)

    assert hpa.min_replicas <= hpa.max_replicas
    assert "replicas" not in target["spec"]
    requests = read_pod_template(K8S / "base" / "app.yaml", hpa.target).requests_m
    assert all("cpu" in of_container for of_container in requests.values()), "utilisation is a share of the request"


@pytest.mark.parametrize("made", RUNS_PODS)
def test_pods_say_what_they_need_and_may_use(made: str) -> None:
    for container in every_container(made):
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), container["name"]
        assert "memory" in resources["limits"], container["name"]


@pytest.mark.parametrize("made", RUNS_PODS)
def test_pods_are_restricted_as_their_namespace_demands(made: str) -> None:
    """The profile `restricted` of the Pod Security Standards, and a read-only root besides."""
    for workload in workloads_of(made):
        pod, name = template(workload)["spec"], workload["metadata"]["name"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), name
    for container in every_container(made):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, container["name"]
        assert security["capabilities"] == {"drop": ["ALL"]}, container["name"]
        assert security["readOnlyRootFilesystem"] or container["name"] in WRITABLE_ROOT


@pytest.mark.parametrize("made", RUNS_PODS)
def test_what_is_mounted_is_there(made: str) -> None:
    for workload in workloads_of(made):
        claims = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in template(workload)["spec"].get("volumes", [])} | claims
        for container in containers(workload):
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounts <= volumes, container["name"]


@pytest.mark.parametrize("made", RUNS_PODS)
def test_images_are_pinned(made: str) -> None:
    for container in every_container(made):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert tag not in {"", "latest"}, container["name"]


@pytest.mark.parametrize("made", RUNS_PODS)
def test_what_runs_for_long_is_probed(made: str) -> None:
    for workload in of_kind(workloads_of(made), "Deployment", "StatefulSet"):
        for container in containers(workload):
            if container["name"] not in WITHOUT_PROBES:
                is_probed(container, port_names(workload))


def is_probed(container: Manifest, ports: set[Any]) -> None:
    assert {"readinessProbe", "livenessProbe"} <= container.keys(), container["name"]
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind, {})
        for how in ("httpGet", "tcpSocket"):
            assert how not in probe or probe[how]["port"] in ports, container["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_replica_is_given_the_time_that_it_takes_to_leave(overlay: str) -> None:
    pod = template(named(applied(overlay), "Deployment", "app"))["spec"]
    [container] = pod["containers"]
    drain_s = float(next(one for one in container["command"] if one.startswith("--drain-s=")).partition("=")[2])
    pre_stop_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pre_stop_s > 0, "endpoints are taken away while the pod is told to end, not before"
    assert pre_stop_s + drain_s + UVICORN_GRACE_S < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_drain_waits_for_what_it_disturbs_but_is_never_blocked(overlay: str) -> None:
    manifests = applied(overlay)
    hpa = read_hpa(HPA)
    deployments = of_kind(manifests, "Deployment")

    for budget in of_kind(manifests, "PodDisruptionBudget"):
        [guarded] = [
            one for one in deployments if selects(budget["spec"]["selector"], template(one)["metadata"]["labels"])
        ]
        replicas = hpa.min_replicas if guarded["metadata"]["name"] == hpa.target else guarded["spec"]["replicas"]
        allowed = budget["spec"].get("maxUnavailable", replicas - budget["spec"].get("minAvailable", 0))
        assert allowed >= 1
        assert allowed < hpa.min_replicas or guarded["metadata"]["name"] != hpa.target
    guarded_names = {one["metadata"]["name"] for one in of_kind(manifests, "PodDisruptionBudget")}
    assert {one["metadata"]["name"] for one in deployments} == guarded_names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_replicas_are_spread_over_hosts_and_zones(overlay: str) -> None:
    for deployment in of_kind(applied(overlay), "Deployment"):
        constraints = template(deployment)["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert all(selects(one["labelSelector"], template(deployment)["metadata"]["labels"]) for one in constraints)


@pytest.mark.parametrize("folder", ["overlays/kind", "overlays/cloud", "swarm"])
def test_services_and_routes_lead_to_pods_that_listen(folder: str) -> None:
    manifests = applied(folder) + (rendered("swarm") if folder == "overlays/kind" else [])

    for service in of_kind(manifests, "Service"):
        behind = [
            one
            for one in workloads(manifests)
            if service["spec"]["selector"].items() <= template(one)["metadata"]["labels"].items()
        ]
        assert len(behind) == 1, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in port_names(behind[0])
    services = {one["metadata"]["name"]: one for one in of_kind(manifests, "Service")}
    gateways = {one["metadata"]["name"] for one in of_kind(manifests, "Gateway")}
    for route in of_kind(manifests, "HTTPRoute"):
        assert {one["name"] for one in route["spec"]["parentRefs"]} <= gateways
        for backend in (one for rule in route["spec"]["rules"] for one in rule.get("backendRefs", [])):
            assert backend["port"] in [port["port"] for port in services[backend["name"]]["spec"]["ports"]]


@pytest.mark.parametrize("folder", ["overlays/kind", "overlays/cloud", "swarm"])
def test_selectors_of_workloads_fit_their_own_pods(folder: str) -> None:
    for workload in of_kind(applied(folder), "Deployment", "StatefulSet"):
        assert selects(workload["spec"]["selector"], template(workload)["metadata"]["labels"])


def test_nothing_comes_in_or_goes_out_unless_somebody_says_so() -> None:
    policies = of_kind(rendered("overlays/kind"), "NetworkPolicy")

    deny = named(policies, "NetworkPolicy", "default-deny")["spec"]
    assert deny["podSelector"] == {}
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert "ingress" not in deny
    assert "egress" not in deny


def may(manifests: list[Manifest], direction: str, labels: Manifest, peer: Manifest, port: int) -> bool:
    end = "from" if direction == "ingress" else "to"
    return any(
        port in [one["port"] for one in rule.get("ports", [])]
        and any("podSelector" in one and selects(one["podSelector"], peer) for one in rule.get(end, []))
        for rule in allowances(manifests, direction, labels)
    )


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("app", "valkey", 6379),
        ("app", "objects", 8333),
        ("notifier", "valkey", 6379),
        ("notifier", "race", 2525),
        ("images", "objects", 8333),
        ("bucket", "objects", 8333),
        ("race", "valkey", 6379),
        ("race-worker", "race", 5557),
        ("race-worker", "race", 8090),
        ("race-worker", "objects", 8333),
    ],
)
def test_who_has_to_talk_may(source: str, target: str, port: int) -> None:
    """Both ends must allow it: the one that calls, and the one that is called."""
    manifests = rendered("overlays/kind") + rendered("swarm")
    labels = {
        one["app.kubernetes.io/name"]: one for one in (template(w)["metadata"]["labels"] for w in workloads(manifests))
    }

    assert may(manifests, "egress", labels[source], labels[target], port)
    assert may(manifests, "ingress", labels[target], labels[source], port)


@pytest.mark.parametrize("name", ["app", "notifier", "images", "migrate", "race"])
def test_the_database_is_open_to_those_who_use_it(name: str) -> None:
    manifests = rendered("overlays/kind") + rendered("swarm")
    [labels] = [template(one)["metadata"]["labels"] for one in workloads(manifests) if one["metadata"]["name"] == name]

    for database in (INSTANCE, POOLER):
        assert may(manifests, "egress", labels, database, 5432)
        assert may(manifests, "ingress", database, labels, 5432)


@pytest.mark.parametrize("source", [POOLER, INSTANCE, JOIN], ids=["pooler", "instance", "join"])
def test_the_pods_of_the_database_reach_the_primary(source: Manifest) -> None:
    manifests = rendered("overlays/kind")

    assert {} in allowances(manifests, "egress", source), "they ask the cluster's API too"
    assert may(manifests, "ingress", INSTANCE, source, 5432)


def test_the_database_has_room_for_every_replica() -> None:
    """Poolers are between the primary and the replicas; the standby is read past them."""
    manifests = rendered("overlays/kind")
    allowed = int(named(manifests, "Cluster", "postgres")["spec"]["postgresql"]["parameters"]["max_connections"])
    pooler = named(manifests, "Pooler", "postgres-pooler-rw")["spec"]
    [settings] = [one["data"] for one in of_kind(manifests, "ConfigMap") if "DATABASE_CONNECTIONS" in one["data"]]

    on_the_primary = pooler["instances"] * int(pooler["pgbouncer"]["parameters"]["default_pool_size"])
    on_the_standby = read_hpa(HPA).max_replicas * int(settings["DATABASE_CONNECTIONS"])

    assert max(on_the_primary, on_the_standby) + OTHER_CONNECTIONS <= allowed
    assert Database().connections_max == allowed, "a plan takes the database for what it is here"


def test_workers_cannot_reach_a_store_of_accounts() -> None:
    manifests = rendered("overlays/kind") + rendered("swarm")
    labels = template(named(manifests, "Job", "race-workers"))["metadata"]["labels"]

    assert not any(may(manifests, "egress", labels, database, 5432) for database in (INSTANCE, POOLER))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_proxies_close_idle_connections_before_the_replicas_do(overlay: str) -> None:
    policy = named(applied(overlay), "BackendTrafficPolicy", "app")

    assert int(policy["spec"]["timeout"]["http"]["connectionIdleTimeout"].rstrip("s")) < KEEP_ALIVE_S


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_proxies_forward_whole_requests_only(overlay: str) -> None:
    """As on one machine, and up to the same size."""
    buffer = named(applied(overlay), "BackendTrafficPolicy", "app")["spec"]["requestBuffer"]
    patience = named(applied(overlay), "ClientTrafficPolicy", "booking")["spec"]["timeout"]["http"]

    assert int(buffer["limit"].removesuffix("Ki")) * 1024 == BODY_BYTES_MAX
    assert "requestReceivedTimeout" in patience


Headers = tuple[dict[str, str], list[str]]
"""What a proxy sets in a request, and what it removes."""


def headers_of(configuration: dict[str, Any]) -> dict[str, Headers]:
    """By path, what an Envoy does that is configured by a file."""
    [listener] = configuration["static_resources"]["listeners"]
    [manager] = listener["filter_chains"][0]["filters"]
    [host] = manager["typed_config"]["route_config"]["virtual_hosts"]
    return {
        next(iter(route["match"].values())): (
            {one["header"]["key"]: one["header"]["value"] for one in route.get("request_headers_to_add", [])},
            route.get("request_headers_to_remove", []),
        )
        for route in host["routes"]
        if "route" in route
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_proxies_tell_when_a_request_came_unless_it_waits_for_a_password_check(overlay: str) -> None:
    """As Envoy does on one machine, or the replicas would shed no load in the cluster."""
    told: dict[str, Headers] = {}
    for rule in named(rendered(overlay), "HTTPRoute", "app")["spec"]["rules"]:
        [modifier] = [one["requestHeaderModifier"] for one in rule["filters"]]
        added = {one["name"].lower(): one["value"] for one in modifier.get("set", [])}
        removed = [name.lower() for name in modifier.get("remove", [])]
        told |= {match["path"]["value"]: (added, removed) for match in rule["matches"]}

    assert told == headers_of(bootstrap(1, 2, K8S, 1))


def test_the_proxy_of_compose_does_the_same() -> None:
    configuration = yaml.safe_load((ROOT / "compose" / "envoy.yaml").read_text())
    [listener] = configuration["static_resources"]["listeners"]
    filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]

    assert headers_of(configuration) == headers_of(bootstrap(1, 2, K8S, 1))
    assert [one["typed_config"].get("max_request_bytes") for one in filters] == [BODY_BYTES_MAX, None]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_addresses_of_the_internet_are_no_trusted_proxies(overlay: str) -> None:
    [settings] = [one["data"] for one in of_kind(applied(overlay), "ConfigMap") if "TRUSTED_PROXIES" in one["data"]]

    for name in ("TRUSTED_PROXIES", "STAFF_NETWORKS"):
        assert not any(ip_address("203.0.113.7") in ip_network(one) for one in settings[name].split(","))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_and_metrics_are_not_for_clients(overlay: str) -> None:
    internal = named(applied(overlay), "HTTPRoute", "internal")
    [rule] = internal["spec"]["rules"]

    assert {one["path"]["value"] for one in rule["matches"]} == {"/metrics", "/readyz", "/livez"}
    assert "backendRefs" not in rule


def test_every_part_has_its_settings() -> None:
    """A Secret or ConfigMap that a pod asks for is made by the overlay, or is one that scripts/k8s-up makes."""
    manifests = rendered("overlays/kind") + rendered("swarm")
    made = {one["metadata"]["name"] for one in of_kind(manifests, "ConfigMap")}
    script = (K8S.parent / "scripts" / "k8s-up").read_text()

    for workload in workloads(manifests):
        for container in containers(workload):
            for source in container.get("envFrom", []):
                if "configMapRef" in source:
                    assert source["configMapRef"]["name"] in made
                else:
                    assert f"metadata: {{name: {source['secretRef']['name']}, " in script
            keys = [one["valueFrom"] for one in container.get("env", []) if "valueFrom" in one]
            for key in (one["secretKeyRef"] for one in keys if "secretKeyRef" in one):
                assert f"metadata: {{name: {key['name']}, " in script
                assert f"{key['key']}: " in script
        for volume in template(workload)["spec"].get("volumes", []):
            if "secret" in volume:
                assert f"metadata: {{name: {volume['secret']['secretName']}, " in script


def test_names_of_hosts_are_those_of_services() -> None:
    services = {one["metadata"]["name"] for one in of_kind(rendered("overlays/kind"), "Service")} | MANAGED_BY_OPERATOR
    script = (K8S.parent / "scripts" / "k8s-up").read_text()
    [settings] = [one["data"] for one in of_kind(rendered("overlays/kind"), "ConfigMap") if "SMTP_URL" in one["data"]]

    assert settings["SMTP_URL"].partition("//")[2].partition(":")[0] in services
    assert settings["S3_ENDPOINT"].partition("//")[2].partition(":")[0] in services
    hosts = {line.rpartition("@")[2].partition(":")[0] for line in script.splitlines() if "_URL: " in line}
    assert hosts <= services
