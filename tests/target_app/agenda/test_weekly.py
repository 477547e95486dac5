from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_app.agenda.weekly import Hours, Span, expand, instant

SAO_PAULO, NEW_YORK = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/New_York")
MONDAY = date(2027, 3, 1)
JUMP, SET_BACK = date(2027, 3, 14), date(2027, 11, 7)
"""New York's clocks go from 02:00 to 03:00, and from 02:00 back to 01:00."""


def hours(day: date, begin: str, end: str, minutes: int = 60, break_minutes: int = 0) -> Hours:
    return Hours(day.isoweekday(), time.fromisoformat(begin), time.fromisoformat(end), minutes, break_minutes)


def starts(pattern: list[Hours], first: date, last: date, zone: ZoneInfo) -> list[str]:
    """As a clock on the wall shows them."""
    return [f"{span.starts_at.astimezone(zone):%a %d %H:%M}" for span in expand(pattern, first, last, zone)]


def test_a_pattern_repeats_each_week_until_the_last_day() -> None:
    pattern = [hours(MONDAY, "08:00", "10:00")]
    until = MONDAY + timedelta(days=7)
    assert starts(pattern, MONDAY, until, SAO_PAULO) == [
        *("Mon 01 08:00", "Mon 01 09:00"),
        *("Mon 08 08:00", "Mon 08 09:00"),
    ]
    assert starts(pattern, MONDAY + timedelta(days=1), until - timedelta(days=1), SAO_PAULO) == []


def test_slots_are_in_utc() -> None:
    [slot] = expand([hours(MONDAY, "08:00", "08:30", minutes=30)], MONDAY, MONDAY, SAO_PAULO)
    assert slot == Span(datetime(2027, 3, 1, 11, tzinfo=UTC), datetime(2027, 3, 1, 11, 30, tzinfo=UTC))


def test_a_slot_that_would_end_after_the_hours_is_left_out() -> None:
    assert starts([hours(MONDAY, "08:00", "09:59", minutes=40)], MONDAY, MONDAY, SAO_PAULO) == [
        *("Mon 01 08:00", "Mon 01 08:40"),
    ]


def test_breaks_lie_between_slots_and_need_not_fit_after_the_last() -> None:
    assert starts([hours(MONDAY, "08:00", "10:00", 50, break_minutes=20)], MONDAY, MONDAY, SAO_PAULO) == [
        *("Mon 01 08:00", "Mon 01 09:10"),
    ]


def test_a_day_may_have_several_hours() -> None:
    pattern = [hours(MONDAY, "08:00", "09:00"), hours(MONDAY, "14:00", "15:00")]
    assert starts(pattern, MONDAY, MONDAY, SAO_PAULO) == ["Mon 01 08:00", "Mon 01 14:00"]


def test_hours_stay_where_they_are_on_the_wall_when_the_clocks_change() -> None:
    week = timedelta(days=7)
    spans = list(expand([hours(JUMP, "09:00", "10:00")], JUMP - week, JUMP, NEW_YORK))
    assert [span.starts_at.hour for span in spans] == [14, 13]  # UTC


def test_a_skipped_hour_has_no_slots() -> None:
    assert starts([hours(JUMP, "00:00", "05:00")], JUMP, JUMP, NEW_YORK) == [
        *("Sun 14 00:00", "Sun 14 01:00", "Sun 14 03:00", "Sun 14 04:00"),
    ]


def test_an_hour_that_comes_twice_has_slots_twice() -> None:
    assert starts([hours(SET_BACK, "00:00", "03:00")], SET_BACK, SET_BACK, NEW_YORK) == [
        *("Sun 07 00:00", "Sun 07 01:00", "Sun 07 01:00", "Sun 07 02:00"),
    ]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("02:30", "05:00", ["Sun 14 03:00", "Sun 14 04:00"]),
        ("01:00", "02:30", ["Sun 14 01:00"]),
        ("02:15", "02:45", []),
    ],
)
def test_hours_that_begin_or_end_in_a_skipped_hour_do_so_at_the_jump(begin: str, end: str, expected: list[str]) -> None:
    assert starts([hours(JUMP, begin, end)], JUMP, JUMP, NEW_YORK) == expected


def test_hours_that_begin_in_an_hour_that_comes_twice_begin_the_first_time() -> None:
    assert instant(datetime(2027, 11, 7, 1, 30), NEW_YORK) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)


def test_a_day_that_a_country_skipped_has_no_slots() -> None:
    skipped = date(2011, 12, 30)  # Samoa moved across the date line
    assert starts([hours(skipped, "08:00", "12:00")], skipped, skipped, ZoneInfo("Pacific/Apia")) == []


ZONES = st.sampled_from(
    ["America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Lisbon", "Asia/Kolkata"]
)
WALLS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1))


@given(ZONES, WALLS, WALLS)
def test_a_later_time_on_the_wall_is_never_an_earlier_moment(zone: str, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert instant(earlier, ZoneInfo(zone)) <= instant(later, ZoneInfo(zone))


@st.composite
def working_days(draw: st.DrawFn) -> list[Hours]:
    """Hours of all weekdays that do not overlap on the wall."""
    cuts = draw(st.lists(st.times().map(lambda at: at.replace(second=0, microsecond=0)), min_size=2, unique=True))
    minutes, pause = draw(st.integers(5, 240)), draw(st.integers(0, 60))
    return [
        Hours(weekday, begin, end, minutes, pause) for weekday in range(1, 8) for begin, end in pairwise(sorted(cuts))
    ]


@given(working_days(), st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(0, 3), ZONES)
def test_slots_never_overlap_and_lie_within_the_hours(pattern: list[Hours], first: date, days: int, zone: str) -> None:
    clock = ZoneInfo(zone)
    spans = list(expand(pattern, first, first + timedelta(days=days), clock))
    assert all(before.ends_at <= after.starts_at for before, after in pairwise(spans))
    minutes = timedelta(minutes=pattern[0].minutes)
    assert all(span.ends_at - span.starts_at == minutes for span in spans)
    for span in spans:
        start = span.starts_at.astimezone(clock)
        assert any(
            instant(datetime.combine(start.date(), each.begin), clock) <= span.starts_at
            and span.ends_at <= instant(datetime.combine(start.date(), each.end), clock)
            for each in pattern
        )
