"""The contest, on planted turns: it ends when it is decided, takes turns fairly, and is right about a slowdown."""

import asyncio
import random
from itertools import pairwise

import pytest

from slotrush.bench.versions.contest import Standing, contest, counted
from slotrush.bench.versions.turns import CPU, Measured, grown_ns, turn_numbers
from slotrush.gate.verdict import Outcome

BOOKING = CPU["app", "bookings"]


class Planted:
    """Turns whose cost is known: the candidate's is `ratio` times the base's, both with noise."""

    def __init__(self, ratio: float, noise: float = 0.05) -> None:
        self._ratio, self._noise, self._dice = ratio, noise, random.Random(5)
        self.played: list[tuple[int, int]] = []

    async def turn(self, side: int, replica: int) -> Measured:
        self.played.append((side, replica))
        return {BOOKING: 240 * (self._ratio if side else 1) * self._dice.lognormvariate(0, self._noise)}


def play(planted: Planted, pairs_max: int = 120) -> tuple[Standing, list[Standing]]:
    seen: list[Standing] = []
    return asyncio.run(contest(planted.turn, pairs_max, seen.append)), seen


@pytest.mark.parametrize(("ratio", "outcome"), [(1.0, Outcome.PASS), (1.1, Outcome.FAIL), (0.8, Outcome.PASS)])
def test_it_is_right_and_stops_early(ratio: float, outcome: Outcome) -> None:
    standing, seen = play(Planted(ratio))

    assert standing.results[0].outcome is outcome
    assert standing.pairs < 120
    assert [one.is_over for one in seen] == [False] * (len(seen) - 1) + [True]


def test_what_cannot_be_decided_ends_with_the_pairs() -> None:
    standing, _ = play(Planted(1.05), pairs_max=24)

    assert standing.pairs == 24
    assert standing.results[0].outcome is Outcome.UNDECIDED


def test_versions_take_turns_and_each_pair_is_of_the_same_replica() -> None:
    planted = Planted(1.0)
    play(planted, pairs_max=16)

    assert [side for side, _ in planted.played[:8]] == [0, 1, 1, 0, 1, 0, 0, 1]
    assert [turn_numbers(pair)[0] for pair in range(9)] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert planted.played[8:12] == [(0, 1), (1, 1), (1, 1), (0, 1)]


def test_no_version_follows_itself_more_often_than_the_other() -> None:
    """Whose process had the turn before finds its caches warm, and would win by that alone."""
    turns = [(side, replica) for pair in range(160) for replica, order in [turn_numbers(pair)] for side in order]
    warm = [side for before, (side, replica) in pairwise(turns) if before == (side, replica)]

    assert warm.count(0) == warm.count(1) == 40


@pytest.mark.parametrize(
    ("base", "candidate", "outcome"),
    [
        (40, 40, Outcome.PASS),
        (40, 42, Outcome.PASS),
        (40, 80, Outcome.FAIL),
        (0, 2, Outcome.PASS),
        (0, 40, Outcome.FAIL),
    ],
)
def test_a_statement_more_in_each_request_is_worse_and_a_stray_one_is_not(
    base: int, candidate: int, outcome: Outcome
) -> None:
    same = {"bookings": 40, "reads": 0, "other-writes": 40}
    results = counted(same | {"reads": base}, same | {"reads": candidate})
    assert {one.figure.name: one.outcome for one in results}["statements-reads"] is outcome


def test_processes_that_come_or_go_meanwhile_do_not_count() -> None:
    assert grown_ns({1: 10, 2: 5, 3: 7}, {1: 30, 2: 6, 4: 99}) == 21
