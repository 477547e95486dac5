"""A bare Locust `FastHttpUser` in a closed loop against `slotrush.floor.hello`, in one process of its own.

`python -m slotrush.floor.bare_user PORT SERVER_PID SECONDS` prints that it is ready, waits for a line, and prints one
JSON line: the requests of the steady part and the CPU that this process (`user_cpu_s`) and the server (`server_cpu_s`)
spent on them.
It is a process of its own because Locust patches the standard library when it is imported.
"""

import json
import signal
import sys
import time
from typing import Final, NamedTuple

import psutil
from locust import FastHttpUser, constant, task
from locust.env import Environment

from slotrush.floor.hello import PATH

USERS: Final = 50
WARM_UP_S: Final = 0.5


class BareUser(FastHttpUser):
    wait_time = constant(0)

    @task
    def hello(self) -> None:
        self.client.get(PATH)


class Reading(NamedTuple):
    requests: int
    failures: int
    user_cpu_s: float
    server_cpu_s: float


def read(environment: Environment, server: psutil.Process) -> Reading:
    cpu = server.cpu_times()
    total = environment.stats.total
    return Reading(total.num_requests, total.num_failures, time.process_time(), cpu.user + cpu.system)


def measure(port: int, server: psutil.Process, seconds: float) -> Reading:
    """What the steady part cost: the readings at its end less those at its start."""
    environment = Environment(user_classes=[BareUser], host=f"http://127.0.0.1:{port}")
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=USERS)
    time.sleep(WARM_UP_S)  # Locust has patched it: the users run meanwhile
    start = read(environment, server)
    time.sleep(seconds)
    end = read(environment, server)
    runner.quit()
    return Reading(
        end.requests - start.requests,
        end.failures - start.failures,
        end.user_cpu_s - start.user_cpu_s,
        end.server_cpu_s - start.server_cpu_s,
    )


def main() -> None:
    port, server_pid, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    signal.alarm(int(seconds) + 30)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(measure(port, psutil.Process(server_pid), seconds)._asdict()))


if __name__ == "__main__":
    main()
