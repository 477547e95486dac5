"""Percentiles of many encoded histograms together, as a summary has them."""

from collections.abc import Iterable

from slotrush.runs.distribution import Distribution
from slotrush.summary.model import Times


def times_of(encoded: Iterable[bytes]) -> Times:
    return as_times(Distribution(encoded))


def as_times(distribution: Distribution) -> Times:
    found = distribution.percentiles_ms()
    return Times(p50=found.p50, p90=found.p90, p99=found.p99, p999=found.p999, max=found.max)
