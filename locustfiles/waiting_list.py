"""Every slot is taken: patients queue, and get what others give back.

locust -f locustfiles/waiting_list.py --host http://127.0.0.1:8080 --sessions sessions.json
"""

from locust import tag, task
from locust.env import Environment

from locustfiles.answers import Appointment
from locustfiles.clinic import REASON, AnyPatient
from locustfiles.people import preflight
from slotrush.swarm import SCENARIOS
from slotrush.swarm.arrivals import doctor_of
from slotrush.swarm.locust_events import install

REFUSED = 0.2
"""The share of offers that come at a bad time."""


class Patient(AnyPatient):
    """Wants a slot of one doctor: takes what is free, or else waits; may give back what they got."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.doctor = self.course.doctor_ids[doctor_of(self.me.index, self.course.plan.doctors)]
        self.waits = False

    @task(50)
    @tag("write")
    def want_a_slot(self) -> None:
        """Book, or join the queue once there is nothing to book."""
        if self.waits or self.live():
            return self.see_what_i_have()
        agenda = self.booking.agenda(self.doctor)
        if agenda is None:
            return None
        if agenda.free:
            self.booking.request_appointment(self.one_of(agenda.free))
        else:
            self.waits = self.booking.join_waiting_list(self.doctor).outcome == "acknowledged"
        return None

    @task(38)
    @tag("write")
    def see_what_i_have(self) -> None:
        """Look for an offer, and answer it."""
        self.see_appointments()
        for offer in self.mine:
            if offer.state == "offered":
                self.answer(offer)

    @task(10)
    @tag("write")
    def give_back(self) -> None:
        if live := self.live():
            self.booking.cancel(self.one_of(live).id, REASON)
            self.mine = []

    @task(2)
    @tag("write")
    def leave_the_queue(self) -> None:
        if self.waits:
            self.waits = self.booking.leave_waiting_list(self.doctor).outcome != "acknowledged"

    def answer(self, offer: Appointment) -> None:
        self.waits = False
        if self.chance() < REFUSED:
            self.booking.refuse_offer(offer.id)
        else:
            self.booking.accept_offer(offer.id)


install(SCENARIOS["waiting_list"], preflight)
