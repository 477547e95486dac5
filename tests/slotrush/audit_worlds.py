"""Worlds that a run could have left behind: material for the audit's tests. They are consistent as they are built."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

HALF_HOUR_US: Final = 1_800_000_000
FAR_US: Final = 10**15
QUEUES: Final = ("outbox", "stream", "dead letters")
SYSTEM: Final = "system"
HELD: Final = ("offered", "requested", "accepted", "completed", "no_show")
LED_TO: Final = {"rescheduled": "requested", "moved": "cancelled", "reminder": "accepted"}
TO_BOTH: Final = ("requested", "accepted", "declined", "cancelled", "rescheduled")
TO_THE_PATIENT: Final = ("offered", "reminder")
STEP_US: Final = 10
"""Between two events of an appointment, the first of which is at this time."""
BY_THE_PATIENT: Final = ("accept_offer", "refuse_offer")
Row = dict[str, Any]
Outcomes = Sequence[str]
TOLD: Final[Outcomes] = ("acknowledged",)


@dataclass(frozen=True)
class Appointment:
    id: str
    slot: str
    doctor: str
    patient: str
    starts_us: int
    ends_us: int
    state: str
    price_cents: int
    key: str
    rescheduled_from: str | None = None


class Event(NamedTuple):
    appointment: str
    state: str
    actor: str
    key: str


@dataclass
class World:
    """What a run left behind; the audit's tests write it to a run record."""

    ledger: list[Row] = field(default_factory=list)
    slots: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    mails: list[tuple[str, str]] = field(default_factory=list)
    depths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUEUES, 0))
    anonymous: set[str] = field(default_factory=set)
    dropped: dict[str, int] = field(default_factory=dict)
    """When the e-mail to the patient was dropped, by event."""
    lost: set[str] = field(default_factory=set)
    """People whose worker was lost."""

    def write(self, action: str, key: str, actor: str, subject: str, outcome: str, **told: Any) -> None:
        self.ledger.append(
            {"key": key, "action": action, "actor": actor, "subject": subject, "outcome": outcome} | told
        )

    def publish(self, doctor: str, starts_us: Sequence[int], outcomes: Outcomes = TOLD) -> None:
        for number, start_us in enumerate(starts_us):
            self.slots[f"slot-{doctor}-{number}"] = (doctor, start_us, start_us + HALF_HOUR_US)
        for outcome in outcomes:
            created = len(starts_us) if outcome == "acknowledged" else None
            self.write("publish", f"key-{doctor}", doctor, doctor, outcome, created=created)

    def edit(self, slot: str, by_us: int, outcomes: Outcomes = TOLD) -> None:
        doctor, starts_us, ends_us = self.slots[slot]
        starts_us += by_us
        self.slots[slot] = (doctor, starts_us, ends_us)
        for outcome in outcomes:
            times = {"starts_us": starts_us, "ends_us": ends_us} if outcome == "acknowledged" else {}
            self.write("edit_slot", f"key-edit-{slot}-{starts_us}", doctor, slot, outcome, **times)

    def remove(self, slot: str, outcomes: Outcomes = TOLD) -> None:
        doctor, *_ = self.slots.pop(slot)
        for outcome in outcomes:
            self.write("remove_slot", f"key-remove-{slot}", "reception", slot, outcome, doctor=doctor)

    def request(self, slot: str, patient: str, outcomes: Outcomes = TOLD) -> str:
        """A booking that reached the database, whatever its client heard of it; answers its id."""
        made = self.make(slot, patient, f"key-{patient}-{slot}", "requested")
        for outcome in outcomes:
            self.write("request", made.key, patient, slot, outcome, **self.answer(made, outcome))
        self.announce(made.id, "requested", patient, made.key)
        return made.id

    def reschedule(self, appointment: str, slot: str, outcomes: Outcomes = TOLD) -> str:
        old = self.appointments[appointment]
        made = self.make(slot, old.patient, f"key-{old.patient}-{slot}", "requested", appointment)
        for outcome in outcomes:
            answer = self.answer(made, outcome)
            self.write("reschedule", made.key, old.patient, slot, outcome, moves=appointment, **answer)
        self.announce(made.id, "rescheduled", old.patient, made.key)
        self.enter(appointment, "moved", old.patient, made.key)
        return made.id

    def offer(self, slot: str, patient: str) -> str:
        """The system offers a slot to one who waits."""
        made = self.make(slot, patient, f"offer:{slot}:{patient}", "offered")
        self.announce(made.id, "offered", SYSTEM, made.key)
        return made.id

    def change(self, appointment: str, action: str, state: str, outcomes: Outcomes = TOLD) -> None:
        held = self.appointments[appointment]
        actor, key = held.patient if action in BY_THE_PATIENT else held.doctor, f"key-{action}-{appointment}"
        for outcome in outcomes:
            self.write(action, key, actor, appointment, outcome, **self.answer(held, outcome))
        if action == "accept_offer":  # belongs to the key that asked for it, like any booking
            self.appointments[appointment] = replace(held, key=key)
        self.enter(appointment, state, actor, key)

    def leave(self, patient: str) -> None:
        """The patient is made anonymous, which ends all that they have to come."""
        self.anonymous.add(patient)
        for held in list(self.appointments.values()):
            if held.patient == patient and held.state in ("offered", "requested", "accepted"):
                end = "expired" if held.state == "offered" else "cancelled"
                self.enter(held.id, end, patient, f"all:{held.id}:{held.slot}")

    def make(self, slot: str, patient: str, key: str, state: str, rescheduled_from: str | None = None) -> Appointment:
        doctor, starts_us, ends_us = self.slots[slot]
        id_ = f"app-{patient}-{slot}"
        made = Appointment(id_, slot, doctor, patient, starts_us, ends_us, state, 20_000, key, rescheduled_from)
        self.appointments[id_] = made
        return made

    def answer(self, made: Appointment, outcome: str) -> Row:
        answer = {"appointment": made.id, "doctor": made.doctor, "price_cents": made.price_cents}
        return answer if outcome == "acknowledged" else {}

    def enter(self, appointment: str, event: str, actor: str = SYSTEM, key: str = SYSTEM) -> None:
        self.set_state(appointment, LED_TO.get(event, event))
        self.announce(appointment, event, actor, key)

    def set_state(self, appointment: str, state: str) -> None:
        self.appointments[appointment] = replace(self.appointments[appointment], state=state)

    def announce(self, appointment: str, state: str, actor: str, key: str, suffix: str = "") -> None:
        event = f"event-{state}-{appointment}{suffix}"
        self.events[event] = Event(appointment, state, actor, key)
        self.mails += [(event, address) for address in self.due(event)]

    def due(self, event: str) -> list[str]:
        appointment, state, *_ = self.events[event]
        held = self.appointments[appointment]
        to_the_patient = state in TO_BOTH + TO_THE_PATIENT and held.patient not in self.anonymous
        return [f"{held.patient}@mail.test"] * to_the_patient + [f"{held.doctor}@mail.test"] * (state in TO_BOTH)

    def to_patient(self, event: str) -> tuple[str, str]:
        """The e-mail about it to the patient."""
        return event, f"{self.appointments[self.events[event].appointment].patient}@mail.test"

    def drop(self, event: str, at_us: int) -> None:
        """The e-mail to the patient is not sent, as something is said to have overtaken it."""
        self.dropped[event] = at_us
        self.mails.remove(self.to_patient(event))

    def at_us(self, event: str) -> int:
        return STEP_US * (1 + self.history(self.events[event].appointment).index(event))

    def forget(self, event: str) -> None:
        del self.events[event]
        self.mails = [mail for mail in self.mails if mail[0] != event]

    def history(self, appointment: str) -> list[str]:
        """The appointment's events, in order."""
        return [event for event, made in self.events.items() if made.appointment == appointment]

    def rewind(self, appointment: str) -> None:
        """Undo the last change."""
        *before, last = self.history(appointment)
        self.forget(last)
        if self.dropped.pop(before[-1], None):  # nothing has overtaken it any more
            self.mails.append(self.to_patient(before[-1]))
        state, key = self.events[before[-1]].state, self.events[before[0]].key
        self.appointments[appointment] = replace(
            self.appointments[appointment], state=LED_TO.get(state, state), key=key
        )

    def holds(self, slot: str) -> bool:
        return any(held.slot == slot and held.state in HELD for held in self.appointments.values())

    def outcomes(self, key: str) -> set[str]:
        return {row["outcome"] for row in self.ledger if row["key"] == key}

    def acknowledged(self, action: str) -> list[Row]:
        return [row for row in self.ledger if (row["action"], row["outcome"]) == (action, "acknowledged")]
