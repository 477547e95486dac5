"""Worlds that a run could have left behind, consistent or with one thing broken: material for the audit's tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

HALF_HOUR_US: Final = 1_800_000_000
FAR_US: Final = 10**15
QUEUES: Final = ("outbox", "stream", "dead letters")
Row = dict[str, Any]


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


@dataclass
class World:
    """What a run left behind; the audit's tests write it to a run record."""

    ledger: list[Row] = field(default_factory=list)
    slots: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    transitions: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    mails: list[tuple[str, str]] = field(default_factory=list)
    depths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUEUES, 0))

    def publish(self, doctor: str, starts_us: Sequence[int], outcomes: Sequence[str] = ("acknowledged",)) -> None:
        for number, start_us in enumerate(starts_us):
            self.slots[f"slot-{doctor}-{number}"] = (doctor, start_us, start_us + HALF_HOUR_US)
        for outcome in outcomes:
            created = len(starts_us) if outcome == "acknowledged" else None
            self.write("publish", f"key-{doctor}", doctor, doctor, outcome, created=created)

    def write(self, action: str, key: str, actor: str, subject: str, outcome: str, **told: Any) -> None:
        self.ledger.append(
            {"key": key, "action": action, "actor": actor, "subject": subject, "outcome": outcome} | told
        )

    def request(self, slot: str, patient: str, outcomes: Sequence[str] = ("acknowledged",)) -> str:
        """A booking that reached the database, whatever its client heard of it; answers its id."""
        doctor, starts_us, ends_us = self.slots[slot]
        key = f"key-{patient}-{slot}"
        made = Appointment(f"app-{patient}-{slot}", slot, doctor, patient, starts_us, ends_us, "requested", 20_000, key)
        for outcome in outcomes:
            answer = {"appointment": made.id, "doctor": doctor, "price_cents": made.price_cents}
            self.write("request", key, patient, slot, outcome, **(answer if outcome == "acknowledged" else {}))
        self.appointments[made.id] = made
        self.announce(made.id, "requested", patient, key)
        return made.id

    def change(self, appointment: str, action: str, state: str, outcomes: Sequence[str] = ("acknowledged",)) -> None:
        actor, key = self.appointments[appointment].doctor, f"key-{action}-{appointment}"
        for outcome in outcomes:
            self.write(action, key, actor, appointment, outcome)
        self.enter(appointment, state)
        self.announce(appointment, state, actor, key)

    def enter(self, appointment: str, state: str) -> None:
        self.appointments[appointment] = replace(self.appointments[appointment], state=state)

    def announce(self, appointment: str, state: str, actor: str, key: str, suffix: str = "") -> None:
        event = f"event-{state}-{appointment}{suffix}"
        self.transitions[event] = (appointment, state, actor, key)
        self.mails += [(event, address) for address in self.addresses(appointment)]

    def addresses(self, appointment: str) -> list[str]:
        held = self.appointments[appointment]
        return [f"{held.patient}@mail.test", f"{held.doctor}@mail.test"]

    def forget(self, event: str) -> None:
        del self.transitions[event]
        self.mails = [mail for mail in self.mails if mail[0] != event]

    def outcomes(self, key: str) -> set[str]:
        return {row["outcome"] for row in self.ledger if row["key"] == key}

    def told(self, doctor: str) -> bool:
        """Whether the doctor heard that the slots were published."""
        return "acknowledged" in self.outcomes(f"key-{doctor}")

    def acknowledged(self) -> list[Appointment]:
        return [held for held in self.appointments.values() if "acknowledged" in self.outcomes(held.key)]


Choices = Sequence[Any]
Pick = Callable[[Choices], Any]
Mutation = Callable[[World, Pick], tuple[str, ...]]
"""Breaks one thing of a world, chosen by the function that it is given; answers the rows that the audit must name."""


def live(world: World) -> list[Appointment]:
    return [held for held in world.acknowledged() if held.state == "requested"]


