"""The budget for retries."""

from itertools import repeat

from locustfiles.budget import REQUESTS_PER_RETRY, RESERVE, RetryBudget


def retries(budget: RetryBudget, asked: int) -> int:
    """How many of so many are granted."""
    return sum(budget.withdraw() for _ in range(asked))


def test_a_reserve_is_there_from_the_start() -> None:
    assert retries(RetryBudget(), 10 * RESERVE) == RESERVE


def test_when_everything_fails_a_tenth_is_tried_again() -> None:
    budget = RetryBudget()
    retries(budget, RESERVE)
    granted = 0
    for _ in range(1000):
        budget.deposit()
        granted += retries(budget, 3)
    assert granted == 1000 // REQUESTS_PER_RETRY


def test_a_long_calm_saves_up_no_storm() -> None:
    budget = RetryBudget()
    for _ in repeat(None, 100_000):
        budget.deposit()
    assert retries(budget, 10 * RESERVE) == RESERVE
