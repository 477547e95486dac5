"""A locustfile for tests of the engine: people who ask five times, then stop for good, or stop the swarm for all."""

import os
import signal
from pathlib import Path
from typing import Any

import gevent
from locust import events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import WorkerRunner

from locustfiles.people import BookingUser
from slotrush.swarm.locust_events import install
from slotrush.swarm.scenario import Scenario
from tests.slotrush.swarm.swarming import live_phase

WHO = os.environ["WHO_STOPS"]
TURNS = 5
MASTER_WAITS_S = 2.0
"""Everybody has asked by then."""


class Patient(BookingUser):
    turns = 0

    def look_around(self) -> bool:
        return self.booking.agenda("0") is not None

    @task
    def ask(self) -> None:
        self.booking.request_appointment("0")
        self.turns += 1
        if self.turns == TURNS and WHO == "each user":
            raise StopUser
        if self.turns == TURNS and WHO == "a user, for all":
            assert self.environment.runner is not None
            self.environment.runner.quit()
        if self.turns == TURNS and WHO == "Ctrl-C while a user computes":
            signal.raise_signal(signal.SIGINT)
            self.booking.request_appointment("0")


def stop_when_it_runs(environment: Environment) -> None:
    assert environment.parsed_options is not None
    assert environment.runner is not None
    while live_phase(Path(environment.parsed_options.run_dir)) != "running":
        gevent.sleep(0.1)
    gevent.sleep(MASTER_WAITS_S)
    environment.runner.stop()


def begin(environment: Environment, **_: Any) -> None:
    if WHO == "the master" and not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(stop_when_it_runs, environment)


initialised: Any = events.init
initialised.add_listener(begin)
install(Scenario("stopping", "a few people", "closed", think="exponential:0.2"), lambda _: None)
