"""An HTTP server whose answers take as long as they are told to: what is measured on it has a known right value.

`python -m slotrush.bench.slow_server CONNECTIONS LIFETIME_S` delays them by a log-normal time, the same for the n-th
request on the k-th connection of every client that uses so many connections. It prints its port.
"""

import asyncio
import math
import random
import selectors
import signal
import statistics
import sys
from collections.abc import Callable
from itertools import count
from typing import Final, NamedTuple

from slotrush.stack.ports import HOST

MEDIAN_S: Final = 0.020
SIGMA: Final = 1.0
DELAYS: Final = 1_000
SEED: Final = 7
_BACKLOG: Final = 1024
_HEAD_END: Final = b"\r\n\r\n"
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


class Request(NamedTuple):
    """`connection` counts the server's connections from 0, and `number` the requests of that connection."""

    path: str
    connection: int
    number: int


AnswerAt = Callable[[Request, float], float]
"""When a request is answered, given when it came: both in seconds of the loop's clock."""


class _Connection(asyncio.Protocol):
    """One request at a time, without a body. It gets its number with its first request: a client may connect only to
    see whether somebody listens."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer_at_s: AnswerAt, numbers: "count[int]") -> None:
        self._loop, self._answer_at_s, self._numbers = loop, answer_at_s, numbers
        self._number: int | None = None
        self._requests = 0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        came_s = self._loop.time()
        self._received += data
        if not self._received.endswith(_HEAD_END):
            return
        if self._number is None:
            self._number = next(self._numbers)
        request = Request(self._received.split(b" ", 2)[1].decode(), self._number, self._requests)
        self._received, self._requests = b"", self._requests + 1
        self._loop.call_at(self._answer_at_s(request, came_s), self._transport.write, _ANSWER)


def serve(answer_at_s: AnswerAt, lifetime_s: int) -> None:
    """Print the port, and serve until terminated or for `lifetime_s`."""
    signal.alarm(lifetime_s)
    # Of the standard library's loops only this one has timers finer than the millisecond of epoll.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    numbers = count()
    listening = loop.create_server(lambda: _Connection(loop, answer_at_s, numbers), HOST, 0, backlog=_BACKLOG)
    server = loop.run_until_complete(listening)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.run_forever()


def lognormal_delays_s() -> list[float]:
    """Quantiles of the distribution at equal distances, shuffled: so many answers in a row have its percentiles."""
    normal = statistics.NormalDist()
    delays = [MEDIAN_S * math.exp(SIGMA * normal.inv_cdf((k + 0.5) / DELAYS)) for k in range(DELAYS)]
    random.Random(SEED).shuffle(delays)
    return delays


def main() -> None:
    connections, lifetime_s = int(sys.argv[1]), int(sys.argv[2])
    delays, apart = lognormal_delays_s(), max(DELAYS // connections, 1)

    def answer_at_s(request: Request, came_s: float) -> float:
        return came_s + delays[(request.connection % connections * apart + request.number) % DELAYS]

    serve(answer_at_s, lifetime_s)


if __name__ == "__main__":
    main()
