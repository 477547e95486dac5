"""The pieces of PromQL that panels share: template variables, rates, selections."""

from typing import Final

NAMESPACE: Final = 'namespace=~"$namespace"'
APP: Final = 'job=~"$job"'
"""The booking system's replicas; its `job` is whatever scrapes them."""
RATE: Final = "[$__rate_interval]"
"""Grafana makes it long enough for the scrape interval, whatever the zoom."""
OVERALL: Final = "[$__range]"
_RUN: Final = 'and on (namespace, instance) slotrush_run_info{run_id=~"$run"}'


def rate(metric: str, *matchers: str, over: str = RATE) -> str:
    """Per second."""
    return f"rate({select(metric, *matchers)}{over})"


def increase(metric: str, *matchers: str) -> str:
    """Over the time that the dashboard shows."""
    return f"increase({select(metric, *matchers)}{OVERALL})"


def select(metric: str, *matchers: str) -> str:
    return f"{metric}{{{','.join((NAMESPACE, *matchers))}}}"


def swarm(metric: str, *matchers: str) -> str:
    """A gauge of the chosen runs: a swarm's series carry no run, the info beside them does."""
    return f"({select(metric, *matchers)} {_RUN})"


def swarm_rate(metric: str, *matchers: str) -> str:
    return f"({rate(metric, *matchers)} {_RUN})"


def swarm_total(metric: str, *matchers: str) -> str:
    """Of a run that was there in the time shown, from its beginning, also when its swarm is gone.

    A swarm's counters begin with its run. `increase` would miss whatever they had when they were first seen, which in a
    race may be nearly all.
    """
    info = f'max_over_time(slotrush_run_info{{run_id=~"$run"}}{OVERALL})'
    return f"(max_over_time({select(metric, *matchers)}{OVERALL}) and on (namespace, instance) {info})"


def quantile(share: float, rates: str, *by: str) -> str:
    """In seconds, of a classic histogram's buckets."""
    return f"histogram_quantile({share:g}, sum by ({', '.join(('le', *by))}) ({rates}))"


def equal(label: str, value: str) -> str:
    return f'{label}="{value}"'
