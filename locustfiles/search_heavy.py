"""Patients who compare doctors and agendas for long, and book rarely.

locust -f locustfiles/search_heavy.py --host http://127.0.0.1:8080 --sessions sessions.json
"""

from datetime import UTC, datetime, timedelta

from locust import tag, task

from locustfiles.clinic import AnyPatient
from locustfiles.people import by_weight, preflight
from slotrush.swarm import SCENARIOS
from slotrush.swarm.locust_events import install

PRICES_CENTS = (15_000, 25_000, 40_000)
STATES = ("SP", "RJ", "MG", "RS", "PR", "BA", "PE", "CE")


class Patient(AnyPatient):
    """Filters by what matters to them, looks further down the list, compares agendas."""

    tasks = by_weight({AnyPatient.read_agenda: 25, AnyPatient.book: 1})

    @task(30)
    @tag("read")
    def search_by_price(self) -> None:
        self.remember(self.booking.search(self.me.session.specialty, price_max_cents=self.one_of(list(PRICES_CENTS))))

    @task(15)
    @tag("read")
    def search_by_state(self) -> None:
        self.remember(self.booking.search(self.me.session.specialty, state=self.one_of(list(STATES))))

    @task(15)
    @tag("read")
    def search_by_free_time(self) -> None:
        """Somebody with a free slot within the week after next."""
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
        free = {"free_from": first, "free_until": first + timedelta(days=7)}
        self.remember(self.booking.search(**{name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in free.items()}))

    @task(14)
    @tag("read")
    def search_further_down(self) -> None:
        """Two pages of everybody."""
        found = self.booking.search()
        self.remember(found)
        if found and found.next:
            self.remember(self.booking.search(after=found.next))


install(SCENARIOS["search_heavy"], preflight)
