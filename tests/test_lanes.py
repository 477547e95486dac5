"""Workers do not start more stacks than they need, and take what is long first."""

from pathlib import Path

import pytest

from tests.lanes import LANES, SLOW, turn, unit

ROOT = Path(__file__).parents[1]


def test_tests_of_a_lane_are_taken_together_and_others_by_file() -> None:
    assert unit("tests/target_app/web/test_reach.py::test_a[b::c]") == "pages and accounts"
    assert unit("tests/target_app/test_health.py::test_a") == "bookings"
    assert unit("tests/slotrush/test_disk.py::test_room") == "tests/slotrush/test_disk.py"


def test_lanes_come_first_then_slow_files() -> None:
    files = ["tests/target_app/web/test_reach.py", "tests/target_app/test_health.py", *SLOW, "tests/test_lanes.py"]
    wrong_way = list(reversed(files))
    assert sorted(wrong_way, key=turn) == files


def test_whoever_uses_the_sessions_stack_is_in_a_lane(request: pytest.FixtureRequest) -> None:
    """Of those that are run now; that stack is the one with a bank of sessions."""
    users = {item.nodeid for item in request.session.items if "session_bank" in getattr(item, "fixturenames", ())}
    alone = {item.nodeid for item in request.session.items if item.get_closest_marker("alone")}
    strays = {unit(nodeid) for nodeid in users - alone} - LANES.keys()
    assert not strays, "name them in tests/lanes.py: each may start a stack of its own"


@pytest.mark.parametrize("path", [*SLOW, *(begin for begins in LANES.values() for begin in begins)])
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()
