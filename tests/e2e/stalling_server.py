"""A server that holds all its answers for the first second of every ten, as a garbage collector or a disk may.

GET /N is answered N ms after it came or, if that is within a stall, when the stall is over. Prints its port.
"""

from typing import Final

from slotrush.bench.slow_server import Request, serve

PERIOD_S: Final = 10.0
STALL_S: Final = 1.0
LIFETIME_S: Final = 120


def answer_at_s(request: Request, came_s: float) -> float:
    ready_s = came_s + int(request.path[1:]) / 1e3
    into_period_s = ready_s % PERIOD_S
    return ready_s if into_period_s >= STALL_S else ready_s - into_period_s + STALL_S


if __name__ == "__main__":
    serve(answer_at_s, LIFETIME_S)
