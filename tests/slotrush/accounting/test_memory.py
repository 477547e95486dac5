import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from slotrush.accounting import memory
from slotrush.accounting.memory import MemoryMeter
from slotrush.accounting.procfs import Pages

ONE, TWO = (101, 1), (102, 1)


class FakeKernel:
    """Page counts and set sizes by pid, and how often the costly ones were read."""

    def __init__(self) -> None:
        self.pages: dict[int, Pages] = {}
        self.pss: dict[int, int | None] = {}
        self.costly_reads = 0

    def read_pss(self, pid: int) -> int | None:
        self.costly_reads += 1
        return self.pss[pid]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    fake = FakeKernel()
    monkeypatch.setattr(memory, "read_pages", fake.pages.get)
    monkeypatch.setattr(memory, "read_pss", fake.read_pss)
    return fake


def test_set_sizes_are_read_seldom_and_carried_on_by_private_growth(kernel: FakeKernel) -> None:
    meter = MemoryMeter()
    kernel.pages[101], kernel.pss[101] = Pages(private=60, shared=40), 70
    assert meter.measure({ONE: "app"}, now_s=0, age_max_s=5) == {"app": 70}

    kernel.pages[101] = Pages(private=90, shared=400)
    assert meter.measure({ONE: "app"}, now_s=4, age_max_s=5) == {"app": 100}
    assert kernel.costly_reads == 1

    kernel.pss[101] = 95
    assert meter.measure({ONE: "app"}, now_s=5, age_max_s=5) == {"app": 95}
    assert kernel.costly_reads == 2


def test_where_set_sizes_may_not_be_read_shared_pages_count_once(kernel: FakeKernel) -> None:
    kernel.pages |= {101: Pages(private=10, shared=128), 102: Pages(private=20, shared=100)}
    kernel.pss |= {101: None, 102: None}

    found = MemoryMeter().measure({ONE: "postgres", TWO: "postgres"}, now_s=0, age_max_s=5)

    assert found == {"postgres": 10 + 20 + 128}


def test_a_process_that_has_gone_counts_nothing(kernel: FakeKernel) -> None:
    kernel.pages[101], kernel.pss[101] = Pages(private=60, shared=40), 70

    assert MemoryMeter().measure({ONE: "app", TWO: "app"}, now_s=0, age_max_s=5) == {"app": 70}


def test_a_pid_that_is_used_again_is_read_anew(kernel: FakeKernel) -> None:
    meter = MemoryMeter()
    kernel.pages[101], kernel.pss[101] = Pages(private=60, shared=40), 70
    meter.measure({ONE: "app"}, now_s=0, age_max_s=5)
    kernel.pss[101] = 30

    assert meter.measure({(101, 2): "app"}, now_s=1, age_max_s=5) == {"app": 30}


@pytest.fixture
def forked_pair() -> Iterator[subprocess.Popen[Any]]:
    """A process with 64 MB that forks: both map the same pages."""
    code = (
        "import os, sys\n"
        "held = bytes(range(256)) * (64 * 4096)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def test_what_real_forks_share_counts_once(forked_pair: subprocess.Popen[Any]) -> None:
    assert forked_pair.stdout is not None
    child = int(forked_pair.stdout.readline())
    held_bytes = 256 * 64 * 4096

    found = MemoryMeter().measure(
        {(forked_pair.pid, 0): "app", (child, 0): "app", (os.getpid(), 0): "harness"}, now_s=0, age_max_s=5
    )

    assert held_bytes < found["app"] < 1.6 * held_bytes
