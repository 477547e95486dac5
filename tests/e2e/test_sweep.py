"""A small real sweep: one replica with a quota, one rate, the audit of its stack."""

import os
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from slotrush.capacity.bisect import Verdict
from slotrush.errors import BadInputError
from slotrush.stack import quota
from slotrush.sweep import model, sweeping
from slotrush.sweep.model import Settings
from slotrush.sweep.sweeping import News

CPU_M = 100
SMALL = Settings(replicas=(1,), cpu_quota_m=CPU_M, probe_s=sweeping.PROBE_S_MIN, tests_max=1)


@pytest.mark.long
def test_a_sweep_measures_and_keeps_what_it_found(tmp_path: Path) -> None:
    try:
        parent = quota.find_parent().path
    except BadInputError as error:
        pytest.skip(str(error))
    told: list[News] = []
    groups: set[Path] = set()

    def listen(news: News) -> None:
        told.append(news)
        groups.update(group for group in parent.glob("slotrush-*") if is_ours(group))

    found = sweeping.sweep(sweeping.begin(SMALL), tmp_path, listen)

    assert model.load(tmp_path) == found
    (point,) = found.points
    (probe,) = point.probes
    assert probe.verdict is not Verdict.UNDECIDED, probe.reason
    assert 0 < probe.cores["app"] <= 1.2 * CPU_M / 1000  # what is left of a period's quota may be used in the next
    assert {"proxy", "postgres", "generator", "machine", "strangers"} <= probe.cores.keys()
    assert probe.throttled is not None
    assert probe.throughput_per_s == pytest.approx(probe.rate_per_s, rel=0.5)
    assert {"app", "proxy", "postgres", "valkey"} <= probe.memory_mib.keys()
    assert probe.mean_ms is not None
    assert probe.transactions_s is not None
    assert 0 < probe.transactions_s < 1
    assert probe.little is not None
    assert abs(probe.little) < 0.5  # a few seconds of bookings, of which some began before or ended after
    (audited,) = point.audits
    assert audited.clean, audited.broken
    assert audited.checked > 0
    assert told[0].left_s >= told[-1].left_s
    assert len(groups) == 1
    assert not any(group.exists() for group in groups)
    assert sweeping.sweep(found, tmp_path, listen) == found  # there is nothing left to do


def is_ours(group: Path) -> bool:
    """Whether we started what runs in it: others may have stacks too."""
    with suppress(OSError, psutil.NoSuchProcess):
        pids = (group / quota.PROCESSES).read_text().split()
        return any(psutil.Process(int(pid)).ppid() == os.getpid() for pid in pids)
    return False
