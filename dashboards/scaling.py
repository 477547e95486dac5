"""The dashboard of horizontal scaling: do replicas follow the load, in time, evenly, and without anybody noticing."""

from dashboards import sli
from dashboards.alerts import HPA
from dashboards.board import Board
from dashboards.classes import PROBES
from dashboards.panels import HALF, THIRD, Query, Row, at_least, at_most, chart, figure
from dashboards.promql import APP, equal, quantile, rate, select
from slotrush.slo import Availability, Objectives

AUTOSCALER = f'horizontalpodautoscaler="{HPA}"'
PODS = f'pod=~"{HPA}-.*"'
CONTAINERS = f'{PODS},container="{HPA}"'
NOT_TRUE = 'condition!="true"'
CPU_TARGET = 'metric_name="cpu",metric_target_type="utilization"'
IMBALANCE_MAX = 1.25
"""The busiest replica has a quarter more than the mean: from there on it decides how many replicas are needed."""
START_MAX_S = 60
"""A rush is half over when a new replica takes longer; k8s/base/hpa.yaml leaves room for about this."""
THROTTLED_MAX = 0.25


def board(objectives: Objectives) -> Board:
    return Board(
        "scaling",
        "slotrush-scaling",
        "Horizontal scaling",
        "Do replicas follow the load, how long does it take, do they share it evenly, and do patients notice?",
        [_replicas(), _decision(), _load(), _noticed(objectives)],
        since="now-1h",
    )


def _hpa(name: str, *matchers: str) -> str:
    return select(f"kube_horizontalpodautoscaler_{name}", AUTOSCALER, *matchers)


def _replicas() -> Row:
    ready = f"sum({select('kube_deployment_status_replicas_ready', equal('deployment', HPA))})"
    started = f"{select('kube_pod_status_ready_time', PODS)} - {select('kube_pod_created', PODS)}"
    return "Replicas", [
        figure("Now", "Replicas that take requests.", "short", Query(ready)),
        figure("Wanted", "What the autoscaler asks for.", "short", Query(f"sum({_hpa('status_desired_replicas')})")),
        figure(
            "Room left",
            "How much of the highest number that the autoscaler may ask for is not used yet.",
            "percentunit",
            Query(f"1 - sum({_hpa('status_current_replicas')}) / sum({_hpa('spec_max_replicas')})"),
            limits=at_least(0.2),
        ),
        figure(
            "Time to scale",
            "The slowest pod of those that are there: from its creation to its first request.",
            "s",
            Query(f"max({started})"),
            limits=at_most(START_MAX_S),
        ),
        figure(
            "Not ready",
            "Pods that exist and take no requests yet, or no more.",
            "short",
            Query(f"sum({select('kube_pod_status_ready', PODS, NOT_TRUE)})"),
            limits=at_most(1),
        ),
        figure(
            "Imbalance",
            "The busiest replica's requests, compared with the mean of all. 1 is perfectly even.",
            "short",
            Query(_imbalance()),
            limits=at_most(IMBALANCE_MAX),
            decimals=2,
        ),
        chart(
            "Replicas",
            "Current follows wanted as fast as pods start. At the limit, more load makes people wait.",
            "short",
            Query(f"sum({_hpa('status_desired_replicas')})", "wanted"),
            Query(f"sum({_hpa('status_current_replicas')})", "current"),
            Query(ready, "ready"),
            Query(f"sum({_hpa('spec_max_replicas')})", "highest"),
            Query(f"sum({_hpa('spec_min_replicas')})", "lowest"),
            span=HALF,
        ),
        chart(
            "Time to scale",
            "For each pod: how long from its creation until it was ready.",
            "s",
            Query(started, "{{pod}}"),
            limits=at_most(START_MAX_S),
        ),
    ]


