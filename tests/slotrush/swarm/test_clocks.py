"""How far clocks are apart, by messages that take their time."""

from hypothesis import given
from hypothesis import strategies as st

from slotrush.swarm.clocks import KEPT, Clocks, Offset

WAY_US = st.integers(0, 500_000)


@given(st.integers(-(10**9), 10**9), st.lists(st.tuples(WAY_US, WAY_US), min_size=1, max_size=3 * KEPT))
def test_the_offset_is_within_what_is_said_of_it(ahead_us: int, ways_us: list[tuple[int, int]]) -> None:
    clocks, now_us = Clocks(), 10**12
    for there, back in ways_us:
        clocks.heard(3, now_us, now_us + there + ahead_us, now_us + there + back)

    found = clocks.offsets()[3]

    assert abs(found.ahead_us - ahead_us) <= found.uncertain_us + 1
    assert found.uncertain_us == min(there + back for there, back in ways_us[-KEPT:]) // 2


def test_old_exchanges_give_way_to_new_ones_as_clocks_drift() -> None:
    clocks = Clocks()
    clocks.heard(0, 0, 0, 0)
    for _ in range(KEPT):
        clocks.heard(0, 1_000_000, 1_700_100, 1_000_200)

    assert clocks.asked_enough(0)
    assert clocks.offsets() == {0: Offset(700_000, 100)}


def test_of_a_worker_that_was_not_heard_nothing_is_said() -> None:
    clocks = Clocks()

    assert not clocks.asked_enough(0)
    assert clocks.offsets() == {}
