"""Who plays a race: patients connect and browse, doctors publish at the drop, everyone goes for a slot of their doctor.

Nothing here knows how it is recorded.
"""

from itertools import count

import gevent
from locust import task
from locust.env import Environment

from locustfiles.answers import Agenda
from locustfiles.client import BookingClient
from locustfiles.people import READ_TRIES, BookingUser, target_of
from slotrush.swarm import TAKEN, now_us
from slotrush.swarm.arrivals import (
    arrival_offset_us,
    choose,
    doctor_of,
    idempotency_keys,
    pause_s,
    schedule,
    slots_of,
)
from slotrush.swarm.locust_events import Course, Entrant

OVERLAP = "patient-overlap"
THINK_S = (0.8, 1.6)
"""How long a person looks at an agenda before the first choice; the next ones are made in haste."""
PUBLISHED_WITHIN_S = 60
"""A patient whose doctor has published nothing for so long stops looking."""


class Patient(BookingUser):
    """Browses, waits for the drop, goes for any free slot of their doctor, gives up when all are taken."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        mine = doctor_of(self.me.index, self.course.plan.doctors)
        self.doctor, self.specialty = self.course.doctor_ids[mine], self.course.specialties[mine]
        self.other = self.course.doctor_ids[(mine + 1) % self.course.plan.doctors]
        self.old_slots = 0

    def look_around(self) -> bool:
        """Look for doctors, compare another's agenda with mine."""
        found = self.booking.search(self.specialty) is not None
        if not found or not self.booking.agenda(self.other) or not (mine := self.booking.agenda(self.doctor)):
            return False
        self.old_slots = mine.total
        return True

    def begin(self) -> None:
        """At once: the one task waits for the drop itself."""

    @task
    def race(self) -> None:
        self.wait_for_my_start()
        won = self.go_for_a_slot()
        self.course.finish(gave_up=not won)
        self.course.stay()

    def wait_for_my_start(self) -> None:
        """Sleep until the drop and then some."""
        drop_us = self.course.wait_for_start()
        self.booking.due_us = drop_us + arrival_offset_us(self.me.own_seed, self.course.plan.drop_window_s)
        gevent.sleep(max(self.booking.due_us - now_us(), 0) / 1e6)
        self.course.raced += 1

    def go_for_a_slot(self) -> bool:
        """Read, choose, request, and again while there is something free; tells whether a slot was won."""
        seed, turn = self.me.own_seed, 0
        while agenda := self.published_agenda():
            free = agenda.free
            if free and turn == 0:
                self.booking.pause(pause_s(seed, 0, *THINK_S))
            while free:
                answer = self.booking.request_appointment(free.pop(choose(seed, turn, len(free))))
                turn += 1
                if answer.outcome == "acknowledged":
                    return True
                if answer.reason == TAKEN and answer.free != 0:
                    break  # and look again
                if answer.reason != OVERLAP:
                    return False
            else:
                return False
        return False

    def published_agenda(self) -> Agenda | None:
        """The agenda of my doctor once it has new slots; None when none appear, or it cannot be read."""
        last_us = self.course.start_us + PUBLISHED_WITHIN_S * 1_000_000
        failures = 0
        for look in count():
            agenda = self.booking.agenda(self.doctor)
            if agenda is not None and agenda.total > self.old_slots:
                return agenda
            failures += agenda is None
            if failures == READ_TRIES or now_us() > last_us:
                break
            self.booking.pause(pause_s(self.me.own_seed, look, 0.5, 1.0))
        return None


def publish(course: Course, doctor: Entrant) -> None:
    """A doctor's part: connect, wait for the drop, publish all slots at once."""
    booking = BookingClient(target_of(course), doctor.session, idempotency_keys(doctor.own_seed, course.plan.salt))
    booking.connect()
    drop_us = course.wait_for_start()
    slots = schedule(drop_us, slots_of(doctor.index, course.plan.doctors, course.plan.slots))
    gevent.sleep(max(drop_us - now_us(), 0) / 1e6)
    booking.due_us = drop_us
    booking.publish(slots)
    course.published += 1
