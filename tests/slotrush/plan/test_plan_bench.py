"""scripts/bench-holdout: sweeps of the simulated booking system."""

import sys

import pytest

from slotrush import slo
from slotrush.capacity.bisect import Verdict
from slotrush.plan import bench
from slotrush.sweep.model import Settings

SETTINGS = Settings(replicas=(1, 2, 4, 6), cpu_quota_m=50, probe_s=30.0, tolerance=0.004, tests_max=4, rounds=1)
OBJECTIVES = slo.load()


@pytest.mark.parametrize(("rate_per_s", "verdict"), [(50.0, Verdict.PASS), (150.0, Verdict.FAIL)])
def test_a_swarm_keeps_the_objectives_as_long_as_its_replicas_are_not_full(rate_per_s: float, verdict: Verdict) -> None:
    probe = bench.swarm(2, rate_per_s, SETTINGS, bench.GIVEN, OBJECTIVES, (1, 2, 3))
    assert probe.verdict is verdict
    assert (probe.p99_ms["reads"] <= 300.0) is (verdict is Verdict.PASS)
    assert 0 < probe.cores["app"] <= 0.1


def test_the_same_seed_is_the_same_sweep() -> None:
    first, again, another = (bench.swept(SETTINGS, bench.GIVEN, OBJECTIVES, seed) for seed in (1, 1, 2))
    assert first == again
    assert [probe.p99_ms for probe in first.points[-1].probes] != [probe.p99_ms for probe in another.points[-1].probes]
    assert [len(point.probes) for point in first.points] == [4, 4, 4, 4]


def test_it_prints_the_error_at_each_held_out_number_of_replicas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench-holdout", "--plans", "6x30", "--sweeps", "2"])
    bench.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("6x30")]
    assert [row[2] for row in rows] == ["6", "8"]
    assert all(abs(float(row[3].rstrip("%"))) < 50 for row in rows)
