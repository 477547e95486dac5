"""When a run is the target's and when it is the generator's own, on crafted seconds."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.runs import hdr
from slotrush.summary.validity import CPU_LIMIT_S, NEGLIGIBLE_MS, Window, judge, percentile_of

CALM_MS = (1.0,) * 20


def window(
    second: int,
    responses_ms: Iterable[float],
    lags_ms: Iterable[float] = CALM_MS,
    worker: str = "worker0",
    **more: float,
) -> Window:
    times_us = [time_ms * 1000 for time_ms in responses_ms]
    lags_us = tuple(sorted(int(lag_ms * 1000) for lag_ms in lags_ms))
    return Window(worker, second, len(times_us), (hdr.encode(times_us),), lags_us, **more)  # type: ignore[arg-type]


def calm(seconds: Iterable[int], each: int = 100, worker: str = "worker0") -> list[Window]:
    """Answers within 20 to 40 ms, nothing late."""
    return [window(second, [20 + 20 * k / each for k in range(each)], worker=worker) for second in seconds]


def steady(p50_ms: float, p99_ms: float) -> list[float]:
    """A thousand times of which these are the median and the 99th percentile."""
    return [p50_ms] * 980 + [p99_ms] * 20


@pytest.mark.parametrize(
    ("lag", "response", "distorted"),
    [
        ((1, 5), (100, 400), None),
        ((9, 9), (2, 3), None),  # the grain of the scheduler, though more than the response time
        ((15, 60), (1000, 3000), None),
        ((530, 600), (550, 700), "p50"),
        ((1, 200), (100, 400), "p99"),
    ],
)
def test_in_a_run_of_equal_seconds_lag_is_compared_with_the_times_at_the_same_percentile(
    lag: tuple[float, float], response: tuple[float, float], distorted: str | None
) -> None:
    run = [window(second, steady(*response), steady(*lag)) for second in range(10)]

    faults = judge(run).faults

    assert [fault.distortion and fault.distortion.percentile for fault in faults] == ([distorted] if distorted else [])
    assert [(fault.from_s, fault.until_s) for fault in faults] == ([(0, 10)] if distorted else [])


def test_the_bad_stretch_is_named_with_its_worker_and_what_would_have_been_without_it() -> None:
    late = [window(second, [800.0] * 100, [780.0] * 20, worker="worker1") for second in range(10, 14)]
    run = calm(range(20)) + calm((second for second in range(20) if not 10 <= second < 14), worker="worker1") + late

    (fault,) = judge(run).faults

    assert (fault.cause, fault.from_s, fault.until_s, fault.workers) == ("held", 10, 14, ("worker1",))
    assert (fault.requests, fault.share) == (400, 0.1)
    assert fault.lag_ms == pytest.approx(780, rel=1e-3)
    assert fault.distortion is not None
    assert fault.distortion.percentile == "p99"
    assert fault.distortion.reported_ms == pytest.approx(800, rel=2e-3)
    assert fault.distortion.without_ms == pytest.approx(40, rel=0.02)
    assert "from 10 s to 14 s" in fault.sentence
    assert "worker1 was up to 780 ms late" in fault.sentence
    assert "the p99 of 800 ms would be 40 ms without it" in fault.sentence


def booked(second: int, reads_ms: list[float], bookings_ms: list[float], lags_ms: Iterable[float] = CALM_MS) -> Window:
    """A second of reads and of a few bookings, which have objectives of their own."""
    both = window(second, reads_ms + bookings_ms, lags_ms)
    return replace(both, classes={"bookings": (len(bookings_ms), (hdr.encode([ms * 1000 for ms in bookings_ms]),))})


def test_a_class_of_few_requests_is_judged_by_itself() -> None:
    """The reads are so slow that a lag of 100 ms is no matter to the percentiles of all; to those of the bookings it
    is."""
    reads = [900.0] * 200
    run = [booked(second, reads, [130.0] * 10, [100.0] * 20) for second in range(20)]

    (fault,) = judge(run).faults

    assert fault.distortion is not None
    assert (fault.distortion.percentile, fault.distortion.of) == ("p50", "bookings")
    assert "the p50 of bookings, 130 ms would be 30 ms without it" in fault.sentence
    assert judge([replace(one, classes={}) for one in run]).faults == ()


def test_the_share_of_delayed_requests_has_no_limit_while_nothing_is_decided_by_it() -> None:
    judged = judge([window(second, [60.0] * 100, [15.0] * 20) for second in range(20)])

    assert (judged.delayed, judged.faults) == (2_000, ())


def test_a_handful_of_bad_milliseconds_leaves_a_long_run_valid() -> None:
    blip = window(150, [30.0] * 99 + [500.0], [*CALM_MS[1:], 490.0])
    judged = judge([*calm([*range(150), *range(151, 300)]), blip])

    assert judged.faults == ()
    assert 0 < judged.delayed <= 10


def test_a_handful_of_delayed_requests_is_no_fault_even_where_the_tail_is_steep() -> None:
    """Five in ten thousand carry the p99 over a step of the target's own: the next ranks are as slow without them."""
    fast = [window(second, [20.0] * 100) for second in range(98)]
    slow, blip = window(98, [200.0] * 99 + [20.0]), window(99, [20.0] * 95 + [500.0] * 5, [*CALM_MS[1:], 490.0])

    judged = judge([*fast, slow, blip])

    assert (judged.delayed, judged.faults) == (5, ())