def _decision() -> Row:
    used = f"sum({rate('container_cpu_usage_seconds_total', CONTAINERS)})"
    asked = f"sum({select('kube_pod_container_resource_requests', CONTAINERS, equal('resource', 'cpu'))})"
    return "What the autoscaler sees", [
        chart(
            "Metric against target",
            "The autoscaler adds replicas while the metric is above its target, and removes some while it is below.",
            "short",
            Query(_hpa("status_target_metric"), "{{metric_name}} {{metric_target_type}}"),
            Query(_hpa("spec_target_metric"), "target: {{metric_name}} {{metric_target_type}}"),
        ),
        chart(
            "CPU used, of what was requested",
            "The same from the containers themselves, without the autoscaler's delay.",
            "percentunit",
            Query(f"{used} / {asked}", "used"),
            Query(f"max({_hpa('spec_target_metric', CPU_TARGET)}) / 100", "target"),
        ),
    ]


def _load() -> Row:
    requests = rate(sli.REQUESTS, APP, PROBES)
    periods = rate("container_cpu_cfs_periods_total", CONTAINERS)
    throttled = rate("container_cpu_cfs_throttled_periods_total", CONTAINERS)
    return "Load of each replica", [
        chart(
            "Requests by replica",
            "New replicas should get their share at once.",
            "reqps",
            Query(f"sum by (instance) ({requests})", "{{instance}}"),
            span=THIRD,
        ),
        chart(
            "Imbalance",
            "The busiest replica over the mean. A replica that gets nothing shows here: connections that stay open do"
            " not move to it by themselves.",
            "short",
            Query(_imbalance(), "busiest / mean"),
            span=THIRD,
            limits=at_most(IMBALANCE_MAX),
        ),
        chart(
            "Healthy behind the proxy",
            "Replicas that the proxy sends requests to, of those it knows.",
            "short",
            Query(f"max({select('envoy_cluster_membership_healthy')})", "healthy"),
            Query(f"max({select('envoy_cluster_membership_total')})", "known"),
            span=THIRD,
        ),
        chart(
            "CPU by pod",
            "In cores.",
            "short",
            Query(f"sum by (pod) ({rate('container_cpu_usage_seconds_total', CONTAINERS)})", "{{pod}}"),
            span=THIRD,
        ),
        chart(
            "CPU throttled",
            "Share of the scheduler's periods in which a pod wanted more than its limit: time that requests wait for.",
            "percentunit",
            Query(f"sum by (pod) ({throttled}) / sum by (pod) ({periods})", "{{pod}}"),
            span=THIRD,
            limits=at_most(THROTTLED_MAX),
        ),
        chart(
            "Memory by pod",
            "What cannot be given back, which is what a limit is held against.",
            "bytes",
            Query(f"sum by (pod) ({select('container_memory_working_set_bytes', CONTAINERS)})", "{{pod}}"),
            span=THIRD,
        ),
    ]


def _noticed(objectives: Objectives) -> Row:
    requests = rate(sli.REQUESTS, APP, PROBES)
    failed = rate(sli.REQUESTS, APP, PROBES, sli.FAILED)
    targets = [one.target for one in objectives.every if isinstance(one, Availability)]
    retried = select("envoy_cluster_upstream_rq_retry")
    waiting = select("envoy_cluster_upstream_rq_pending_overflow")
    return "Whether anybody noticed", [
        chart(
            "Availability",
            "Share of good answers while replicas came and went. The line is the objective.",
            "percentunit",
            Query(f"1 - (sum({failed}) or sum({requests}) * 0) / (sum({requests}) > 0)", "good"),
            span=THIRD,
            limits=at_least(max(targets)) if targets else None,
            floor=None,
        ),
        chart(
            "p99",
            "Measured in the replicas.",
            "s",
            Query(quantile(0.99, rate(f"{sli.DURATION}_bucket", APP, PROBES)), "p99"),
            span=THIRD,
        ),
        chart(
            "Mended by the proxy",
            "Requests that were sent again to another replica, and requests that it had no room to keep waiting.",
            "reqps",
            Query(f"sum(rate({retried}[$__rate_interval]))", "sent again"),
            Query(f"sum(rate({waiting}[$__rate_interval]))", "no room"),
            span=THIRD,
        ),
    ]


def _imbalance() -> str:
    each = f"sum by (instance) ({rate(sli.REQUESTS, APP, PROBES)})"
    return f"max({each}) / (avg({each}) > 0)"
