"""Two schedules against one server, recorded as a worker records them. A process of its own, since it imports Locust.

python -m tests.e2e.scheduled_load PORT PART SECONDS MANY_PATH MANY_LOAD ONE_PATH ONE_LOAD

MANY_PATH is asked by as many people as are due, each on a connection of their own; ONE_PATH by one person, who asks
the next only when the last is answered, though it was due earlier.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gevent
from gevent.pool import Group

from locustfiles.wire import Connection, Host
from slotrush.runs import record
from slotrush.swarm import Recorder, now_us
from slotrush.swarm.load import parse_arrivals
from tests.e2e.stalling_server import PERIOD_S, STALL_S

CONNECTIONS: Final = 300
LEAD_S: Final = 0.3
APART_S: Final = 0.2
"""From a stall to the beginning, and hence to the end: each stall is met as a whole."""
TIMEOUT_S: Final = 30


class Play:
    """One schedule: a path, and when it is to be asked."""

    def __init__(self, host: Host, path: str, load: str, seconds: float, start_us: int) -> None:
        self._host, self._start_us = host, start_us
        self._endpoint = host.recorder.endpoint(f"GET {path}")
        self._request = b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), host.head)
        self._arrivals = parse_arrivals(load, seconds)

    def by_many(self) -> None:
        idle = [self._connection() for _ in range(CONNECTIONS)]

        def play(connection: Connection, intended_us: int) -> None:
            self._ask(connection, intended_us)
            idle.append(connection)

        playing = Group()
        for intended_us in self._due_us():
            playing.spawn(play, idle.pop(), intended_us)
        playing.join(raise_error=True)

    def by_one(self) -> None:
        connection = self._connection()
        for intended_us in self._due_us():
            self._ask(connection, intended_us)

    def _due_us(self) -> Iterator[int]:
        """When each arrival is due, given out when it is, or later if nobody asked for it then."""
        for offset_us in self._arrivals.offsets_us(seed=0):
            gevent.sleep(max(self._start_us + offset_us - now_us(), 0) / 1e6)
            yield self._start_us + offset_us

    def _connection(self) -> Connection:
        connection = Connection(self._host)
        connection.open()
        return connection

    def _ask(self, connection: Connection, intended_us: int) -> None:
        sent_us = now_us()
        status, _ = connection.exchange(self._request, sent_us / 1e6)
        assert status == 200
        self._endpoint.answered(intended_us, sent_us, now_us())


def lead_s(clock_s: float) -> float:
    """Until the beginning, on the clock that the server stalls by."""
    into_period_s = (clock_s + LEAD_S - STALL_S - APART_S) % PERIOD_S
    return LEAD_S + (PERIOD_S - into_period_s if into_period_s > PERIOD_S - STALL_S - 2 * APART_S else 0)


def main() -> None:
    port, part, seconds, many_path, many_load, one_path, one_load = sys.argv[1:]
    recorder = Recorder("worker0", record.create(Path(part)))
    host = Host(f"http://127.0.0.1:{port}", recorder, TIMEOUT_S)
    start_us = now_us() + round(lead_s(time.monotonic()) * 1e6)
    many = Play(host, many_path, many_load, float(seconds), start_us)
    one = Play(host, one_path, one_load, float(seconds), start_us)
    gevent.joinall([gevent.spawn(many.by_many), gevent.spawn(one.by_one)], raise_error=True)
    recorder.close()


if __name__ == "__main__":
    main()
