"""What Prometheus scrapes, may ask and keeps: that it fits the manifests and the rules."""

import re

import pytest
import yaml

from dashboards.classes import REPLICAS
from dashboards.sli import measured
from slotrush import slo
from tests.k8s.rendering import (
    INSTANCE,
    POOLER,
    ROOT,
    Manifest,
    allowances,
    named,
    of_kind,
    port_names,
    rendered,
    selects,
    template,
    workloads,
)


def test_what_prometheus_scrapes_is_there() -> None:
    """Pods of the operators, whose labels and ports are theirs, are left out."""
    manifests = rendered("overlays/kind") + rendered("swarm")
    theirs = {"postgres", "postgres-pooler", "envoy"}

    for monitor in of_kind(rendered("monitoring"), "ServiceMonitor", "PodMonitor"):
        if monitor["metadata"]["name"] in theirs:
            continue
        found = [
            one
            for one in workloads(manifests)
            if selects(monitor["spec"]["selector"], template(one)["metadata"]["labels"])
        ]
        assert len(found) == 1
        endpoints = monitor["spec"].get("endpoints", []) + monitor["spec"].get("podMetricsEndpoints", [])
        assert all(one["port"] in port_names(found[0]) for one in endpoints)


@pytest.mark.parametrize(("monitor", "pod", "port"), [("postgres", INSTANCE, 9187), ("postgres-pooler", POOLER, 9127)])
def test_prometheus_finds_each_pod_of_the_database_once_and_may_ask_it(monitor: str, pod: Manifest, port: int) -> None:
    monitors = of_kind(rendered("monitoring"), "PodMonitor")
    open_to_monitoring = [
        one["port"]
        for rule in allowances(rendered("overlays/kind"), "ingress", pod)
        for one in rule["ports"]
        if any("monitoring" in str(peer.get("namespaceSelector")) for peer in rule["from"])
    ]

    found = [one["metadata"]["name"] for one in monitors if selects(one["spec"]["selector"], pod)]

    assert found == [monitor]
    assert port in open_to_monitoring


def test_the_replicas_are_scraped_as_the_job_that_the_rules_are_about() -> None:
    """The Prometheus Operator names a job after the Service, where nothing says otherwise."""
    monitor = named(rendered("monitoring"), "ServiceMonitor", "app")["spec"]
    [service] = [
        one["metadata"]["name"]
        for one in of_kind(rendered("overlays/kind"), "Service")
        if selects(monitor["selector"], one["metadata"]["labels"])
    ]
    compose = yaml.safe_load((ROOT / "compose" / "prometheus.yaml").read_text())
    [job] = [one["job_name"] for one in compose["scrape_configs"] if "app" in str(one.get("dns_sd_configs"))]

    assert "jobLabel" not in monitor
    assert {f'job="{service}"', f'job="{job}"'} == {REPLICAS}


def test_prometheus_keeps_all_that_a_budget_is_counted_from() -> None:
    texts = [(ROOT / name).read_text() for name in ("compose.yaml", "scripts/k8s-up")]

    kept_days = [re.findall(r"retention(?:\.time)?=(\d+)d", text) for text in texts]

    longest_s = max(one.window_s for one in measured(slo.load()))
    assert all(int(days) * 86_400 > longest_s for [days] in kept_days)
