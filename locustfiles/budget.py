"""How often clients may ask again: a budget that all users of a process share, so that retries cannot make a storm.

Each request adds a part of a retry, each retry takes a whole one: the retry budget of Finagle ("Retry Budgets", 2016)
and gRPC's retry throttling (proposal A6). Three retries each, unbounded, would ask an overloaded system for four times
as much; within a budget it is asked for a tenth more.
"""

from typing import Final

REQUESTS_PER_RETRY: Final = 10
RESERVE: Final = 100
"""Retries that are there from the start and at most: for a connection that breaks under everybody in a quiet time."""


class RetryBudget:
    """In any stretch of time there are at most RESERVE retries and one more for each REQUESTS_PER_RETRY requests."""

    __slots__ = ("_balance",)

    def __init__(self) -> None:
        self._balance = RESERVE * REQUESTS_PER_RETRY

    def deposit(self) -> None:
        """For each first request."""
        if self._balance < RESERVE * REQUESTS_PER_RETRY:
            self._balance += 1

    def withdraw(self) -> bool:
        """Whether there may be one more retry, which is then paid for."""
        if self._balance < REQUESTS_PER_RETRY:
            return False
        self._balance -= REQUESTS_PER_RETRY
        return True
