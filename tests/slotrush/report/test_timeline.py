from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.report import timeline
from slotrush.runs import record
from tests.slotrush.report import synthetic


@given(st.lists(st.tuples(st.floats(0, 5_000), st.sampled_from(timeline.OUTCOMES))))
def test_rates_lose_no_attempt(outcomes: list[tuple[float, str]]) -> None:
    width_s = timeline.bin_width_s(5_000)

    rates = timeline.rates(outcomes, width_s, timeline.OUTCOMES)

    assert sum(map(sum, rates.values())) * width_s == pytest.approx(len(outcomes))


@given(st.lists(st.floats(0, 100)))
def test_the_cumulative_count_only_grows_and_ends_with_all(times_s: list[float]) -> None:
    counts = [count for _, count in timeline.cumulative(times_s)]

    assert counts == sorted(set(counts))
    assert (counts[-1] if counts else 0) == len(times_s)


def test_a_bin_is_as_narrow_as_the_chart_allows() -> None:
    assert timeline.bin_width_s(20) == 1
    assert timeline.bin_width_s(1_000) == 5


def test_cores_in_use_come_from_the_growth_of_the_cpu_time() -> None:
    samples = {
        "app": [(0, 0), (1_000_000, 1_500_000), (2_000_000, 2_000_000)],
        "proxy": [(1_000_000, 0), (2_000_000, 250_000)],
    }

    cpu = timeline.cores_in_use(samples, origin_us=1_000_000)

    assert cpu.x_s == [-0.5, 0.5]
    assert cpu.cores == {"app": [1.5, 0.5], "proxy": [0, 0.25]}


def test_a_whole_run_is_told_from_the_drop(tmp_path: Path) -> None:
    with closing(record.open_record(synthetic.write_run(tmp_path / "run"))) as connection:
        told = timeline.read(connection)

    assert told is not None
    assert told.from_drop
    assert told.drained_s == synthetic.DRAIN_S
    assert told.sold[-1][1] == synthetic.SLOTS
    assert sum(map(sum, told.attempts_per_s.values())) == pytest.approx(synthetic.ATTEMPTS)
    assert len(told.responses) == synthetic.DRAIN_S


def test_a_run_without_a_drop_is_told_from_its_start(tmp_path: Path) -> None:
    run_dir = synthetic.write_partial(tmp_path / "run", "connected")
    with closing(record.open_record(run_dir)) as connection:
        told = timeline.read(connection)

    assert told is not None
    assert not told.from_drop
    assert not told.attempts_per_s
    assert told.responses[0].x_s == pytest.approx(0.5, abs=0.01)


def test_a_record_of_nothing_has_no_timeline(tmp_path: Path) -> None:
    run_dir = synthetic.write_partial(tmp_path / "run", "nothing")
    with closing(record.open_record(run_dir)) as connection:
        assert timeline.read(connection) is None
