"""Histograms lose nothing but the fourth digit, and merging loses nothing at all."""

import time

import pytest
from hdrh.histogram import HdrHistogram
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


@settings(deadline=None, max_examples=50)
@given(st.lists(TIMES_US | st.just([]), max_size=5))
def test_merging_is_what_the_library_would_do(several_us: list[list[int]]) -> None:
    encoded = [hdr.encode(times_us) for times_us in several_us]
    theirs = hdr.new_histogram()
    for blob in encoded:
        theirs.decode_and_add(blob)

    ours = hdr.merge(encoded)

    assert ours.encode() == theirs.encode()
    assert hdr.percentiles_ms(ours) == hdr.percentiles_ms(theirs)


def test_merging_a_whole_run_takes_less_than_half_as_long_as_the_library_would() -> None:
    encoded = [hdr.encode(range(1_000, 60_000, 1_000))] * 1_000

    def cpu_s() -> tuple[float, float]:
        begun_s = time.process_time()
        hdr.merge(encoded)
        merged_s = time.process_time()
        theirs = hdr.new_histogram()
        for blob in encoded:
            theirs.decode_and_add(blob)
        return merged_s - begun_s, time.process_time() - merged_s

    turns = [cpu_s() for _ in range(5)]

    assert min(ours_s for ours_s, _ in turns) < min(theirs_s for _, theirs_s in turns) / 2


def test_a_histogram_of_another_form_is_refused() -> None:
    other = HdrHistogram(1, 3_600_000, 2, b64_wrap=False)
    other.record_value(5)

    with pytest.raises(ValueError, match="another form"):
        hdr.merge([bytes(other.encode())])


def test_times_outside_the_range_are_recorded_at_its_ends() -> None:
    found = hdr.percentiles_ms(hdr.merge([hdr.encode([0, -5, 0.4, 10.0 * hdr.HIGHEST_US])]))

    assert found.count == 4
    assert found.p50 == hdr.LOWEST_US / 1000
    assert found.max == pytest.approx(hdr.HIGHEST_US / 1000, rel=1e-3)


def test_nothing_has_percentiles_of_zero() -> None:
    nothing = hdr.Percentiles(count=0, p50=0, p90=0, p99=0, p999=0, max=0)

    assert hdr.percentiles_ms(hdr.merge([])) == nothing
    assert hdr.percentiles_ms(hdr.merge([hdr.encode([])])) == nothing
