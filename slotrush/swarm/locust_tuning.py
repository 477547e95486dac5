"""What of Locust stands in the way of very many users on few cores, put right from outside."""

from functools import cache
from typing import Final

from locust import argument_parser, runners

HEARTBEATS_MISSED_MAX: Final = 10
"""Of one a second. With Locust's 3 all workers are given up, and the swarm is over, when all are busy at once."""


def tune() -> None:
    """To be called in every process of a swarm, as often as one likes.

    Each second while users are spawned, a worker asks Locust what its own options are, once for every option that it
    has; each time Locust makes and fills a parser to answer. That is a tenth of a second of every worker's core.
    """
    runners.HEARTBEAT_LIVENESS = HEARTBEATS_MISSED_MAX
    if not hasattr(argument_parser.default_args_dict, "cache_clear"):
        argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
