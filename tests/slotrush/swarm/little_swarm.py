"""A locustfile for tests of the engine: patients who read and ask for a slot, and doctors who read."""

from locust import tag, task

from locustfiles.people import BookingUser
from slotrush.swarm.locust_events import install
from slotrush.swarm.scenario import Scenario


class Visitor(BookingUser):
    abstract = True

    def look_around(self) -> bool:
        return self.booking.agenda("0") is not None

    @task
    @tag("read")
    def read(self) -> None:
        self.booking.agenda("0")


class Patient(Visitor):
    weight = 9

    @task
    @tag("write")
    def ask(self) -> None:
        self.booking.request_appointment("0")


class Doctor(Visitor):
    role = "doctor"
    weight = 1


class Receptionist(Visitor):
    role = "staff"
    weight = 1


install(Scenario("little", "a few people", "closed", run_time_s=6, think="exponential:0.2"), lambda _: None)
