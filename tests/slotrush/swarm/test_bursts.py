"""The generator's own batches, the same load in both ways: users who stay as they were spawned queue for each other."""

import heapq
from collections.abc import Callable, Sequence

import pytest

from slotrush.swarm.arrivals import personal_seed
from slotrush.swarm.pace import Thinking
from slotrush.swarm.think import parse_think_time

USERS, SPAWNED_PER_S, THINK_S = 5_000, 250, 20
SERVICE_US = 1_800
"""At 250 requests a second a server that is busy for 45 % of the time."""
FROM_US, UNTIL_US = 20_000_000, 80_000_000
"""Everybody has been spawned, and asked once."""
Next = Callable[[int], int]
"""When a user asks next, from when the last answer came."""


def waits_us(firsts_us: Sequence[int], nexts: Sequence[Next]) -> list[int]:
    """How long each request of the measured minute waits for its turn at a server that takes them one by one."""
    due = [(first_us, user) for user, first_us in enumerate(firsts_us)]
    heapq.heapify(due)
    free_us, waits = 0, []
    while due[0][0] < UNTIL_US:
        asked_us, user = heapq.heappop(due)
        begun_us = max(asked_us, free_us)
        free_us = begun_us + SERVICE_US
        if asked_us >= FROM_US:
            waits.append(begun_us - asked_us)
        heapq.heappush(due, (nexts[user](free_us), user))
    return sorted(waits)


def as_spawned() -> list[int]:
    """Locust spawns a second's users at once, and `constant_pacing` has each ask at the same offset for ever."""
    firsts_us = [user // SPAWNED_PER_S * 1_000_000 for user in range(USERS)]

    def pacing(user: int) -> Next:
        return lambda answered_us: firsts_us[user] + -(-(answered_us - firsts_us[user]) // 20_000_000) * 20_000_000

    return waits_us(firsts_us, [pacing(user) for user in range(USERS)])


def as_we_do(think: str) -> list[int]:
    """All begin at one moment, however they connected."""
    users = [Thinking(parse_think_time(think), personal_seed(1, user)) for user in range(USERS)]
    return waits_us([user.after(0) for user in users], [user.after for user in users])


@pytest.mark.parametrize("think", [f"constant:{THINK_S}", f"exponential:{THINK_S}", f"lognormal:{THINK_S},0.5"])
def test_the_same_load_queues_in_batches_and_does_not_when_users_are_spread(think: str) -> None:
    in_batches, spread = as_spawned(), as_we_do(think)

    assert len(spread) == pytest.approx(len(in_batches), rel=0.02)
    assert in_batches[len(in_batches) // 2] > 200_000
    assert spread[len(spread) // 2] < SERVICE_US
    assert spread[len(spread) * 99 // 100] < 10 * SERVICE_US


@pytest.mark.parametrize("think", [f"constant:{THINK_S}", f"exponential:{THINK_S}", f"lognormal:{THINK_S},0.5"])
def test_the_load_is_the_same_from_the_first_second_on(think: str) -> None:
    users = [Thinking(parse_think_time(think), personal_seed(1, user)) for user in range(USERS)]
    firsts_us = [user.after(0) for user in users]
    seconds_us = [user.after(first_us) for user, first_us in zip(users, firsts_us, strict=True)]

    for pair in range(5):  # of seconds
        asked = sum(time_us // 2_000_000 == pair for time_us in firsts_us + seconds_us)
        assert asked == pytest.approx(2 * SPAWNED_PER_S, rel=0.2)
