"""Doctors publish their weeks while patients keep looking.

locust -f locustfiles/publish_wave.py --host http://127.0.0.1:8080 --sessions sessions.json
"""

from datetime import UTC, datetime, timedelta

from locust import tag, task

from locustfiles.clinic import AnyPatient
from locustfiles.people import BookingUser, by_weight, preflight
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install

WEEKS = 40
"""As many as a doctor publishes; with thirty slots each they stay under what an agenda may hold."""
HOURS = {"from": "08:00", "until": "11:00", "minutes": 30, "break_minutes": 0}


class Patient(AnyPatient):
    """Looks again and again, and books what has appeared."""

    tasks = by_weight({AnyPatient.read_agenda: 80, AnyPatient.search: 12, AnyPatient.book: 8})


class Doctor(BookingUser):
    """Publishes one week after the other, and looks at the result."""

    role = "doctor"
    weeks = 0

    @task
    @tag("write")
    def publish_week(self) -> None:
        if self.weeks < WEEKS:
            today = datetime.now(UTC).date()
            monday = today + timedelta(days=7 * (self.weeks + 1) - today.weekday())
            self.weeks += 1
            self.booking.publish_week(
                {
                    "first_day": f"{monday}",
                    "last_day": f"{monday + timedelta(days=4)}",
                    "timezone": "America/Sao_Paulo",
                    "weekdays": [{"weekday": day, **HOURS} for day in range(1, 6)],
                }
            )
        self.booking.agenda(self.me.session.id)


install(SCENARIOS["publish_wave"], preflight)
