"""Everyone signs in at once while others book.

    locust -f locustfiles/login_storm.py --host http://127.0.0.1:8080 --sessions sessions.json

The bank's patients need `email` and `password`; those who book are signed in already, and must not notice the storm.
"""

from locust import tag, task

from locustfiles import clinic
from locustfiles.people import BookingUser, preflight
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install


class Newcomer(BookingUser):
    """Signs in whenever an arrival is theirs."""

    pace = "open"
    weight = 2

    @task
    @tag("login")
    def log_in(self) -> None:
        self.booking.log_in(self.me.session.email, self.me.session.password)


class Patient(clinic.Patient):
    """Is signed in, and goes on as if nothing were."""

    pace = "closed"
    weight = 1


install(SCENARIOS["login_storm"], preflight)