def double_booking(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(live(world))
    return held.slot, held.id, world.request(held.slot, "intruder")


def overlapping_slots(world: World, pick: Pick) -> tuple[str, ...]:
    slot = pick(list(world.slots))
    doctor, starts_us, _ = world.slots[slot]
    world.slots["extra"] = (doctor, starts_us + 1, starts_us + 2)
    for row in world.ledger:
        if row["action"] == "publish" and row["subject"] == doctor and row["outcome"] == "acknowledged":
            row["created"] += 1
    return doctor, slot, "extra"


def patient_in_two_places(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(live(world))
    world.publish("other", [FAR_US])
    world.slots["slot-other-0"] = ("other", held.starts_us + 1, held.starts_us + 2)
    return held.patient, held.id, world.request("slot-other-0", held.patient)


def appointment_not_at_its_slot(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(list(world.appointments.values()))
    world.appointments[held.id] = replace(held, starts_us=held.starts_us + 1)
    return held.id, held.slot


def lost_booking(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    for event in [event for event, change in world.transitions.items() if change[0] == held.id]:
        world.forget(event)
    del world.appointments[held.id]
    return held.id, held.patient, held.slot, held.key


def wrong_price(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    world.appointments[held.id] = replace(held, price_cents=12_345)
    return held.id, "12345"


def wrong_key(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    world.appointments[held.id] = replace(held, key="another")
    return held.id, held.key, "another"


def wrong_patient(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    for row in world.ledger:
        if row["key"] == held.key:
            row["actor"] = "somebody"
    return held.id, held.patient, "somebody"


def wrong_doctor_told(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    for row in world.ledger:
        if row["key"] == held.key and row["outcome"] == "acknowledged":
            row["doctor"] = "somebody"
    return held.id, held.doctor, "somebody"


def silently_cancelled(world: World, pick: Pick) -> tuple[str, ...]:
    asked = {row["subject"] for row in world.ledger if row["action"] == "cancel"}
    held = pick([held for held in live(world) if held.id not in asked])
    world.enter(held.id, "cancelled")
    return held.id, held.patient, held.key


def lost_cancel(world: World, pick: Pick) -> tuple[str, ...]:
    told = [row["subject"] for row in world.ledger if row["action"] == "cancel" and row["outcome"] == "acknowledged"]
    slots = [held.slot for held in world.appointments.values()]
    cancelled = pick([id_ for id_ in told if slots.count(world.appointments[id_].slot) == 1])
    world.enter(cancelled, "requested")
    world.forget(f"event-cancelled-{cancelled}")
    return cancelled, f"key-cancel-{cancelled}"


def lost_publication(world: World, pick: Pick) -> tuple[str, ...]:
    taken = {held.slot for held in world.appointments.values()}
    slot = pick([id_ for id_, (doctor, *_) in world.slots.items() if id_ not in taken and world.told(doctor)])
    doctor = world.slots.pop(slot)[0]
    return doctor, f"key-{doctor}"


def phantom(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(list(world.appointments.values()))
    world.ledger = [row for row in world.ledger if row["key"] != held.key]
    return held.id, held.patient, held.slot, held.key


def refused_but_stored(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(list(world.appointments.values()))
    for row in world.ledger:
        if row["key"] == held.key:
            row["outcome"] = "refused"
    return held.id, "refused"


def phantom_slot(world: World, pick: Pick) -> tuple[str, ...]:
    doctor = pick([doctor for doctor, *_ in world.slots.values() if world.told(doctor)])
    world.slots["extra"] = (doctor, FAR_US, FAR_US + 1)
    return (doctor,)


def unasked_acceptance(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick([held for held in world.appointments.values() if held.state == "requested"])
    world.enter(held.id, "accepted")
    world.announce(held.id, "accepted", held.doctor, "unheard-of")
    return held.id, "unheard-of", "accepted"


def reused_key(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(world.acknowledged())
    world.publish("far", [FAR_US])
    second = world.request("slot-far-0", held.patient, outcomes=())
    world.appointments[second] = replace(world.appointments[second], key=held.key)
    return held.key, held.id, second


def lost_mail(world: World, pick: Pick) -> tuple[str, ...]:
    mail: tuple[str, str] = pick(world.mails)
    world.mails.remove(mail)
    return mail


def lost_event(world: World, pick: Pick) -> tuple[str, ...]:
    appointment = pick(list(world.appointments))
    world.forget(f"event-requested-{appointment}")
    return appointment, "requested"


def doubled_mail(world: World, pick: Pick) -> tuple[str, ...]:
    mail: tuple[str, str] = pick(world.mails)
    world.mails.append(mail)
    return mail


def mail_to_a_stranger(world: World, pick: Pick) -> tuple[str, ...]:
    event: str = pick(world.mails)[0]
    world.mails.append((event, "stranger@mail.test"))
    return event, "stranger@mail.test"


def doubled_event(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(list(world.appointments.values()))
    world.announce(held.id, "requested", held.patient, held.key, suffix="-again")
    return f"event-requested-{held.id}", f"event-requested-{held.id}-again"


def full_queue(world: World, pick: Pick) -> tuple[str, ...]:
    queue = pick(QUEUES)
    world.depths[queue] = 3
    return (queue,)


def unread_queue(world: World, pick: Pick) -> tuple[str, ...]:
    queue = pick(QUEUES)
    del world.depths[queue]
    return (queue,)


MUTATIONS: Final[dict[Mutation, set[str]]] = {
    double_booking: {"double_bookings"},
    overlapping_slots: {"overlapping"},
    patient_in_two_places: {"overlapping"},
    appointment_not_at_its_slot: {"overlapping"},
    lost_booking: {"lost_acknowledged"},
    wrong_price: {"lost_acknowledged"},
    wrong_key: {"lost_acknowledged"},
    wrong_patient: {"lost_acknowledged"},
    wrong_doctor_told: {"lost_acknowledged"},
    silently_cancelled: {"lost_acknowledged", "notifications_missing"},
    lost_cancel: {"lost_acknowledged"},
    lost_publication: {"lost_acknowledged"},
    phantom: {"phantoms"},
    refused_but_stored: {"phantoms"},
    phantom_slot: {"phantoms"},
    unasked_acceptance: {"phantoms"},
    reused_key: {"reused_keys"},
    lost_mail: {"notifications_missing"},
    lost_event: {"notifications_missing"},
    doubled_mail: {"notifications_doubled"},
    mail_to_a_stranger: {"notifications_doubled"},
    doubled_event: {"notifications_doubled"},
    full_queue: {"queues_not_empty"},
    unread_queue: {"queues_not_empty"},
}
"""With the invariants that each breaks."""
