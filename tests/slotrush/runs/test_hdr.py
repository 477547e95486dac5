"""Histograms lose nothing but the fourth digit, and merging loses nothing at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.runs import hdr

TIMES_US = st.lists(st.integers(hdr.LOWEST_US, hdr.HIGHEST_US), min_size=1, max_size=200)


@settings(deadline=None, max_examples=50)
@given(TIMES_US)
def test_a_percentile_is_within_a_thousandth_of_the_exact_one(times_us: list[int]) -> None:
    found = hdr.percentiles_ms(hdr.merge([hdr.encode(times_us)]))

    for percentile, found_ms in [(50, found.p50), (90, found.p90), (99, found.p99), (99.9, found.p999)]:
        rank = max(int(len(times_us) * percentile / 100 + 0.5), 1)  # the nearest rank, as HdrHistogram has it
        assert found_ms == pytest.approx(sorted(times_us)[rank - 1] / 1000, rel=1e-3)
    assert found.max == pytest.approx(max(times_us) / 1000, rel=1e-3)


@settings(deadline=None, max_examples=50)
@given(TIMES_US, TIMES_US)
def test_merged_histograms_are_the_histogram_of_everything(some_us: list[int], others_us: list[int]) -> None:
    apart = hdr.merge([hdr.encode(some_us), hdr.encode(others_us)])
    together = hdr.merge([hdr.encode(some_us + others_us)])

    assert hdr.percentiles_ms(apart) == hdr.percentiles_ms(together)
    assert apart.total_count == len(some_us) + len(others_us)


def test_times_outside_the_range_are_recorded_at_its_ends() -> None:
    found = hdr.percentiles_ms(hdr.merge([hdr.encode([0, -5, 0.4, 10.0 * hdr.HIGHEST_US])]))

    assert found.count == 4
    assert found.p50 == hdr.LOWEST_US / 1000
    assert found.max == pytest.approx(hdr.HIGHEST_US / 1000, rel=1e-3)


def test_nothing_has_percentiles_of_zero() -> None:
    nothing = hdr.Percentiles(count=0, p50=0, p90=0, p99=0, p999=0, max=0)

    assert hdr.percentiles_ms(hdr.merge([])) == nothing
    assert hdr.percentiles_ms(hdr.merge([hdr.encode([])])) == nothing
