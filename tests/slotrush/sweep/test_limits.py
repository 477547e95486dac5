"""Limits by how late answers were, and where the verdicts have the last word."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slotrush import slo
from slotrush.capacity.bisect import Verdict
from slotrush.sweep import limits
from slotrush.sweep.model import Probe, Settings, Sweep
from tests.slotrush.sweep.swept import OBJECTIVES, Laboratory, measured

STRICT = OBJECTIVES.latencies("steady_day")


def errors(sweep: Sweep, laboratory: Laboratory) -> list[float]:
    return [math.log(point.rate_per_s.mid / laboratory.limit_per_s(point.replicas)) for point in sweep.points]


def test_how_late_answers_were_tells_more_than_whether_they_were_too_late() -> None:
    by_verdicts, by_lateness, widths = [], [], []
    for seed in range(6):
        laboratory = Laboratory(seed, scatter=0.06)
        sweep = measured(Settings(), laboratory)
        found = limits.found(sweep, OBJECTIVES)
        by_verdicts += errors(sweep, laboratory)
        by_lateness += errors(found, laboratory)
        pairs = zip(found.points, sweep.points, strict=True)
        widths += [one.rate_per_s.relative_width / other.rate_per_s.relative_width for one, other in pairs]

    assert np.mean(widths) < 0.9
    assert np.std(by_lateness) < np.std(by_verdicts)
    assert abs(np.mean(by_lateness)) < 0.02


def test_the_interval_is_that_of_the_limit_in_requests_too() -> None:
    laboratory = Laboratory(scatter=0.04)
    sweep = limits.found(measured(Settings(), laboratory), OBJECTIVES)

    held = [laboratory.limit_per_s(point.replicas) in point.rate_per_s for point in sweep.points]
    assert sum(held) >= len(held) - 1
    for point in sweep.points:
        assert point.throughput_per_s is not None
        assert point.throughput_per_s.relative_width == pytest.approx(point.rate_per_s.relative_width)


def test_a_point_that_was_hardly_measured_near_its_limit_keeps_what_its_verdicts_say() -> None:
    sweep = measured(Settings(), Laboratory(scatter=0.04))
    far = sweep.points[0]
    alone = sweep.having(replace(far, probes=tuple(replace(one, p99_ms={"reads": 20.0}) for one in far.probes)))

    found = limits.found(alone, OBJECTIVES)

    assert found.points[0].limit is None
    assert found.points[0].rate_per_s == far.search.estimate()
    assert found.points[1].limit is not None


def test_objectives_of_another_percentile_leave_it_to_the_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    text = OBJECTIVES.path.read_text("utf-8")
    path.write_text(text.replace("target: 0.99\n", "target: 0.95\n"))
    sweep = measured(Settings(), Laboratory())

    assert limits.found(sweep, slo.load(path)) == sweep


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNDECIDED])
def test_a_swarm_that_failed_though_it_was_in_time_tells_nothing_here(verdict: Verdict) -> None:
    """Errors, or the load generator, decided it."""
    sweep = measured(Settings(), Laboratory(scatter=0.04))
    broken = sweep.points[0]
    others = tuple(replace(one, verdict=verdict, p99_ms={"reads": 250.0}) for one in broken.probes)

    found = limits.found(sweep.having(replace(broken, probes=others)), OBJECTIVES)

    assert found.points[0].limit is None


def test_lateness_is_that_of_the_class_which_is_nearest_to_its_objective() -> None:
    probe = Probe(
        "run", 10.0, Verdict.PASS, "", "", p99_ms={"reads": 150.0, "bookings": 400.0, "other-writes": 9_000.0}
    )

    assert limits.lateness(probe, STRICT) == pytest.approx(math.log(0.8))
    assert limits.lateness(replace(probe, p99_ms={}), STRICT) is None
