"""What patients and doctors must see after all that they did: a model of the booking system, in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

HELD: Final = ("offered", "requested", "accepted", "completed", "no_show")
LIVE: Final = ("requested", "accepted")
OFFER_AHEAD: Final = timedelta(minutes=5)
"""A slot that begins sooner is not offered to anybody."""


@dataclass(frozen=True)
class Slot:
    id: str
    doctor: str
    starts_at: datetime
    minutes: int

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def begun(self) -> bool:
        return self.starts_at <= datetime.now(UTC)

    def overlaps(self, other: "Slot") -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True)
class Appointment:
    id: str
    slot: str
    doctor: str
    patient: str
    starts_at: datetime
    minutes: int
    price_cents: int
    state: str
    rescheduled_from: str | None

    @classmethod
    def read(cls, content: dict[str, Any]) -> "Appointment":
        return cls(
            content["id"],
            content["slot_id"],
            content["doctor_id"],
            content["patient_id"],
            datetime.fromisoformat(content["starts_at"]),
            content["minutes"],
            content["price_cents"],
            content["state"],
            content["rescheduled_from"],
        )

    @property
    def time(self) -> Slot:
        """Its slot as it was then: when it holds the slot no more, that may have moved or gone."""
        return Slot(self.slot, self.doctor, self.starts_at, self.minutes)

    @property
    def begun(self) -> bool:
        return self.time.begun


@dataclass
class Model:
    """`offers`: slot and patient of offers that must have been made, whose appointments nobody has seen yet."""

    prices: dict[str, int]
    slots: dict[str, Slot] = field(default_factory=dict)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    offers: list[tuple[str, str]] = field(default_factory=list)

    def holder(self, slot: str) -> Appointment | None:
        held = [one for one in self.appointments.values() if one.slot == slot and one.state in HELD]
        assert len(held) <= 1, held
        return held[0] if held else None

    def holding(self, slot: str) -> tuple[str, str | None]:
        """The state in which the slot's doctor sees it, and the appointment that holds it."""
        held = self.holder(slot)
        return (held.state, held.id) if held else ("free", None)

    def adopt(
        self, appointments: dict[str, Appointment], slots: dict[str, Slot], places: dict[str, dict[str, int]]
    ) -> None:
        """Take for true what everybody sees; `places` are positions by patient and doctor. What was known keeps its
        order."""
        self.appointments = {id_: appointments[id_] for id_ in (*self.appointments, *appointments)}
        self.slots = {id_: slots[id_] for id_ in (*self.slots, *slots) if id_ in slots}
        for doctor in self.prices:
            queue = {place[doctor]: patient for patient, place in places.items() if doctor in place}
            assert sorted(queue) == list(range(1, len(queue) + 1))
            self.waiting[doctor] = [queue[position] for position in sorted(queue)]

    def free(self, doctor: str) -> list[str]:
        """What patients see of the doctor's agenda."""
        slots = [slot for slot in self.slots.values() if slot.doctor == doctor and not slot.begun]
        return [slot.id for slot in sorted(slots, key=lambda slot: slot.starts_at) if self.holder(slot.id) is None]

    def in_state(self, *states: str) -> list[Appointment]:
        return [one for one in self.appointments.values() if one.state in states]

    def clash(self, doctor: str, times: Iterable[Slot], but: str = "") -> bool:
        """Whether a slot at one of the times would overlap another of the doctor."""
        there = [slot for slot in self.slots.values() if slot.doctor == doctor and slot.id != but]
        return any(slot.overlaps(new) for slot in there for new in times)

    def busy(self, patient: str, slot: Slot, but: str = "") -> bool:
        """Whether the patient is elsewhere at the slot's time."""
        return any(one.patient == patient and one.id != but and one.time.overlaps(slot) for one in self.in_state(*LIVE))

    def against_booking(self, patient: str, slot_id: str) -> set[str]:
        """The reasons for which the patient cannot have the slot."""
        slot = self.slots.get(slot_id)
        if slot is None:
            return {"slot-not-found"}
        reasons = {"slot-taken"} if self.holder(slot_id) else set()
        reasons |= {"slot-past"} if slot.begun else set()
        return reasons | ({"patient-overlap"} if self.busy(patient, slot) else set())

    def against_moving(self, appointment: Appointment, slot_id: str) -> set[str]:
        slot = self.slots.get(slot_id)
        reasons = set() if appointment.state in LIVE else {"not-live"}
        reasons |= {"begun"} if appointment.begun else set()
        if slot is None or slot.doctor != appointment.doctor:
            return reasons | {"slot-not-found"}
        reasons |= {"same-slot"} if slot_id == appointment.slot else set()
        reasons |= {"slot-taken"} if self.holder(slot_id) else set()
        reasons |= {"slot-past"} if slot.begun else set()
        return reasons | ({"patient-overlap"} if self.busy(appointment.patient, slot, appointment.id) else set())

    def set_state(self, appointment: str, state: str) -> None:
        """A slot that this frees goes to the first who waits, other than who gave it up."""
        before = self.appointments[appointment]
        self.appointments[appointment] = replace(before, state=state)
        slot = self.slots.get(before.slot)
        if before.state not in HELD or state in HELD or slot is None:
            return
        queue = self.waiting.get(before.doctor, [])
        next_in_line = [patient for patient in queue if patient != before.patient]
        if next_in_line and slot.starts_at > datetime.now(UTC) + OFFER_AHEAD:
            queue.remove(next_in_line[0])
            self.offers.append((slot.id, next_in_line[0]))
