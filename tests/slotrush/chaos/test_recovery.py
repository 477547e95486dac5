"""When a system counts as back: from the seconds of a load alone."""

import pytest

from slotrush.chaos.recovery import HOLD_S, Counts, Course

TARGETS = {"availability": 0.999, "bookings-latency": 0.99}
FINE: Counts = {"availability": (60, 60), "bookings-latency": (10, 10)}
DOWN: Counts = {"availability": (20, 60), "bookings-latency": (2, 10)}
SLOW: Counts = {"availability": (60, 60), "bookings-latency": (7, 10)}
ONE_LOST: Counts = {"availability": (59, 60), "bookings-latency": (10, 10)}
SILENT: Counts = {"availability": (0, 0), "bookings-latency": (0, 0)}


def back_after_s(seconds: list[Counts], until_s: int | None = None, over_s: int = 0) -> int | None:
    """Of a fault after five good seconds; `over_s` counts from the fault."""
    course = Course(TARGETS, [FINE] * 5 + seconds)
    return course.back_after_s(5, len(course.seconds) if until_s is None else until_s, 5 + over_s)


@pytest.mark.parametrize(
    ("seconds", "back_s"),
    [
        pytest.param([FINE] * 20, 0, id="nothing was to be seen"),
        pytest.param([DOWN] * 3 + [FINE] * 20, 3, id="requests failed for three seconds"),
        pytest.param([SLOW] * 4 + [FINE] * 20, 4, id="slow answers miss an objective too"),
        pytest.param([SILENT] * 6 + [FINE] * 20, 6, id="no answer at all is no good answer"),
        pytest.param([DOWN, FINE, FINE, DOWN] + [FINE] * 20, 4, id="a good second between bad ones is not the end"),
        pytest.param([FINE, FINE, DOWN] + [FINE] * 20, 3, id="what comes late counts from the fault on"),
        pytest.param([ONE_LOST] + [FINE] * 20, 0, id="a single request decides nothing"),
        pytest.param([DOWN] * 25, None, id="it never came back"),
        pytest.param([DOWN] * 20 + [FINE] * 4, None, id="the load ended before anybody could tell"),
    ],
)
def test_it_is_back_from_when_on_all_objectives_hold(seconds: list[Counts], back_s: int | None) -> None:
    assert back_after_s(seconds) == back_s


def test_the_next_fault_ends_the_look_at_this_one() -> None:
    seconds = [DOWN] * 2 + [FINE] * (HOLD_S - 4) + [DOWN] * 30
    assert back_after_s(seconds) is None
    assert back_after_s(seconds, until_s=5 + HOLD_S - 2) == 2


def test_what_comes_to_light_when_the_fault_is_over_was_not_well_before() -> None:
    hung = [FINE] * 15 + [SLOW] * 2 + [FINE] * 20
    assert back_after_s(hung) == 0
    assert back_after_s(hung, over_s=15) == 17


def test_a_class_that_nobody_asked_misses_nothing() -> None:
    only_reads: Counts = {"availability": (60, 60)}
    assert back_after_s([only_reads] * 20) == 0
