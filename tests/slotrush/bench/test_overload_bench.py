"""The table of the benchmark, and where it goes."""

from dataclasses import replace

import pytest

from slotrush.bench.driver import Patience
from slotrush.bench.overload import Point, chart, kept, table, tally, valid

CALM = Point(True, 1.0, 100.0, 100.0, 0.0, 0.0, 0.0, 20.0, 1.0)


def test_only_what_is_answered_well_and_in_time_is_goodput() -> None:
    seen = [Patience(200, 20.0, 0.1)] * 6 + [Patience(201, 500.1, 0.1)] * 2
    seen += [Patience(503, 1.0, 0.1)] * 8 + [Patience(0, 2000.0, 9.0)] * 4
    assert tally(True, 2.0, seen, seconds=2.0) == Point(
        True, 2.0, offered_per_s=10.0, good_per_s=3.0, shed=0.4, late=0.1, given_up=0.2, p99_ms=500.1, driver_ms=9.0
    )


@pytest.mark.parametrize(
    ("load", "shedding", "good_per_s", "is_kept"),
    [(2.0, True, 91.0, True), (4.0, True, 89.0, False), (4.0, False, 0.0, True), (0.5, True, 50.0, True)],
    ids=["nearly all", "too little", "without", "less is asked"],
)
def test_shedding_must_leave_nine_tenths(load: float, shedding: bool, good_per_s: float, is_kept: bool) -> None:
    other = replace(CALM, load=load, shedding=shedding, good_per_s=good_per_s)
    assert kept([CALM, other]) is is_kept


def test_a_driver_that_is_late_has_measured_itself() -> None:
    assert valid([CALM])
    assert not valid([CALM, replace(CALM, driver_ms=51.0)])


def test_table_and_chart_say_the_same() -> None:
    points = [CALM, replace(CALM, shedding=False, load=4.0, good_per_s=12.0, given_up=0.7)]
    assert "| 4x | off | 100 | 12 | 12% | 0% | 0% | 70% |" in table(points)
    assert "4x without: 12 per s" in chart(points)
