"""A locustfile whose first worker holds its own event loop for a while: a generator that spoils its own run."""

import gevent
from locust import task

from locustfiles.people import BookingUser
from slotrush.swarm import now_us
from slotrush.swarm.locust_events import Course, install
from slotrush.swarm.scenario import Scenario

HELD_S = (3, 6)
"""From when to when, in seconds since the start."""


class Reader(BookingUser):
    def look_around(self) -> bool:
        return self.booking.agenda("0") is not None

    def begin(self) -> None:
        if self.me.index == 0:
            gevent.spawn(hold_the_loop, self.course)
        super().begin()

    @task
    def read(self) -> None:
        self.booking.agenda("0")


def hold_the_loop(course: Course) -> None:
    """What a scenario must not do: compute for long between two requests."""
    from_us, until_us = (course.wait_for_start() + second * 1_000_000 for second in HELD_S)
    gevent.sleep((from_us - now_us()) / 1e6)
    while now_us() < until_us:
        pass


install(Scenario("held", "one worker holds its loop", "closed", run_time_s=9, think="exponential:0.3"), lambda _: None)
