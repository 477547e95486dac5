"""What a booking system's answers say, whatever its JSON looks like: the words between `BookingApi` and the client."""

from collections.abc import Mapping
from typing import NamedTuple


class DoctorCard(NamedTuple):
    """A doctor as the directory shows them."""

    id: str
    price_cents: int | None = None


class Doctors(list[DoctorCard]):
    """One page of the directory; `next` is what leads to the following one, None on the last."""

    __slots__ = ("next",)

    def __init__(self, cards: list[DoctorCard], next_page: str | None = None) -> None:
        super().__init__(cards)
        self.next = next_page


class Agenda(NamedTuple):
    """What a doctor still has: `total` slots to come, taken ones included, and the ids of the `free` ones."""

    total: int
    free: list[str]


class Appointment(NamedTuple):
    """One appointment in a list; `state` in the words of the reference system, `starts_us` in Unix epoch µs."""

    id: str
    slot: str
    doctor: str
    patient: str
    state: str
    starts_us: int


class KeptSlot(NamedTuple):
    """One slot of a doctor as the clinic sees it: 'free', or the state of the `appointment` that holds it."""

    id: str
    starts_us: int
    state: str
    appointment: str | None


class Record(NamedTuple):
    """One file of a patient: 'awaiting', 'checking', 'stored' or 'rejected'."""

    id: str
    state: str


class Notification(NamedTuple):
    """One e-mail about an appointment: 'sending', 'sent' or 'failed'."""

    event: str
    recipient: str
    state: str


class Person(NamedTuple):
    """Whose account it is; `role` is 'patient', 'doctor' or 'staff', `clinic` where doctors and staff work."""

    id: str
    role: str
    clinic: str | None = None


class Upload(NamedTuple):
    """Where the content of the file `record` goes by PUT, with exactly these headers."""

    record: str
    url: str
    headers: Mapping[str, str]


class Promise(NamedTuple):
    """What an acknowledged write was answered with; the audit holds the stores to it. What is None was not said.

    `created`: how many slots were published, `slots`: which; `starts_us`, `ends_us`: the time of an edited slot.
    """

    appointment: str | None = None
    doctor: str | None = None
    price_cents: int | None = None
    created: int | None = None
    starts_us: int | None = None
    ends_us: int | None = None
    slots: tuple[str, ...] = ()
    upload: Upload | None = None
