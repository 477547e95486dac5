"""What one request costs the generator: a bare `FastHttpUser` beside the race's own client, in turns.

`python -m slotrush.swarm.bench [--seconds 2] [--users 50] [--rounds 3]`, or scripts/bench-generator.
The server is a bare ASGI app in a process of its own that answers with an agenda of 20 slots, or with "taken".
Compare the ratios, not the microseconds: they depend on the machine and on what else it does.
"""

import argparse
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
import orjson
import uvicorn
from gevent.pool import Group
from locust import FastHttpUser, constant, task
from locust.env import Environment

from locustfiles.client import BookingClient
from locustfiles.target import Target
from slotrush.swarm import Recorder, Session

SLOTS: Final = 20
_WARM_UP_S: Final = 0.3
_SERVER_LIFETIME_S: Final = 300
_AGENDA: Final = orjson.dumps(
    {
        "total": SLOTS,
        "free": SLOTS,
        "slots": [
            {"id": f"00000000-0000-4000-8000-{k:012d}", "starts_at": "2026-12-01T12:00:00Z", "minutes": 30}
            for k in range(SLOTS)
        ],
    }
)
_TAKEN: Final = orjson.dumps({"type": "/problems/slot-taken", "title": "The slot is taken", "status": 409})
_PATH: Final = "/v1/doctors/0/agenda"


async def answer(scope: Any, _receive: Any, send: Any) -> None:
    """The server: an agenda for a GET, "taken" for a POST."""
    if scope["type"] != "http":
        return
    status, body = (200, _AGENDA) if scope["method"] == "GET" else (409, _TAKEN)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve() -> None:
    """Serve on a free port, which is printed, until terminated."""
    signal.alarm(_SERVER_LIFETIME_S)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(answer, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def bare_cpu_us(base_url: str, users: int, seconds: float) -> float:
    """CPU of one request of a bare `FastHttpUser`, with Locust's own statistics."""

    class Bare(FastHttpUser):
        wait_time = constant(0)

        @task
        def read(self) -> None:
            self.client.get(_PATH)

    environment = Environment(user_classes=[Bare], host=base_url)
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    spent = _cpu_us(seconds, lambda: int(environment.stats.total.num_requests))
    assert not environment.stats.total.num_failures
    runner.quit()
    return spent


def client_cpu_us(base_url: str, users: int, seconds: float, ask: Callable[[BookingClient], object]) -> float:
    """CPU of one request of the race's client, with all its recording but the encoding at the end."""
    recorder = Recorder("bench", None)
    target = Target(base_url, recorder)
    asked = 0

    def loop(client: BookingClient) -> None:
        nonlocal asked
        while True:
            ask(client)
            asked += 1

    everyone = Group()
    for number in range(users):
        everyone.spawn(loop, BookingClient(target, Session(str(number), "", "t" * 280)))
    spent = _cpu_us(seconds, lambda: asked)
    everyone.kill()
    recorder.close()
    return spent


def _cpu_us(seconds: float, count: Callable[[], int]) -> float:
    gevent.sleep(_WARM_UP_S)
    requests, cpu_s = count(), time.process_time()
    gevent.sleep(seconds)
    return (time.process_time() - cpu_s) / (count() - requests) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-generator", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is shown")
    options = parser.parse_args()
    command = [sys.executable, "-c", "from slotrush.swarm import bench; bench.serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            base_url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            kinds: dict[str, Callable[[], float]] = {
                "bare FastHttpUser, GET": lambda: bare_cpu_us(base_url, options.users, options.seconds),
                "agenda read": lambda: client_cpu_us(
                    base_url, options.users, options.seconds, lambda client: client.agenda("0")
                ),
                "booking attempt": lambda: client_cpu_us(
                    base_url,
                    options.users,
                    options.seconds,
                    lambda client: client.request_appointment("0", "k" * 36),
                ),
            }
            spent: dict[str, list[float]] = {kind: [] for kind in kinds}
            for _ in range(options.rounds):
                for kind, measure in kinds.items():
                    spent[kind].append(measure())
        finally:
            server.terminate()
    bare_us = statistics.median(next(iter(spent.values())))
    for kind, all_us in spent.items():
        median_us = statistics.median(all_us)
        print(f"{kind:24} {median_us:6.1f} us CPU per request {median_us / bare_us:7.2f} of bare")


if __name__ == "__main__":
    main()
