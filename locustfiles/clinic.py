"""The people of a clinic's day, who do what the traffic mix says. What somebody does next builds on what they saw last.

An answer that others were faster to get ("taken") sends a patient back to the agenda, as it would on their screen.
"""

from contextlib import suppress
from datetime import timedelta
from sys import intern

from locust import tag, task
from locust.env import Environment

from locustfiles.answers import Appointment, DoctorCard
from locustfiles.api import NotOffered
from locustfiles.mix import ARRIVALS, DOCTOR, PATIENT, RECEPTIONIST
from locustfiles.people import BookingUser, by_weight
from slotrush.swarm.arrivals import untaken_day

REASON = "cannot come"
FILE = b"%PDF-1.4\n%%EOF\n"
DAYS_PUBLISHED = 10
"""As many as a doctor publishes, of days beyond the slots that the system is seeded with."""
DAY_HOURS = range(11, 21)
"""The hours of UTC in which a Brazilian clinic is open."""


class AnyPatient(BookingUser):
    """What a patient can do: look for doctors, read agendas, book, and look after what they have."""

    abstract = True
    role = "patient"

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.doctors: list[str] = []
        self.slot = ""
        self.mine: list[Appointment] = []

    def look_around(self) -> bool:
        return self.booking.search(self.me.session.specialty) is not None

    @tag("read")
    def search(self) -> None:
        self.remember(self.booking.search(self.me.session.specialty))

    @tag("read")
    def read_agenda(self) -> None:
        """And take a liking to one of the free slots, if there are any."""
        agenda = self.booking.agenda(self.one_of(self.doctors or self.course.doctor_ids))
        self.slot = self.one_of(agenda.free) if agenda and agenda.free else ""

    @tag("write")
    def book(self) -> None:
        if not self.slot:
            self.read_agenda()
        if self.slot:
            answer = self.booking.request_appointment(self.slot)
            self.slot = ""
            if answer.outcome == "acknowledged":
                with suppress(NotOffered):
                    self.see_appointments()

    @tag("read")
    def see_appointments(self) -> None:
        self.mine = self.booking.my_appointments() or []

    @tag("write")
    def cancel(self) -> None:
        if live := self.live():
            self.booking.cancel(self.one_of(live).id, REASON)
        self.see_appointments()

    @tag("write")
    def reschedule(self) -> None:
        live = self.live()
        if live:
            moved = self.one_of(live)
            agenda = self.booking.agenda(moved.doctor)
            if agenda and agenda.free:
                self.booking.reschedule(moved.id, self.one_of(agenda.free))
        self.see_appointments()

    @tag("read", "records")
    def see_records(self) -> None:
        self.booking.my_records()

    @tag("write", "records")
    def upload_record(self) -> None:
        self.booking.upload_record("report.pdf", "application/pdf", FILE, "report")

    @tag("read", "records")
    def see_prescriptions(self) -> None:
        self.booking.prescriptions()

    @tag("read")
    def see_profile(self) -> None:
        self.booking.me()

    def remember(self, found: list[DoctorCard] | None) -> None:
        """Whom I have found; all users of a process share the ids, of which each would hold a page otherwise."""
        self.doctors = [intern(doctor.id) for doctor in found or []]

    def live(self) -> list[Appointment]:
        """My appointments that I can still give back, as far as I have seen."""
        return [one for one in self.mine if one.state in ("requested", "accepted")]


class Patient(AnyPatient):
    """Does all of it, as the mix says."""

    weight = ARRIVALS["Patient"]
    tasks = by_weight({getattr(AnyPatient, name): times for name, times in PATIENT.items()})


class Doctor(BookingUser):
    """Sees what is asked of them and answers, and publishes more days."""

    role = "doctor"
    weight = ARRIVALS["Doctor"]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.requests: list[Appointment] = []
        self.accepted: list[Appointment] = []
        self.days_published = 0

    @task(DOCTOR["see_requests"])
    @tag("read")
    def see_requests(self) -> None:
        self.requests = self.booking.day(state="requested") or []

    @task(DOCTOR["see_agenda"])
    @tag("read")
    def see_agenda(self) -> None:
        self.booking.agenda(self.me.session.id)

    @task(DOCTOR["accept"])
    @tag("write")
    def accept(self) -> None:
        if request := self.next_request():
            answer = self.booking.accept(request.id)
            if answer.outcome == "acknowledged":
                self.accepted.append(request)

    @task(DOCTOR["decline"])
    @tag("write")
    def decline(self) -> None:
        if request := self.next_request():
            self.booking.decline(request.id, REASON)

    @task(DOCTOR["publish_day"])
    @tag("write")
    def publish_day(self) -> None:
        """Ten hours of another day."""
        if self.days_published == DAYS_PUBLISHED:
            return
        day = untaken_day(self.course.start_us, DAYS_PUBLISHED) + timedelta(days=self.days_published)
        self.days_published += 1
        starts = [day + timedelta(hours=hour) for hour in DAY_HOURS]
        self.booking.publish([{"starts_at": f"{start:%Y-%m-%dT%H:%M:%SZ}", "minutes": 30} for start in starts])

    @task(DOCTOR["cancel"])
    @tag("write")
    def cancel(self) -> None:
        if self.accepted:
            self.booking.cancel(self.accepted.pop().id, REASON)

    def next_request(self) -> Appointment | None:
        """The oldest request that I know of, each but once; looks for more when there are none."""
        if not self.requests:
            self.see_requests()
        return self.requests.pop() if self.requests else None


class Receptionist(BookingUser):
    """Keeps an eye on the agendas of the clinic, and on the e-mails that did not get through."""

    role = "staff"
    weight = ARRIVALS["Receptionist"]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.doctors: list[str] = []

    @task(RECEPTIONIST["see_day"])
    @tag("read")
    def see_day(self) -> None:
        """What there is in the clinic, and the day of a doctor who has something."""
        if self.doctors:
            self.booking.clinic_day(self.doctors.pop())
        else:
            self.doctors = sorted({appointment.doctor for appointment in self.booking.day() or []})

    @task(RECEPTIONIST["see_notifications"])
    @tag("read")
    def see_notifications(self) -> None:
        self.booking.notifications()
