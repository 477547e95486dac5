"""Alerts on the parts of the system that no objective of the booking's own metrics can see."""

from collections.abc import Mapping
from typing import Any, Final

from dashboards import sli

HPA: Final = "app"
"""The name of the HorizontalPodAutoscaler in k8s/base/hpa.yaml."""
OUTBOX_LAG_MAX_S: Final = 300
"""A confirmation that comes later than five minutes after the booking makes people book again."""


def alert(
    name: str,
    expression: str,
    *,
    severity: str,
    summary: str,
    description: str,
    dashboard: str,
    hold: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`severity`: page wakes somebody, ticket waits for the morning. `dashboard` is the uid of the one to look at."""
    return {
        "alert": name,
        "expr": expression,
        **({"for": hold} if hold else {}),
        "labels": {**(labels or {}), "severity": severity},
        "annotations": {"summary": summary, "description": description, "dashboard_uid": dashboard},
    }


def system_alerts() -> list[dict[str, Any]]:
    return [_no_metrics(), _no_replicas_left(), _replicas_missing(), _outbox_stuck(), _mails_failing()]


def _no_metrics() -> dict[str, Any]:
    return alert(
        "BookingMetricsAbsent",
        f"absent({sli.requests()})",
        hold="5m",
        severity="page",
        summary="No replica of the booking system is seen",
        description=(
            "Prometheus scrapes no replica. Either all are down, or scraping is broken: the objectives are blind, and"
            " their alerts are silent."
        ),
        dashboard="slotrush-availability",
    )


def _hpa(metric: str) -> str:
    """Of an autoscaler of that name, as others may have too."""
    return f'kube_horizontalpodautoscaler_{metric}{{horizontalpodautoscaler="{HPA}"}}'


_OURS: Final = f"and on (namespace) group by (namespace) ({sli.requests()})"
"""Where there are replicas of the booking system."""


def _no_replicas_left() -> dict[str, Any]:
    return alert(
        "BookingHpaMaxedOut",
        f"({_hpa('status_current_replicas')}\n== {_hpa('spec_max_replicas')}\n!= {_hpa('spec_min_replicas')})\n{_OURS}",
        hold="15m",
        severity="ticket",
        summary="The autoscaler has no replicas left to add",
        description="It has run at its upper limit for a quarter of an hour: more load would make everyone wait.",
        dashboard="slotrush-scaling",
    )


def _replicas_missing() -> dict[str, Any]:
    current = _hpa("status_current_replicas")
    return alert(
        "BookingHpaReplicasMismatch",
        f"({_hpa('status_desired_replicas')} != {current})\nand\nchanges({current}[15m]) == 0\n{_OURS}",
        hold="15m",
        severity="ticket",
        summary="The autoscaler does not get the replicas that it asks for",
        description=(
            "For a quarter of an hour another number of replicas was wanted, and none came or went. Look for pods that"
            " are pending: often the nodes are full."
        ),
        dashboard="slotrush-scaling",
    )


def _outbox_stuck() -> dict[str, Any]:
    return alert(
        "BookingOutboxStuck",
        f"max by (namespace) (notifier_outbox_lag_seconds) > {OUTBOX_LAG_MAX_S}",
        hold="5m",
        severity="ticket",
        summary="Events wait in the outbox",
        description="Bookings are kept, but nobody is told of them. Look at the notifier, and at Valkey's stream.",
        dashboard="slotrush-notifications",
    )


def _mails_failing() -> dict[str, Any]:
    return alert(
        "BookingMailsFailing",
        'sum by (namespace) (rate(notifier_emails_total{outcome="failed"}[10m])) > 0',
        hold="5m",
        severity="ticket",
        summary="E-mails are given up",
        description="They were refused for good and are dead letters now: somebody has to look at the reason.",
        dashboard="slotrush-notifications",
    )