def test_one_late_second_in_which_a_rush_was_answered_spoils_a_long_run() -> None:
    """By the time it was late, a sixth of a percent, nobody would see it."""
    rush = window(300, [900.0] * 20_000, [850.0] * 20)

    judged = judge([*calm([*range(300), *range(301, 600)], each=10), rush])

    assert [(fault.from_s, fault.until_s) for fault in judged.faults] == [(300, 301)]
    assert judged.faults[0].distortion is not None


def test_a_generator_that_is_late_while_nothing_is_answered_spoils_nothing() -> None:
    idle = [window(second, [], [500.0] * 20) for second in range(100, 200)]

    assert judge(calm(range(100)) + idle).faults == ()


def test_delay_that_is_small_beside_the_times_is_no_matter_however_long() -> None:
    assert judge([window(second, [1000.0] * 50, [150.0] * 20) for second in range(60)]).faults == ()


def full_core(seconds: Iterable[int]) -> list[Window]:
    """A core at its limit; only the slowest twentieth meets a material lag, among times that are as long anyhow."""
    slow = [20.0] * 90 + [400.0] * 10
    return [window(second, slow, [*CALM_MS[1:], 90.0], cpu_share=0.99) for second in seconds]


def test_a_full_core_is_the_cause_when_it_lasts() -> None:
    late = [window(second, [400.0] * 100, [350.0] * 20, cpu_share=0.97) for second in range(10, 10 + CPU_LIMIT_S)]

    (fault,) = judge(calm(range(10)) + late).faults

    assert (fault.cause, fault.cpu_share) == ("cpu", 0.97)
    assert "more workers" in fault.sentence
    assert [fault.cause for fault in judge(calm(range(10)) + late[1:]).faults] == ["held"]


def test_a_full_core_spoils_a_run_whose_percentiles_it_did_not_move() -> None:
    run = full_core(range(20, 30))
    others = [window(second, [20.0] * 90 + [400.0] * 10) for second in (*range(20), *range(30, 40))]

    assert [(fault.cause, fault.distortion) for fault in judge(others + run).faults] == [("cpu", None)]
    idle_core = [replace(one, cpu_share=0.5) for one in run]
    assert judge(others + idle_core).faults == ()


def test_a_full_core_that_is_never_late_spoils_nothing() -> None:
    assert judge([replace(one, cpu_share=1.0) for one in calm(range(30))]).faults == ()


