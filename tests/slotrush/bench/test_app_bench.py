"""The table of the benchmark."""

import os
import time

import pytest

from slotrush.bench.app import Row, cpu_ns, rows


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    spent_us = {"hello": [50.0, 60.0, 100.0], "booking": [100.0, 100.0, 400.0]}
    assert rows(spent_us) == [Row("hello", 60.0, 1.0), Row("booking", 100.0, 0.5)]


def test_the_cpu_of_a_process_is_that_of_its_threads() -> None:
    before_ns, began_s = cpu_ns(os.getpid()), time.process_time()
    while time.process_time() < began_s + 0.05:
        pass
    assert (cpu_ns(os.getpid()) - before_ns) / 1e9 == pytest.approx(time.process_time() - began_s, rel=0.5)
