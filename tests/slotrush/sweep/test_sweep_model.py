"""What a sweep keeps on disk: everything that it needs to go on, and the conclusions."""

import json
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.sweep import model, pace, searching, sweeping
from slotrush.sweep.model import Settings, Sweep
from tests.slotrush.sweep.swept import REQUESTS_PER_ARRIVAL, Laboratory, empty, measured


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return measured(Settings(), Laboratory())


def test_what_is_kept_is_read_back_as_it_was(sweep: Sweep, tmp_path: Path) -> None:
    sweeping.keep(sweep, tmp_path)
    assert model.load(tmp_path) == pace.paced(sweep)
    assert model.load(tmp_path / model.FILE_NAME) == pace.paced(sweep)
    assert [file.name for file in tmp_path.iterdir()] == [model.FILE_NAME]


def test_a_sweep_of_nothing_yet_can_be_kept(tmp_path: Path) -> None:
    sweeping.keep(empty(Settings()), tmp_path)
    assert model.load(tmp_path).points == ()


def test_the_file_says_what_follows_from_every_point(sweep: Sweep, tmp_path: Path) -> None:
    sweeping.keep(sweep, tmp_path)
    content = json.loads((tmp_path / model.FILE_NAME).read_text())
    assert [point["replicas"] for point in content["points"]] == [1, 2, 3, 4, 6, 8]
    for point in content["points"]:
        assert point["limited_by"] == "app"
        assert point["not_for_the_law"] is None
        assert point["finished"]
        assert 0.7 < point["at_limit"]["app"]["share"] < 0.9
        asked = point["throughput_per_s"]["mid"] / point["arrivals_per_s"]["mid"]
        assert asked == pytest.approx(REQUESTS_PER_ARRIVAL, rel=0.01)
    assert content["no_law"] is None
    assert content["law"]["fitted_to_replicas"] == [1, 2, 3, 4, 6, 8]


def test_more_may_be_asked_of_a_sweep_that_is_complete() -> None:
    done = measured(Settings(replicas=(1, 2), tests_max=6, tolerance=0.004), Laboratory())
    assert all(searching.is_over(point) for point in done.points)

    more = done.asking(tests_max=9)
    assert [len(point.probes) for point in more.points] == [6, 6]
    assert (more.settings.tests_max, more.settings.rounds, more.settings.tolerance) == (9, 3, 0.004)
    due = [visit for visit in searching.visits(more.settings) if searching.is_due(visit, more.point(visit.replicas))]
    assert [(visit.replicas, visit.probes_max) for visit in due] == [(1, 9), (2, 9)]

    assert all(searching.is_over(point) for point in more.asking(tolerance=0.5).points)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON"),
        ("[]", "no sweep of schema version"),
        ('{"schema_version": 99}', "no sweep of schema version"),
        ('{"schema_version": 3, "points": []}', "KeyError"),
        ('{"schema_version": 3, "points": [], "settings": {"replicas": [1], "law": "none"}}', "none|KeyError"),
        (
            '{"schema_version": 3, "points": [], "settings": {"replicas": [1], "law": "amdahl", "colour": 1}}',
            "colour|KeyError",
        ),
    ],
    ids=["empty", "a list", "another version", "half of it", "unknown law", "unknown settings"],
)
def test_what_is_no_sweep_is_bad_input(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / model.FILE_NAME).write_text(content)
    with pytest.raises(BadInputError, match=problem):
        model.load(tmp_path)


def test_a_folder_without_a_sweep_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        model.load(tmp_path)
