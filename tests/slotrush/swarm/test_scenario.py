"""The scenarios that come with slotrush."""

from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.scenario import FOLDER, SCENARIOS, Scenario, find, locustfile
from slotrush.swarm.think import parse_think_time

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)


@EACH
def test_a_scenario_has_a_locustfile_of_its_name(scenario: Scenario) -> None:
    assert find(scenario.name) is scenario
    assert locustfile(scenario.name) == FOLDER / f"{scenario.name}.py"
    assert locustfile(scenario.name).is_file()


@EACH
def test_its_load_can_be_read_and_fits_its_time(scenario: Scenario) -> None:
    parse_think_time(scenario.think)
    if scenario.model == "drop":
        assert (scenario.run_time_s, scenario.arrivals) == (None, None)
    else:
        assert scenario.run_time_s
    if scenario.model == "open":
        assert scenario.arrivals
        assert parse_arrivals(scenario.arrivals, None if "@" in scenario.arrivals else scenario.run_time_s)
        assert parse_arrivals(scenario.arrivals, scenario.run_time_s).duration_s == scenario.run_time_s


@EACH
def test_its_doctors_leave_room_for_patients(scenario: Scenario) -> None:
    assert scenario.users > scenario.doctors or scenario.model == "drop"


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(BadInputError) as refusal:
        locustfile("rase")

    assert refusal.value.thing == "scenario rase"
    assert all(name in refusal.value.mend for name in SCENARIOS)


@pytest.mark.parametrize("name", ["mine.py", "./mine.py", "folder/mine"])
def test_a_locustfile_that_is_not_there_is_bad_input(name: str) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        locustfile(name)


def test_a_locustfile_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()

    assert locustfile(f"{tmp_path}/mine.py") == tmp_path / "mine.py"
