"""The race: patients connect and browse, doctors publish at the drop, everyone goes for a slot of their doctor.

    locust -f locustfiles/race.py --host http://127.0.0.1:8080 --sessions sessions.json

`slotrush race` runs the same file with a whole stack around it. Nothing here knows how it is recorded.
"""

from functools import lru_cache
from itertools import count

import gevent
from locust import task
from locust.env import Environment
from locust.exception import StopUser

from locustfiles.client import Agenda, BookingClient, BookingUser, Target
from slotrush.swarm import TAKEN, now_us
from slotrush.swarm.arrivals import (
    Purpose,
    arrival_offset_us,
    choose,
    doctor_of,
    idempotency_key,
    key_prefix,
    pause_s,
    schedule,
    slots_of,
    uniform,
)
from slotrush.swarm.locust_events import Course, Entrant, course_of, install

OVERLAP = "patient-overlap"
READ_TRIES = 5
THINK_S = (0.8, 1.6)
"""How long a person looks at an agenda before the first choice; the next ones are made in haste."""
PUBLISHED_WITHIN_S = 60
"""A patient whose doctor has published nothing for so long stops looking."""


@lru_cache(maxsize=1)
def target_of(course: Course) -> Target:
    return Target(course.options.host, course.recorder, connections=course.patients + len(course.doctors))


class Patient(BookingUser):
    """Browses, waits for the drop, goes for any free slot of their doctor, gives up when all are taken."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.course = course_of(environment)
        self.me = self.course.join()
        self.booking = BookingClient(target_of(self.course), self.me.session)
        mine = doctor_of(self.me.index, self.course.options.doctors)
        self.doctor, self.specialty = self.course.doctor_ids[mine], self.course.specialties[mine]
        self.old_slots = 0
        self.other = self.course.doctor_ids[(mine + 1) % len(self.course.doctor_ids)]

    def on_start(self) -> None:
        gevent.sleep(uniform(self.me.own_seed, Purpose.CONNECT))  # Locust spawns a second's users at once
        if not self.browse():
            self.course.unreachable += 1
            raise StopUser
        self.course.connected += 1

    def browse(self) -> bool:
        """Look for doctors, compare another's agenda with mine; tells whether all was answered."""
        for look in range(READ_TRIES):
            found = self.booking.search(self.specialty, now_us()) is not None
            if (
                found
                and self.booking.agenda(self.other, now_us())
                and (mine := self.booking.agenda(self.doctor, now_us()))
            ):
                self.old_slots = mine.total
                return True
            gevent.sleep(pause_s(self.me.own_seed, look, 0.5, 1.5))
        return False

    @task
    def race(self) -> None:
        won = self.go_for_a_slot(self.wait_for_my_start())
        self.course.finish(gave_up=not won)
        self.course.stay()

    def wait_for_my_start(self) -> int:
        """Sleep until the drop and then some; returns the intended start."""
        drop_us = self.course.wait_for_drop()
        start_us = drop_us + arrival_offset_us(self.me.own_seed, self.course.options.drop_window_s)
        gevent.sleep(max(start_us - now_us(), 0) / 1e6)
        self.course.started += 1
        return start_us

    def go_for_a_slot(self, start_us: int) -> bool:
        """Read, choose, request, and again while there is something free; tells whether a slot was won."""
        seed, turn, intended_us = self.me.own_seed, 0, start_us
        keys = key_prefix(seed, self.course.drop_us)
        while agenda := self.published_agenda(intended_us):
            free = agenda.free
            intended_us = agenda.answered_us + (self.think() if free and turn == 0 else 0)
            while free:
                slot = free.pop(choose(seed, turn, len(free)))
                key = idempotency_key(keys, seed, turn)
                answer = self.booking.request_appointment(slot, key, intended_us)
                turn, intended_us = turn + 1, answer.answered_us
                if answer.outcome == "acknowledged":
                    return True
                if answer.reason == TAKEN and answer.content.get("free") != 0:
                    break  # and look again
                if answer.reason != OVERLAP:
                    return False
            else:
                return False
        return False

    def think(self) -> int:
        """Look at the agenda before choosing; returns for how long, in µs."""
        think_s = pause_s(self.me.own_seed, 0, *THINK_S)
        gevent.sleep(think_s)
        return int(think_s * 1e6)

    def published_agenda(self, intended_us: int) -> Agenda | None:
        """The agenda of my doctor once it has new slots; None when none appear, or it cannot be read."""
        last_us = self.course.drop_us + PUBLISHED_WITHIN_S * 1_000_000
        failures = 0
        for look in count():
            agenda = self.booking.agenda(self.doctor, intended_us)
            if agenda is not None and agenda.total > self.old_slots:
                return agenda
            failures += agenda is None
            if failures == READ_TRIES or now_us() > last_us:
                break
            wait_s = pause_s(self.me.own_seed, look, 0.5, 1.0)
            intended_us = now_us() + int(wait_s * 1e6)
            gevent.sleep(wait_s)
        return None


def publish(course: Course, doctor: Entrant) -> None:
    """A doctor's part: connect, wait for the drop, publish all slots at once."""
    booking = BookingClient(target_of(course), doctor.session)
    booking.connect()
    drop_us = course.wait_for_drop()
    slots = schedule(drop_us, slots_of(doctor.index, course.options.doctors, course.options.slots))
    key = idempotency_key(key_prefix(doctor.own_seed, drop_us), doctor.own_seed, 0)
    gevent.sleep(max(drop_us - now_us(), 0) / 1e6)
    booking.publish(slots, key, drop_us)
    course.published += 1


install(doctors=publish)
