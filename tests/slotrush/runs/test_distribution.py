"""Reading histograms with NumPy gives what reading them with the library gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.runs import hdr
from slotrush.runs.distribution import BUCKETS_S, Distribution

times_us = st.lists(st.integers(hdr.LOWEST_US, hdr.HIGHEST_US), min_size=1, max_size=200)


@settings(deadline=None)
@given(times_us, times_us)
def test_percentiles_are_those_of_the_library(first: list[int], second: list[int]) -> None:
    blobs = [hdr.encode(first), hdr.encode(second)]

    assert Distribution(blobs).percentiles_ms() == hdr.percentiles_ms(hdr.merge(blobs))


@settings(deadline=None)
@given(times_us)
def test_counts_and_sum_are_those_of_the_times_to_the_histograms_resolution(times: list[int]) -> None:
    found = Distribution([hdr.encode(times)])

    for bound_s, count in zip(BUCKETS_S, found.counts_up_to(BUCKETS_S), strict=True):
        surely = sum(time_us <= bound_s * 1e6 for time_us in times)
        perhaps = sum(time_us <= bound_s * 1e6 * 1.001 for time_us in times)
        assert surely <= count <= perhaps
    assert found.sum_s == pytest.approx(sum(times) / 1e6, rel=1e-3)
    assert found.count == len(times)


def test_quantiles_are_the_times_that_so_many_do_not_exceed() -> None:
    found = Distribution([hdr.encode([1_000, 2_000, 3_000, 4_000])])

    assert found.quantiles_s(np.array([0.01, 0.25, 0.26, 0.75, 1.0])) == pytest.approx(
        [0.001, 0.001, 0.002, 0.003, 0.004], rel=1e-3
    )


def test_of_nothing_everything_is_zero() -> None:
    found = Distribution([])

    assert found.percentiles_ms() == hdr.percentiles_ms(hdr.new_histogram())
    assert (found.counts_up_to([0.3, 60]), found.sum_s, found.count) == ([0, 0], 0.0, 0)
