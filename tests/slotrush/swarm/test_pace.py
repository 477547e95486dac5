"""When each user acts: after thinking, or when an arrival is theirs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import gevent
import pytest

from slotrush.swarm.load import Arrivals, Step, parse_arrivals
from slotrush.swarm.pace import LATE_AT_ONCE, Doorkeeper, Thinking, in_turns
from slotrush.swarm.recorder import now_us
from slotrush.swarm.think import parse_think_time

ONE = {"Patient": 1.0}


@dataclass(frozen=True)
class Told(Arrivals):
    """Arrivals at these times."""

    offsets: tuple[int, ...]
    duration_s: float = 60.0

    def rate_per_s(self, at_s: float) -> float:
        return float(at_s < self.duration_s)

    def offsets_us(self, seed: int) -> Iterator[int]:
        return iter(self.offsets[seed:])

    def steps(self) -> tuple[Step, ...]:
        return ()


def doors(*offsets_us: int) -> Doorkeeper:
    return Doorkeeper(Told(offsets_us), 0, 0, ONE, {"Patient": [1]})


def waiting(keeper: Doorkeeper, kind: str = "Patient") -> "gevent.Greenlet[..., int]":
    user = gevent.spawn(keeper.wait, kind)
    gevent.sleep(0)
    return user


def test_an_arrival_is_given_to_whoever_has_been_free_the_longest() -> None:
    keeper, start_us = doors(1, 2), now_us()
    first, second = waiting(keeper), waiting(keeper)

    keeper.open(start_us)

    assert (first.get(timeout=1), second.get(timeout=1)) == (start_us + 1, start_us + 2)
    assert (keeper.due, keeper.dropped) == (2, 0)


def test_an_arrival_that_finds_nobody_free_is_dropped_and_counted() -> None:
    keeper, start_us = doors(1, 2, 3), now_us()
    user = waiting(keeper)

    keeper.open(start_us)

    assert user.get(timeout=1) == start_us + 1
    assert (keeper.due, keeper.dropped) == (3, 2)


def test_nobody_is_let_in_before_their_time() -> None:
    keeper, start_us = doors(50_000), now_us()
    user = waiting(keeper)

    keeper.open(start_us)

    assert now_us() >= start_us + 50_000
    assert user.get(timeout=1) == start_us + 50_000


def test_who_leaves_while_waiting_is_given_nothing() -> None:
    keeper = doors(1)
    gone, there = waiting(keeper), waiting(keeper)
    gone.kill()

    keeper.open(start_us := now_us())

    assert there.get(timeout=1) == start_us + 1


def test_when_the_doors_close_who_was_due_and_not_let_in_is_dropped_and_who_was_not_due_does_not_count() -> None:
    keeper, start_us = doors(0, 10_000_000, 10_000_001, 20_000_000), now_us()
    opening = gevent.spawn(keeper.open, start_us)
    gevent.sleep(0.01)
    assert (keeper.due, keeper.dropped) == (1, 1)

    keeper.close(start_us + 10_000_001)

    opening.kill()
    assert (keeper.due, keeper.dropped) == (3, 3)


def test_doors_that_were_never_opened_can_be_closed() -> None:
    keeper = doors(0)
    keeper.close(now_us())
    assert keeper.due == 0


def test_one_who_falls_behind_lets_the_others_have_their_turn() -> None:
    """Or a rate that is too high for the worker would stop all it does, its reports too."""
    keeper, turns = doors(*range(10 * LATE_AT_ONCE)), count()
    greenlet = gevent.spawn(take_turns, turns.__next__)

    keeper.open(now_us() - 1_000_000)

    greenlet.kill()
    assert next(turns) >= 10


def take_turns(turn: Callable[[], int]) -> None:
    while True:
        turn()
        gevent.sleep(0)


@pytest.mark.parametrize("homes", [[200], [100, 100], [67, 67, 66], [1, 199]], ids=str)
def test_the_workers_together_let_in_each_arrival_once_and_as_the_same_kind(homes: list[int]) -> None:
    """Whatever their number, and also one that has no user of a kind."""
    spec, shares = parse_arrivals("constant:150", 2), {"Patient": 9.0, "Doctor": 1.0}
    doctors = [1] + [0] * (len(homes) - 1)

    let_in: Counter[tuple[str, int]] = Counter()
    start_us = now_us() - 2_000_000
    for worker in range(len(homes)):
        keeper = Doorkeeper(spec, 7, worker, shares, {"Patient": homes, "Doctor": doctors})
        users = {kind: [gevent.spawn(keeper.wait, kind) for _ in range(300)] for kind in shares}
        gevent.sleep(0)
        keeper.open(start_us)
        gevent.sleep(0)
        let_in.update((kind, user.value - start_us) for kind in shares for user in users[kind] if user.ready())
        assert keeper.dropped == 0
        gevent.killall([user for kind in shares for user in users[kind]])

    assert set(let_in.values()) == {1}
    assert sorted(offset_us for _, offset_us in let_in) == list(spec.offsets_us(7))
    assert Counter(kind for kind, _ in let_in) == {"Patient": 281, "Doctor": 19}


@pytest.mark.parametrize(
    ("counts", "turns"), [([1], [0]), ([2, 1], [0, 1, 0]), ([0, 2], [1, 1]), ([2, 2], [0, 1, 0, 1])], ids=str
)
def test_workers_take_turns_as_often_as_they_have_users(counts: list[int], turns: list[int]) -> None:
    assert list(in_turns(counts)) == turns


def test_a_thought_begins_with_the_answer_and_its_end_is_the_intended_start() -> None:
    thinking = Thinking(parse_think_time("constant:0.02"), own_seed=1)
    begun_us = now_us()
    first_us = thinking.after(begun_us)

    answered_us = now_us()
    due_us = thinking.after(answered_us)

    assert begun_us <= first_us < begun_us + 20_000  # in the middle of a thought
    assert due_us == answered_us + 20_000
    assert now_us() >= due_us


def test_thoughts_depend_on_who_thinks_and_how_often_and_on_nothing_else() -> None:
    def thoughts(own_seed: int) -> list[int]:
        thinking, long_ago_us = Thinking(parse_think_time("exponential:1"), own_seed), 0
        return [thinking.after(long_ago_us) for _ in range(5)]

    assert thoughts(1) == thoughts(1)
    assert len(set(thoughts(1) + thoughts(2))) == 10
