"""The charts, for whoever sees colours otherwise, and for figures at the edge of what can be drawn."""

from dataclasses import replace

import pytest

from slotrush.capacity.plan_document import MeasuredPoint, Span
from slotrush.capacity_report.charts import replicas, residuals, scaling, style
from slotrush.report.words import Words
from tests.slotrush.capacity_report import evidence


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", style.COLOURS)
def test_every_colour_can_be_read_on_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_series_differ_by_more_than_their_colour() -> None:
    assert len({mark for _, mark, _ in style.SERIES}) == len(style.SERIES)
    assert len({line for *_, line in style.SERIES}) == len(style.SERIES)


def test_points_that_do_not_count_and_ends_that_were_not_found_are_drawn(words: Words) -> None:
    points = (
        MeasuredPoint(1, Span(40.0, 50.0, None), "app", None),
        MeasuredPoint(2, Span(80.0, 90.0, 100.0), "machine", "it is limited by the machine"),
        MeasuredPoint(3, None, None, "its limit was not found"),
    )
    assert "<svg" in scaling.draw(points, None, None, words, "title", "description")


def test_what_a_point_is_off_has_the_interval_of_its_measurement() -> None:
    """The law says 100 where 110 were measured, with an interval from 99 to no known end."""
    point = MeasuredPoint(2, Span(99.0, 110.0, None), "app", None, residual=0.1)

    assert residuals.spread(point) == pytest.approx((0.11, 0.0))


def test_a_cluster_check_has_what_the_autoscaler_wanted_and_no_forecast(words: Words) -> None:
    curves = {name: evidence.check().replicas[name] for name in ("wanted", "ready", "limit")}
    check = replace(evidence.check(), local=None, namespace="booking", replicas=curves)
    drawn = replicas.draw(check, 0.999, words, "title", "description")

    assert drawn.count('id="chart-replicas-axes_') == 1
    assert replicas.draw(evidence.check(), 0.999, words, "title", "text").count('id="chart-replicas-axes_') == 2
