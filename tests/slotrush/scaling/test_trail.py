"""What a scaler leaves in the record, and what is read from it."""

from contextlib import closing
from pathlib import Path

import pytest

from slotrush.runs import record
from slotrush.scaling import trail
from slotrush.scaling.trail import LOOK_EVENT, TrailLook

LOOKS = [
    TrailLook(at_us, wanted=serving, serving=serving, starting=0, leaving=0, left=0, serving_cpu_us=0)
    for at_us, serving in ((1_500_000, 2), (3_000_000, 4), (4_500_000, 3))
]


def test_what_was_noted_is_read_back(tmp_path: Path) -> None:
    with closing(record.create(tmp_path / record.RECORD_NAME)) as connection:
        for look in reversed(LOOKS):
            record.add_event(connection, look.at_us, LOOK_EVENT, look.detail())
        record.add_event(connection, 1, "start")

        assert trail.read(connection) == LOOKS


def test_a_count_keeps_its_value_until_the_next_look() -> None:
    assert trail.mean(LOOKS, "serving", 3_100_000, 4_400_000) == 4
    assert trail.mean(LOOKS, "serving", 2_000_000, 4_000_000) == pytest.approx((2 + 4) / 2)
    assert trail.mean(LOOKS, "serving", 4_000_000, 9_000_000) == pytest.approx((0.5 * 4 + 4.5 * 3) / 5)


def test_before_the_first_look_it_was_as_at_the_first() -> None:
    assert trail.by_second(LOOKS, "serving", 0, 5).tolist() == pytest.approx([2, 2, 2, 4, 3.5])
