"""Faults that break one thing of a consistent world, and the invariants of the audit that each breaks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from tests.slotrush.audit_worlds import FAR_US, HELD, QUEUES, SYSTEM, TO_THE_PATIENT, Appointment, Row, World

Pick = Callable[[Sequence[Any]], Any]
Fault = Callable[[World, Pick], tuple[str, ...]]
"""Breaks one thing of a world, chosen by the function that it is given; answers the rows that the audit must name."""


def requests(world: World, outcome: str = "") -> list[Appointment]:
    """Made by a request, and neither moved nor in the place of another."""
    moved = {held.rescheduled_from for held in world.appointments.values()}
    keys = {row["key"] for row in world.ledger if row["action"] == "request" and outcome in ("", row["outcome"])}
    return [held for held in world.appointments.values() if held.key in keys and held.id not in moved]


def told(world: World) -> list[Appointment]:
    return requests(world, "acknowledged")


def live(world: World) -> list[Appointment]:
    return [held for held in told(world) if held.state == "requested"]


def in_state(world: World, *states: str) -> list[str]:
    return [held.id for held in world.appointments.values() if held.state in states]


def counted(world: World) -> list[str]:
    """Doctors who know how many slots they have."""
    surely_gone = {row["subject"] for row in world.acknowledged("remove_slot")}
    removals = [row for row in world.ledger if row["action"] == "remove_slot"]
    vague = {row["doctor"] for row in removals if row["subject"] not in surely_gone}
    return [row["subject"] for row in world.acknowledged("publish") if row["subject"] not in vague]


def could_be_held(world: World, appointment: str) -> bool:
    """Whether its slot is as it was, and nobody else ever had it."""
    held = world.appointments[appointment]
    others = [other for other in world.appointments.values() if other.slot == held.slot and other.id != held.id]
    return world.slots.get(held.slot) == (held.doctor, held.starts_us, held.ends_us) and not others


def rows_of(world: World, key: str) -> list[Row]:
    return [row for row in world.ledger if row["key"] == key]


def double_booking(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(live(world))
    return held.slot, held.id, world.request(held.slot, "intruder")


def offer_of_a_held_slot(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(live(world))
    return held.slot, held.id, world.offer(held.slot, "waiting")


def overlapping_slots(world: World, pick: Pick) -> tuple[str, ...]:
    slot = pick(list(world.slots))
    doctor, starts_us, ends_us = world.slots[slot]
    world.slots["extra"] = (doctor, starts_us, ends_us)
    for row in world.acknowledged("publish"):
        if row["subject"] == doctor:
            row["created"] += 1
    return doctor, slot, "extra"


def patient_in_two_places(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(live(world))
    world.publish("other", [FAR_US])
    world.slots["slot-other-0"] = ("other", held.starts_us + 1, held.starts_us + 2)
    return held.patient, held.id, world.request("slot-other-0", held.patient)


def appointment_not_at_its_slot(world: World, pick: Pick) -> tuple[str, ...]:
    held = world.appointments[pick(in_state(world, *HELD))]
    world.appointments[held.id] = replace(held, starts_us=held.starts_us + 1)
    return held.id, held.slot


def held_slot_removed(world: World, pick: Pick) -> tuple[str, ...]:
    held = world.appointments[pick(in_state(world, *HELD))]
    world.remove(held.slot)
    return held.id, held.slot


def lost_booking(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    for event in world.history(held.id):
        world.forget(event)
    del world.appointments[held.id]
    return held.id, held.patient, held.slot, held.key


def wrong_price(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    world.appointments[held.id] = replace(held, price_cents=12_345)
    return held.id, "12345"


def wrong_key(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    world.appointments[held.id] = replace(held, key="another")
    return held.id, held.key, "another"


def wrong_patient(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    for row in rows_of(world, held.key):
        row["actor"] = "somebody"
    return held.id, held.patient, "somebody"


def wrong_doctor_told(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    for row in rows_of(world, held.key):
        row["doctor"] = "somebody"
    return held.id, held.doctor, "somebody"


def wrong_price_of_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    row = pick(world.acknowledged("accept_offer"))
    for each in rows_of(world, row["key"]):
        each["price_cents"] = 12_345
    return row["subject"], row["key"], "12345"


def silently_cancelled(world: World, pick: Pick) -> tuple[str, ...]:
    asked = {row["subject"] for row in world.ledger if row["action"] == "cancel"}
    held = pick([held for held in live(world) if held.id not in asked])
    world.set_state(held.id, "cancelled")
    return held.id, held.patient, held.key


def lost_change(world: World, pick: Pick) -> tuple[str, ...]:
    """An acknowledged one, undone, on a slot that nobody has taken since."""
    last = {world.history(held)[-1]: held for held in world.appointments}
    keys = {row["key"] for row in world.ledger if row["outcome"] == "acknowledged"}
    event = pick(
        [
            event
            for event, held in last.items()
            if world.events[event].key in keys
            and world.events[event].state != "moved"
            and len(world.history(held)) > 1
            and could_be_held(world, held)
        ]
    )
    appointment, key = last[event], world.events[event].key
    world.rewind(appointment)
    return appointment, key


def lost_publication(world: World, pick: Pick) -> tuple[str, ...]:
    taken = {held.slot for held in world.appointments.values()}
    slot = pick([id_ for id_, (doctor, *_) in world.slots.items() if id_ not in taken and doctor in counted(world)])
    doctor = world.slots.pop(slot)[0]
    return doctor, f"key-{doctor}"


def refused_but_removed(world: World, pick: Pick) -> tuple[str, ...]:
    doctor, *rows = lost_publication(world, pick)
    world.write("remove_slot", "key-vain", doctor, "gone", "refused", doctor=doctor)
    return doctor, *rows


def lost_removal(world: World, pick: Pick) -> tuple[str, ...]:
    row = pick(world.acknowledged("remove_slot"))
    world.slots[row["subject"]] = (row["doctor"], FAR_US, FAR_US + 1)
    return row["subject"], row["key"]


def lost_edit(world: World, pick: Pick) -> tuple[str, ...]:
    edited = {row["subject"] for row in world.acknowledged("edit_slot")}
    held = {appointment.slot for appointment in world.appointments.values() if appointment.state in HELD}
    slot = pick([slot for slot in world.slots if slot in edited and slot not in held])
    doctor, starts_us, ends_us = world.slots[slot]
    world.slots[slot] = (doctor, starts_us, ends_us - 1)
    return slot, f"key-edit-{slot}-{starts_us}"


def phantom(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(requests(world))
    world.ledger = [row for row in world.ledger if row["key"] != held.key]
    return held.id, held.patient, held.slot, held.key


def phantom_that_looks_like_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(requests(world))
    world.ledger = [row for row in world.ledger if row["key"] != held.key]
    world.appointments[held.id] = replace(held, key="offer:none")
    return held.id, "offer:none"


def refused_but_stored(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(requests(world))
    for row in rows_of(world, held.key):
        row["outcome"] = "refused"
    return held.id, "refused"


def phantom_slot(world: World, pick: Pick) -> tuple[str, ...]:
    doctor = pick(counted(world))
    world.slots["extra"] = (doctor, FAR_US, FAR_US + 1)
    return (doctor,)


def unasked_acceptance(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "requested"))
    world.enter(held, "accepted", world.appointments[held].doctor, "unheard-of")
    return held, "unheard-of", "accepted"


def unasked_acceptance_of_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "offered"))
    world.enter(held, "requested", world.appointments[held].patient, "unheard-of")
    return held, "unheard-of", "requested"


def unasked_refusal_of_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "offered"))
    world.enter(held, "expired", world.appointments[held].patient, "unheard-of")
    return held, "unheard-of", "expired"


def unasked_end_for_one_who_stays(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick([held for held in live(world) if held.patient not in world.anonymous])
    world.write("cancel", "key-vain", held.patient, held.id, "unknown")
    world.enter(held.id, "cancelled", held.patient, f"all:{held.id}:again")
    return held.id, f"all:{held.id}:again"


def request_ended_like_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    """Only the system lets a request expire."""
    held = pick(in_state(world, "requested"))
    world.write("refuse_offer", "key-late", world.appointments[held].patient, held, "unknown")
    world.enter(held, "expired", world.appointments[held].patient, "key-late")
    return held, "key-late", "expired", "requested"


def acceptance_of_what_expired(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "requested"))
    world.enter(held, "expired")
    world.change(held, "accept", "accepted", ["unknown"])
    return held, "accepted", "expired"


def reused_key(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(told(world))
    world.publish("far", [FAR_US])
    second = world.request("slot-far-0", held.patient, outcomes=())
    world.appointments[second] = replace(world.appointments[second], key=held.key)
    return held.key, held.id, second


def lost_event(world: World, pick: Pick) -> tuple[str, ...]:
    appointment = pick([held.id for held in requests(world)])
    world.forget(world.history(appointment)[0])
    return (appointment,)


def skipped_step(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "requested"))
    world.change(held, "complete", "completed", ["unknown"])
    return held, "completed", "requested"


def state_without_its_change(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "accepted"))
    world.set_state(held, "completed")
    return held, "completed", "accepted"


def reminder_before_the_acceptance(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "requested"))
    world.enter(held, "reminder")
    return held, "reminder", "requested"


def lost_reschedule(world: World, pick: Pick) -> tuple[str, ...]:
    """The old appointment went, the new one never came."""
    new = pick([row["appointment"] for row in world.acknowledged("reschedule")])
    for event in world.history(new):
        world.forget(event)
    return (str(world.appointments.pop(new).rescheduled_from),)


def half_a_reschedule(world: World, pick: Pick) -> tuple[str, ...]:
    """The new appointment came, the old one stayed."""
    row = pick([row for row in world.acknowledged("reschedule") if could_be_held(world, row["moves"])])
    world.rewind(row["moves"])
    return row["moves"], row["key"]


def reschedule_at_another_price(world: World, pick: Pick) -> tuple[str, ...]:
    row = pick(world.acknowledged("reschedule"))
    new = row["appointment"]
    world.appointments[new] = replace(world.appointments[new], price_cents=12_345)
    for each in world.ledger:
        if each.get("appointment") == new:
            each["price_cents"] = 12_345
    return new, row["moves"], "12345"


def reschedule_told_as_a_request(world: World, pick: Pick) -> tuple[str, ...]:
    event = pick([event for event, made in world.events.items() if made.state == "rescheduled"])
    world.events[event] = world.events[event]._replace(state="requested")
    return (world.events[event].appointment,)


def lost_mail(world: World, pick: Pick) -> tuple[str, ...]:
    mail: tuple[str, str] = pick([mail for mail in world.mails if mail[1] in world.due(mail[0])])
    world.mails.remove(mail)
    return mail


def told_of(world: World) -> list[str]:
    """Events that patients heard of."""
    return [event for event in world.events if known(world, event) and world.to_patient(event) in world.mails]


def lasts(world: World, event: str) -> bool:
    """Whether nothing can have overtaken what it tells."""
    history = world.history(world.events[event].appointment)
    later = {world.events[each].state for each in history[history.index(event) + 1 :]}
    state = world.events[event].state
    return later <= {"reminder"} if state == "accepted" else state not in TO_THE_PATIENT


def mail_dropped_before_anything_overtook_it(world: World, pick: Pick) -> tuple[str, ...]:
    event = pick([event for event in told_of(world) if world.events[event].state in (*TO_THE_PATIENT, "accepted")])
    world.drop(event, world.at_us(event))
    return world.to_patient(event)


def dropped_mail_about_what_is_still_worth_telling(world: World, pick: Pick) -> tuple[str, ...]:
    """As is a confirmation, whatever reminds of it."""
    event = pick([event for event in told_of(world) if lasts(world, event)])
    world.drop(event, 2 * FAR_US)
    return world.to_patient(event)


def doubled_mail(world: World, pick: Pick) -> tuple[str, ...]:
    mail: tuple[str, str] = pick(world.mails)
    world.mails.append(mail)
    return mail


def mail_to_a_stranger(world: World, pick: Pick) -> tuple[str, ...]:
    event: str = pick([event for event, _ in world.mails if known(world, event)])
    world.mails.append((event, "stranger@mail.test"))
    return event, "stranger@mail.test"


def mail_about_what_concerns_nobody(world: World, pick: Pick) -> tuple[str, ...]:
    event = pick([event for event in world.events if not world.due(event) and known(world, event)])
    world.mails.append((event, "patient@mail.test"))
    return event, "patient@mail.test"


def mail_to_the_doctor_about_an_offer(world: World, pick: Pick) -> tuple[str, ...]:
    event = pick([event for event, made in world.events.items() if made.state == "offered" and known(world, event)])
    world.mails.append((event, "doctor@mail.test"))
    return event, "doctor@mail.test"


def known(world: World, event: str) -> bool:
    return world.appointments[world.events[event].appointment].patient not in world.anonymous


def doubled_event(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(requests(world))
    world.announce(held.id, "requested", held.patient, held.key, suffix="-again")
    return f"event-requested-{held.id}", f"event-requested-{held.id}-again"


def doubled_reminder(world: World, pick: Pick) -> tuple[str, ...]:
    held = pick(in_state(world, "accepted"))
    for suffix in ("-1", "-2"):
        world.announce(held, "reminder", SYSTEM, SYSTEM, suffix)
    return f"event-reminder-{held}-1", f"event-reminder-{held}-2"


def full_queue(world: World, pick: Pick) -> tuple[str, ...]:
    queue = pick(QUEUES)
    world.depths[queue] = 3
    return (queue,)


def unread_queue(world: World, pick: Pick) -> tuple[str, ...]:
    queue = pick(QUEUES)
    del world.depths[queue]
    return (queue,)


FAULTS: Final[dict[Fault, set[str]]] = {
    double_booking: {"double_bookings"},
    offer_of_a_held_slot: {"double_bookings"},
    overlapping_slots: {"overlapping"},
    patient_in_two_places: {"overlapping"},
    appointment_not_at_its_slot: {"overlapping"},
    held_slot_removed: {"overlapping"},
    lost_booking: {"lost_acknowledged"},
    wrong_price: {"lost_acknowledged"},
    wrong_key: {"lost_acknowledged"},
    wrong_patient: {"lost_acknowledged"},
    wrong_doctor_told: {"lost_acknowledged"},
    wrong_price_of_an_offer: {"lost_acknowledged"},
    silently_cancelled: {"lost_acknowledged", "broken_histories"},
    lost_change: {"lost_acknowledged"},
    lost_publication: {"lost_acknowledged"},
    refused_but_removed: {"lost_acknowledged"},
    lost_removal: {"lost_acknowledged"},
    lost_edit: {"lost_acknowledged"},
    phantom: {"phantoms"},
    phantom_that_looks_like_an_offer: {"phantoms"},
    refused_but_stored: {"phantoms"},
    phantom_slot: {"phantoms"},
    unasked_acceptance: {"phantoms"},
    unasked_acceptance_of_an_offer: {"phantoms"},
    unasked_refusal_of_an_offer: {"phantoms"},
    unasked_end_for_one_who_stays: {"phantoms"},
    reused_key: {"reused_keys"},
    lost_event: {"broken_histories"},
    request_ended_like_an_offer: {"broken_histories"},
    acceptance_of_what_expired: {"broken_histories"},
    skipped_step: {"broken_histories"},
    state_without_its_change: {"broken_histories"},
    reminder_before_the_acceptance: {"broken_histories"},
    lost_reschedule: {"lost_acknowledged", "broken_histories"},
    half_a_reschedule: {"lost_acknowledged", "broken_histories"},
    reschedule_at_another_price: {"broken_histories"},
    reschedule_told_as_a_request: {"broken_histories"},
    lost_mail: {"notifications_missing"},
    mail_dropped_before_anything_overtook_it: {"notifications_missing"},
    dropped_mail_about_what_is_still_worth_telling: {"notifications_missing"},
    doubled_mail: {"notifications_doubled"},
    mail_to_a_stranger: {"notifications_doubled"},
    mail_about_what_concerns_nobody: {"notifications_doubled"},
    mail_to_the_doctor_about_an_offer: {"notifications_doubled"},
    doubled_event: {"notifications_doubled", "broken_histories", "phantoms"},
    doubled_reminder: {"notifications_doubled"},
    full_queue: {"queues_not_empty"},
    unread_queue: {"queues_not_empty"},
}
"""With the invariants that each breaks."""