def test_a_long_block_reaches_back_to_where_it_began() -> None:
    """While its loop is blocked a worker reports nothing: its next second tells of all of it."""
    blocked = [window(second, [4500.0] * 100, range(50, 5000, 50), cpu_share=1.0, covers_s=5) for second in (15, 20)]

    (fault,) = judge(calm(range(10)) + blocked).faults

    assert (fault.from_s, fault.until_s, fault.cause) == (11, 21, "cpu")


def test_an_answer_that_was_faster_than_the_lag_did_not_meet_it() -> None:
    """After a block has ended the rest of its second is as good as any."""
    after = window(10, [900.0] * 5 + [2.0] * 95, [*range(50, 900, 50), *CALM_MS])

    assert judge([after, *calm(range(10))]).delayed == 5


def test_garbage_collection_is_the_cause_when_it_explains_the_lag() -> None:
    pauses = [window(second, [300.0] * 100, range(0, 300, 15), gc_pause_ms=280.0) for second in (10, 11)]

    (fault,) = judge(calm(range(10)) + pauses).faults

    assert (fault.cause, fault.gc_pause_ms) == ("gc", 560.0)


def test_workers_that_are_late_together_are_named_together_and_apart_apart() -> None:
    def late(worker: str, seconds: Iterable[int]) -> list[Window]:
        return [window(second, [500.0] * 100, [400.0] * 20, worker=worker) for second in seconds]

    faults = judge(late("worker0", [1, 2, 3, 20]) + late("worker1", [2, 3, 4])).faults

    assert [(fault.from_s, fault.until_s, fault.workers) for fault in faults] == [
        (1, 5, ("worker0", "worker1")),
        (20, 21, ("worker0",)),
    ]


@pytest.mark.parametrize(
    ("arrivals", "dropped", "spoiled"), [(100, 0, False), (100, 1, False), (100, 40, True), (0, 40, True)]
)
def test_more_than_a_handful_of_dropped_arrivals_spoils_a_run(arrivals: int, dropped: int, spoiled: bool) -> None:
    run = [replace(one, arrivals=arrivals) for one in calm(range(20))]
    run[7] = replace(run[7], dropped=dropped)
    run[8] = replace(run[8], dropped=dropped)

    faults = judge(run).faults

    assert [(fault.cause, fault.from_s, fault.until_s, fault.requests) for fault in faults] == (
        [("dropped", 7, 9, 2 * dropped)] if spoiled else []
    )
    assert all(f"{2 * dropped} arrivals were due and never started" in fault.sentence for fault in faults)


@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(0.1, 5_000), min_size=1, max_size=30),
            st.lists(st.floats(0, NEGLIGIBLE_MS), max_size=20),
        ),
        max_size=8,
    )
)
def test_lag_within_the_grain_of_the_scheduler_never_spoils_a_run(
    seconds: list[tuple[list[float], list[float]]],
) -> None:
    judged = judge([window(second, *times) for second, times in enumerate(seconds)])

    assert (judged.faults, judged.delayed) == ((), 0)
    assert judged.requests == sum(len(responses) for responses, _ in seconds)


@given(st.lists(st.integers(0, 100), min_size=1), st.sampled_from([50, 99]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], percentile: int) -> None:
    ascending = sorted(values)

    found = percentile_of(ascending, percentile)

    assert sum(value <= found for value in ascending) * 100 >= percentile * len(ascending)
    assert sum(value < found for value in ascending) * 100 < percentile * len(ascending)


def test_stretches_that_touched_next_to_nothing_are_not_named_beside_the_one_that_did() -> None:
    blips = [window(second, [30.0] * 99 + [500.0], [*CALM_MS[1:], 490.0]) for second in (2, 30)]
    late = [window(second, [800.0] * 100, [780.0] * 20) for second in (10, 11, 12)]

    faults = judge([*calm([0, 1, *range(3, 10), *range(13, 30)]), *blips, *late]).faults

    assert [(fault.from_s, fault.until_s) for fault in faults] == [(10, 13)]
