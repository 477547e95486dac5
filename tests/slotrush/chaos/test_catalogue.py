"""Faults by name and moment."""

from itertools import pairwise

import pytest

from slotrush.chaos.catalogue import FAULTS, FIRST_S, Planned, draw, load_s, parse, require_bearable
from slotrush.chaos.recovery import HOLD_S
from slotrush.errors import BadInputError


def test_faults_come_at_their_moments_and_in_their_order() -> None:
    assert parse(["kill-valkey@25s", "kill-replica@10", "restart-proxy@12.5s"]) == (
        Planned("kill-replica", 10),
        Planned("restart-proxy", 12.5),
        Planned("kill-valkey", 25),
    )


def test_one_without_a_moment_comes_when_the_one_before_must_be_over() -> None:
    first, second = parse(["kill-replica", "kill-valkey"])
    assert first.at_s == FIRST_S
    assert second.at_s == FIRST_S + FAULTS["kill-replica"].back_within_s + HOLD_S


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill-everything", "Use one of: kill-replica"),
        ("kill-replica@soon", "Write it as"),
        ("kill-replica@-3s", "Write it as"),
        ("", "Write it as"),
    ],
)
def test_what_is_no_fault_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        parse([text])


def test_a_load_is_long_enough_to_see_the_last_fault_end() -> None:
    planned = parse(["kill-replica@10s", "kill-valkey@31.5s"])
    assert load_s(planned) == 32 + FAULTS["kill-valkey"].back_within_s + HOLD_S
    assert load_s(()) == 0


def test_a_seed_draws_the_same_faults_again_and_another_seed_others() -> None:
    names = tuple(FAULTS)
    drawn = draw(names, 20, seed=7, workers=9)
    assert drawn == draw(names, 20, seed=7, workers=9)
    assert drawn != draw(names, 20, seed=8, workers=9)
    assert {one.name for one in draw(names, 200, seed=7, workers=9)} == set(names)
    for before, after in pairwise(drawn):
        assert after.at_s >= before.at_s + FAULTS[before.name].back_within_s + HOLD_S
    assert parse(map(str, drawn)) == drawn


@pytest.mark.parametrize(
    ("faults", "workers"),
    [(("kill-worker@10s", "kill-worker@40s"), 2), (("kill-worker",), 1), (("fail-over@10s", "fail-over@60s"), 9)],
)
def test_no_fault_is_done_until_nothing_is_left_of_its_kind(faults: tuple[str, ...], workers: int) -> None:
    require_bearable(parse(faults[1:]), workers + 1)

    with pytest.raises(BadInputError, match=f"it is done {len(faults)} times"):
        require_bearable(parse(faults), workers)


def test_no_more_faults_are_drawn_than_a_run_can_bear() -> None:
    assert len(draw(["kill-worker"], 3, seed=1, workers=4)) == 3
    with pytest.raises(BadInputError, match="only 3 can be done"):
        draw(["kill-worker"], 4, seed=1, workers=4)
