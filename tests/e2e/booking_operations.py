"""Everything that a patient or a doctor can ask of the system, with what the model expects of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from tests.e2e.booking_desk import Answer, Person, Write
from tests.e2e.booking_model import Appointment, Model, Slot

One = TypeVar("One")
HALF_HOUR: Final = timedelta(minutes=30)
CLINIC_TIME: Final = ZoneInfo("America/Sao_Paulo")
CHANGES: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "accept": ("accepted", ("requested",), "not-requested"),
    "decline": ("declined", ("requested",), "not-requested"),
    "cancel": ("cancelled", ("requested", "accepted"), "not-live"),
    "complete": ("completed", ("accepted",), "not-accepted"),
    "no_show": ("no_show", ("accepted",), "not-accepted"),
    "accept_offer": ("requested", ("offered",), "not-offered"),
    "refuse_offer": ("expired", ("offered",), "not-offered"),
}
"""By action: the state that it leads to, those that it may come from, and the refusal in any other."""
REASONED: Final = ("decline", "cancel")
AFTER_ITS_START: Final = ("complete", "no_show")
BEFORE_ITS_START: Final = ("accept", "cancel")
ONLY_PATIENTS: Final = ("accept_offer", "refuse_offer")


@dataclass(frozen=True)
class Operation:
    """`refusals`: the reasons of which the system must give one; when there is none, it must be done."""

    write: Write
    refusals: set[str]
    done: Callable[[Answer], None]


@dataclass(frozen=True)
class World:
    """`base`: when the first slot of an agenda can begin."""

    model: Model
    doctors: Sequence[Person]
    patients: Sequence[Person]
    base: datetime

    def person(self, id_: str) -> Person:
        return next(one for one in (*self.doctors, *self.patients) if one.id == id_)

    def propose(self, kind: str, first: int, second: int) -> Operation | None:
        """An operation of that kind on things chosen by the numbers; None when there is nothing to do it on."""
        operation: Operation | None = getattr(self, kind)(first, second)
        return operation

    def publish(self, first: int, second: int) -> Operation:
        doctor = pick(self.doctors, first)
        starts = [self.base + (second + number) * HALF_HOUR for number in range(1 + first % 3)]
        body = {"slots": [{"starts_at": start.isoformat(), "minutes": 30} for start in starts]}
        return self._publication(doctor, "/v1/slots", body, starts, 30)

    def publish_weekly(self, first: int, second: int) -> Operation:
        doctor = pick(self.doctors, first)
        day = self.base.date() + timedelta(days=7 + second % 9)
        hours = {"weekday": day.isoweekday(), "from": "08:00", "until": "10:00", "minutes": 60}
        body = {"first_day": day.isoformat(), "last_day": day.isoformat(), "weekdays": [hours]}
        starts = [datetime.combine(day, time(hour), CLINIC_TIME).astimezone(UTC) for hour in (8, 9)]
        return self._publication(doctor, "/v1/slots/weekly", body, starts, 60)

    def _publication(
        self, doctor: Person, path: str, body: dict[str, Any], starts: list[datetime], minutes: int
    ) -> Operation:
        def done(answer: Answer) -> None:
            made = [
                Slot(slot["id"], doctor.id, datetime.fromisoformat(slot["starts_at"]), slot["minutes"])
                for slot in answer.content["slots"]
            ]
            assert [(slot.starts_at, slot.minutes) for slot in made] == [(start, minutes) for start in starts]
            self.model.slots |= {slot.id: slot for slot in made}

        clash = self.model.clash(doctor.id, [Slot("", doctor.id, start, minutes) for start in starts])
        write = Write("publish", doctor, "POST", path, doctor.id, body)
        return Operation(write, {"slot-overlap"} if clash else set(), done)

    def edit_slot(self, first: int, second: int) -> Operation | None:
        slot = pick_of(self.model.slots, first)
        if slot is None:
            return None
        moved = replace(slot, starts_at=self.base + second * HALF_HOUR, minutes=pick((30, 20, 45), first))
        refusals = {"slot-held"} if self.model.holder(slot.id) else set()
        refusals |= {"slot-past"} if slot.begun else set()
        refusals |= {"slot-overlap"} if self.model.clash(slot.doctor, [moved], but=slot.id) else set()
        body = {"starts_at": moved.starts_at.isoformat(), "minutes": moved.minutes}
        write = Write("edit_slot", self.person(slot.doctor), "PATCH", f"/v1/slots/{slot.id}", slot.id, body)
        return Operation(write, refusals, lambda _: self.model.slots.update({slot.id: moved}))

    def remove_slot(self, first: int, second: int) -> Operation | None:
        slot = pick_of(self.model.slots, first)
        if slot is None:
            return None
        stranger = second % 8 == 0
        by = next(doctor for doctor in self.doctors if (doctor.id == slot.doctor) != stranger)
        refusals = {"slot-held"} if self.model.holder(slot.id) else set()
        write = Write("remove_slot", by, "DELETE", f"/v1/slots/{slot.id}", slot.id)
        return Operation(
            write, {"slot-not-found"} if stranger else refusals, lambda _: self.model.slots.__delitem__(slot.id)
        )

    def request(self, first: int, second: int) -> Operation | None:
        slot = pick_of(self.model.slots, first)
        return None if slot is None else self.request_of(pick(self.patients, second), slot.id)

    def request_of(self, patient: Person, slot: str) -> Operation:
        write = Write("request", patient, "POST", "/v1/appointments", slot, {"slot_id": slot})
        return Operation(write, self.model.against_booking(patient.id, slot), self._booked)

    def _booked(self, answer: Answer) -> None:
        made = Appointment.read(answer.content)
        slot = self.model.slots[made.slot]
        price_cents = self.model.prices[slot.doctor]
        assert made.state == "requested"
        assert (made.doctor, made.starts_at, made.minutes) == (slot.doctor, slot.starts_at, slot.minutes)
        assert made.price_cents == price_cents
        self.model.appointments[made.id] = made

    def reschedule(self, first: int, second: int) -> Operation | None:
        old = self._appointment(("requested", "accepted"), first)
        if old is None:
            return None
        slots = {slot.id: slot for slot in self.model.slots.values() if slot.doctor == old.doctor or second % 8 == 0}
        slot = pick_of(slots, second)
        if slot is None:
            return None

        def done(answer: Answer) -> None:
            new = Appointment.read(answer.content)
            assert (new.rescheduled_from, new.price_cents, new.slot) == (old.id, old.price_cents, slot.id)
            self.model.appointments[new.id] = new
            self.model.set_state(old.id, "cancelled")

        patient, path = self.person(old.patient), f"/v1/appointments/{old.id}/reschedule"
        write = Write("reschedule", patient, "POST", path, slot.id, {"slot_id": slot.id}, moves=old.id)
        return Operation(write, self.model.against_moving(old, slot.id), done)

    def accept(self, first: int, second: int) -> Operation | None:
        return self._change("accept", first, second)

    def decline(self, first: int, second: int) -> Operation | None:
        return self._change("decline", first, second)

    def cancel(self, first: int, second: int) -> Operation | None:
        return self._change("cancel", first, second)

    def complete(self, first: int, second: int) -> Operation | None:
        return self._change("complete", first, second)

    def no_show(self, first: int, second: int) -> Operation | None:
        return self._change("no_show", first, second)

    def accept_offer(self, first: int, second: int) -> Operation | None:
        return self._change("accept_offer", first, second)

    def refuse_offer(self, first: int, second: int) -> Operation | None:
        return self._change("refuse_offer", first, second)

    def _change(self, action: Any, first: int, second: int) -> Operation | None:
        state, before, otherwise = CHANGES[action]
        one = self._appointment(before, first)
        if action in AFTER_ITS_START:
            one = next((accepted for accepted in self.model.in_state("accepted") if accepted.begun), one)
        if one is None:
            return None
        by_patient = action in ONLY_PATIENTS or (action == "cancel" and second % 2 == 0)
        everybody, party = (self.patients, one.patient) if by_patient else (self.doctors, one.doctor)
        stranger = second % 8 == 1
        by = next(person for person in everybody if (person.id == party) != stranger)
        refusals = set() if one.state in before else {otherwise}
        if action in AFTER_ITS_START and not one.begun:
            refusals |= {"too-early"}
        if action in BEFORE_ITS_START and one.begun:
            refusals |= {"begun"}
        if action == "accept_offer" and self.model.busy(one.patient, one.time, one.id):
            refusals |= {"patient-overlap"}
        body = {"reason": f"because of {first}"} if action in REASONED else None
        path = f"/v1/appointments/{one.id}/{action.replace('_', '-')}"
        return Operation(
            Write(action, by, "POST", path, one.id, body),
            {"appointment-not-found"} if stranger else refusals,
            lambda _: self.model.set_state(one.id, state),
        )

    def _appointment(self, states: tuple[str, ...], number: int) -> Appointment | None:
        """Mostly one in one of the states."""
        wanted = self.model.in_state(*states)
        return pick_of(self.model.appointments, number) if number % 4 == 0 or not wanted else pick(wanted, number)

    def join(self, first: int, second: int) -> Operation:
        doctor, patient = pick(self.doctors, first), pick(self.patients, second)
        queue = self.model.waiting.setdefault(doctor.id, [])

        def done(answer: Answer) -> None:
            if patient.id not in queue:
                queue.append(patient.id)
            assert answer.content == {"position": queue.index(patient.id) + 1}

        return Operation(Write(None, patient, "PUT", f"/v1/doctors/{doctor.id}/waiting-list", ""), set(), done)

    def leave(self, first: int, second: int) -> Operation:
        doctor, patient = pick(self.doctors, first), pick(self.patients, second)
        queue = self.model.waiting.setdefault(doctor.id, [])

        def done(_: Answer) -> None:
            if patient.id in queue:
                queue.remove(patient.id)

        return Operation(Write(None, patient, "DELETE", f"/v1/doctors/{doctor.id}/waiting-list", ""), set(), done)


def pick(choices: Sequence[One], number: int) -> One:
    return choices[number % len(choices)]


def pick_of(choices: dict[str, One], number: int) -> One | None:
    return pick(list(choices.values()), number) if choices else None
