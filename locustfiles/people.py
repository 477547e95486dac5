"""Who plays: the user that every scenario builds on, and the patients, doctors and receptionists of a clinic's day.

A user thinks, or waits for an arrival (the load model decides), and then does one thing: mostly one request. What they
do, and how often, is the traffic mix of `mix.py`.
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent import GreenletExit
from locust import FastHttpUser, User
from locust.env import Environment
from locust.user.task import DefaultTaskSet

from locustfiles.api import NotOffered, load_adapter
from locustfiles.client import BookingClient
from locustfiles.preflight import check
from locustfiles.target import Target
from slotrush.swarm import Model, Plan, Role, now_us, read_bank
from slotrush.swarm.arrivals import Purpose, idempotency_keys, pause_s, uniform
from slotrush.swarm.locust_events import Course, course_of, pace_of

log = logging.getLogger("slotrush.swarm")
READ_TRIES = 5


def by_weight(times: Mapping[Callable[..., None], int]) -> list[Any]:
    """Tasks as Locust has them, each as often as it is to be chosen."""
    return [task for task, count in times.items() for _ in range(count)]


class InTurn(DefaultTaskSet):
    """Chooses by the user's own seed, where Locust has one generator for all; goes on without what is not offered."""

    user: "BookingUser"

    def get_next_task(self) -> Any:
        return self.user.one_of(self.user.tasks)

    def execute_task(self, task: Any) -> None:
        try:
            super().execute_task(task)  # type: ignore[no-untyped-call]
        except NotOffered as lack:
            self.user.do_without(task, lack)


def rest(_user: User) -> None:
    """Does nothing, as there is nothing that one could do."""


@lru_cache(maxsize=1)
def target_of(course: Course) -> Target:
    """The booking system, as all users of this worker share it."""
    api = load_adapter(course.plan.adapter)()
    return Target(course.plan.host, course.recorder, api=api, allowed=course.allowed)


class BookingUser(FastHttpUser):
    """A Locust user with our client in place of `FastHttpSession`, which costs several times as much.

    Connects and looks around, waits for everyone, and then acts when the load model says. `role` says whom of the
    session bank it plays; `pace` is for a class that has a load model of its own, whatever the swarm's is.
    """

    abstract = True
    role: ClassVar[Role] = "patient"
    pace: ClassVar[Model | None] = None

    def __init__(self, environment: Environment) -> None:
        User.__init__(self, environment)
        self.course = course_of(environment)
        self.me = self.course.join(self.role)
        keys = idempotency_keys(self.me.own_seed, self.course.plan.salt)
        self.booking = BookingClient(target_of(self.course), self.me.session, keys)
        self._thinking = self.course.thinking(self.me)
        self._model = pace_of(type(self), self.course.plan.model)
        self._turn = 0

    def on_start(self) -> None:
        gevent.sleep(uniform(self.me.own_seed, Purpose.CONNECT))  # Locust spawns a second's users at once
        if not self.arrive():
            self.course.unreachable += 1
            raise GreenletExit  # not StopUser, of which Locust would log a traceback for everyone turned away
        self.course.connected += 1
        self.begin()

    def arrive(self) -> bool:
        """Connect; tells whether the target answers."""
        for look in range(READ_TRIES):
            self.booking.due_us = now_us()
            if self.look_around():
                return True
            self.booking.pause(pause_s(self.me.own_seed, look, 0.5, 1.5))
        return False

    def look_around(self) -> bool:
        """What one does first, long before it matters; tells whether all was answered."""
        return self.booking.me() is not None

    def begin(self) -> None:
        """Wait until everyone is there, and then for the first time to act."""
        setattr(self._taskset_instance, "__class__", InTurn)  # noqa: B010
        # Known ahead of time: were all to wake at the start itself, only to go on waiting, they would delay its first.
        self.booking.due_us = self.course.wait_for_start()
        self.wait_time()

    def wait_time(self) -> float:
        """Wait until it is time to act; Locust, which would wait for as long as this returns, need not."""
        if self._model == "open":
            assert self.course.doors is not None
            self.booking.due_us = self.course.doors.wait(type(self).__name__)
        else:
            self.booking.due_us = self._thinking.after(self.booking.due_us)
        return 0.0

    @classmethod
    def do_without(cls, task: Any, lack: NotOffered) -> None:
        """No user of this class plays this task again."""
        left = [other for other in cls.tasks if other is not task]
        if len(left) < len(cls.tasks):
            log.warning("%s goes on without %s: %s", cls.__name__, task.__name__, lack)
        cls.tasks = left or [rest]

    def chance(self) -> float:
        """A number of [0, 1) that depends only on who this is and on how often they have asked."""
        self._turn += 1
        return uniform(self.me.own_seed, Purpose.CHANCE, self._turn)

    def one_of(self, things: list[Any]) -> Any:
        """Any of these, which are at least one."""
        return things[int(self.chance() * len(things))]


def preflight(plan: Plan) -> None:
    """Raises BadInputError when the target does not answer as the adapter expects."""
    bank = read_bank(Path(plan.sessions))
    check(plan.host, load_adapter(plan.adapter)(), bank.person("patient", 0), bank.person("doctor", 0))
