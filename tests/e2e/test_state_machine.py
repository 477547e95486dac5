"""Patients, doctors and time play with the real system: all see what the model says, and every audit is clean.

STATE_MACHINE_GAMES=200 plays so many games, each time other ones, instead of the few that are the same in every run.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from slotrush import audit, snapshot
from slotrush.runs import record
from slotrush.swarm import Recorder
from tests.e2e.booking_desk import IMPATIENT_S, Answer, Desk, Write
from tests.e2e.booking_model import Appointment, Model
from tests.e2e.booking_operations import CHANGES, Operation, World, pick
from tests.e2e.booking_system import GAMES, System, running

STEPS: Final = 30
STALE_S: Final = 5.0
"""A replica may call a slot taken for so long after it became free."""
BOOKINGS: Final = ("request", "reschedule")
KINDS: Final = (
    "publish",
    "publish_weekly",
    "edit_slot",
    "remove_slot",
    "request",
    "reschedule",
    *CHANGES,
    "join",
    "leave",
)
anything = st.sampled_from(KINDS)
numbers = st.integers(0, 63)


class Game(RuleBasedStateMachine):
    """Rules choose by number, so that the same numbers play the same game whatever ids the system gives."""

    system: ClassVar[System]

    def __init__(self) -> None:
        super().__init__()
        self.system.clear()
        self.path = next(self.system.records)
        self.desk = Desk(self.system.urls.base_url, Recorder("game", record.create(self.path)))
        doctors = list(itertools.islice(self.system.doctors, 2))
        patients = list(itertools.islice(self.system.patients, 4))
        base = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
        self.model = Model({one.id: self.desk.read_price(one) for one in doctors})
        self.world = World(self.model, doctors, patients, base)
        self.acknowledged: list[tuple[Write, Answer]] = []
        self.days = 0
        for opening in [("publish", 2, 0), ("publish", 5, 2), *(("request", number, number) for number in range(4))]:
            self.play(*opening)
        for opening in [("accept", 1, 0), ("accept", 2, 0), ("join", 0, 2), ("join", 0, 3), ("join", 1, 0)]:
            self.play(*opening)

    @rule(
        kind=st.sampled_from(["publish", "publish_weekly", "edit_slot", "remove_slot"]), first=numbers, second=numbers
    )
    def doctor_works_on_the_agenda(self, kind: str, first: int, second: int) -> None:
        self.play(kind, first, second)

    @rule(kind=st.sampled_from(["request", "request", "reschedule"]), first=numbers, second=numbers)
    def patient_books(self, kind: str, first: int, second: int) -> None:
        self.play(kind, first, second)

    @rule(kind=st.sampled_from(["accept", "accept", "decline", "complete", "no_show"]), first=numbers, second=numbers)
    def doctor_decides(self, kind: str, first: int, second: int) -> None:
        self.play(kind, first, second)

    @rule(
        kind=st.sampled_from(["cancel", "accept_offer", "accept_offer", "refuse_offer"]), first=numbers, second=numbers
    )
    def patient_decides(self, kind: str, first: int, second: int) -> None:
        self.play(kind, first, second)

    @rule(kind=st.sampled_from(["join", "join", "leave"]), first=numbers, second=numbers)
    def patient_waits(self, kind: str, first: int, second: int) -> None:
        self.play(kind, first, second)

    @rule(first=numbers)
    def offer_expires(self, first: int) -> None:
        offers = self.model.in_state("offered")
        if offers:
            one = pick(offers, first)
            self.system.sql("UPDATE appointments SET offer_expires_at = now() WHERE id = $1", one.id)
            self.model.set_state(one.id, "expired")
            patient = self.world.person(one.patient)
            self.eventually(lambda: self.desk.read_appointments(patient)[one.id].state == "expired", within_s=60)

    @rule(first=numbers)
    def time_comes_for_an_appointment(self, first: int) -> None:
        """Its slot moves so far into the past that nothing is there yet. A request that nobody answered is over."""
        to_come = [one for one in self.model.in_state("accepted", "requested") if not one.begun]
        if to_come:
            one = pick([one for one in to_come if one.state == "accepted"] or to_come, first)
            self.days += 1_000
            back = timedelta(days=self.days)
            self.system.sql(
                """
                WITH slot AS (
                    UPDATE slots SET during = tstzrange(lower(during) - $2::interval, upper(during) - $2::interval)
                    WHERE id = $1
                )
                UPDATE appointments SET during = tstzrange(lower(during) - $2::interval, upper(during) - $2::interval)
                WHERE held_slot_id = $1
                """,
                one.slot,
                back,
            )
            self.desk.note("edit_slot", "time", one.slot)
            slot = self.model.slots[one.slot]
            self.model.appointments[one.id] = replace(one, starts_at=one.starts_at - back)
            self.model.slots[slot.id] = replace(slot, starts_at=slot.starts_at - back)
            if one.state == "requested":
                self.model.set_state(one.id, "expired")
                patient = self.world.person(one.patient)
                self.eventually(lambda: self.desk.read_appointments(patient)[one.id].state == "expired", within_s=60)

    @rule(first=numbers)
    def write_is_sent_again(self, first: int) -> None:
        """The first answer comes again, whatever has become of it since; only time may have moved.

        But for a request whose slot somebody else has by now: a replica that remembers so says it without the database.
        """
        write, told = pick(self.acknowledged, first)
        answer = self.desk.write(write)
        if write.action == "request" and answer.reason == "slot-taken":
            holder = self.model.holder(write.subject)
            assert holder is not None
            assert holder.patient != write.by.id
            return
        moved = {name: told.content[name] for name in ("starts_at",) if name in told.content}
        assert replace(answer, content=answer.content | moved) == replace(told, replayed=True), write

    @rule(first=numbers, second=numbers)
    def key_of_a_booking_is_used_for_another(self, first: int, second: int) -> None:
        used = pick([write for write, _ in self.acknowledged if write.action in BOOKINGS], first)
        slots = [slot for slot in self.model.slots if slot != used.subject]
        if slots:
            operation = self.world.request_of(used.by, pick(slots, second))
            answer = self.desk.write(replace(operation.write, key=used.key))
            assert answer.reason in {"idempotency-key-reused"} | operation.refusals, (used, answer)

    @rule(kind=anything, first=numbers, second=numbers)
    def answer_is_lost(self, kind: str, first: int, second: int) -> None:
        """The client asks again until it knows."""
        operation = self.world.propose(kind, first, second)
        if operation is not None:
            self.desk.write(operation.write, IMPATIENT_S)
            self.settle(operation, self.ask(operation))

    @rule(chosen=st.lists(st.tuples(anything, numbers, numbers), min_size=2, max_size=4))
    def several_at_once(self, chosen: list[tuple[str, int, int]]) -> None:
        self.write_at_once([operation for each in chosen if (operation := self.world.propose(*each)) is not None])

    @rule(slot=numbers, patients=st.permutations(range(4)))
    def patients_race_for_a_slot(self, slot: int, patients: list[int]) -> None:
        operations = [one for number in patients if (one := self.world.request(slot, number)) is not None]
        answers = self.write_at_once(operations)
        assert sum(answer.outcome == "acknowledged" for answer in answers) <= 1

    @rule(kind=anything, first=numbers, second=numbers)
    def the_same_is_sent_twice_at_once(self, kind: str, first: int, second: int) -> None:
        operation = self.world.propose(kind, first, second)
        if operation is not None:
            one, other = self.write_at_once([operation, operation])
            if one.outcome == other.outcome == "acknowledged":
                assert one.content == other.content
                assert one.replayed != other.replayed

    @rule(first=numbers, second=numbers)
    def patient_reads_an_agenda(self, first: int, second: int) -> None:
        doctor, patient = pick(self.world.doctors, first), pick(self.world.patients, second)
        self.eventually(lambda: self.desk.read_agenda(patient, doctor) == self.model.free(doctor.id), STALE_S)

    @invariant()
    def everybody_sees_what_the_model_says(self) -> None:
        for patient in self.world.patients:
            seen = self.desk.read_appointments(patient)
            self.find_offers(patient.id, seen)
            assert seen == {one.id: one for one in self.model.appointments.values() if one.patient == patient.id}
            assert self.desk.read_places(patient) == {
                doctor: queue.index(patient.id) + 1
                for doctor, queue in self.model.waiting.items()
                if patient.id in queue
            }
        assert not self.model.offers
        for doctor in self.world.doctors:
            assert self.desk.read_slots(doctor) == {
                slot.id: (slot, *self.model.holding(slot.id))
                for slot in self.model.slots.values()
                if slot.doctor == doctor.id
            }

    def teardown(self) -> None:
        self.desk.close()
        with closing(record.open_record(self.path)) as run:
            snapshot.take(run, self.system.sources, 60, lambda _: None)
            checks = audit.run_audit(run).checks
        assert [finding for check in checks for finding in check.findings] == []

    def play(self, kind: str, first: int, second: int) -> None:
        operation = self.world.propose(kind, first, second)
        if operation is not None:
            self.settle(operation, self.ask(operation))

    def ask(self, operation: Operation) -> Answer:
        """The answer, once it is none that only says "later", or what was true until just now."""
        deadline_s = time.monotonic() + STALE_S
        while True:
            answer = self.desk.write(operation.write)
            late = answer.status == 503 or (answer.reason == "slot-taken" and answer.reason not in operation.refusals)
            if not late or time.monotonic() > deadline_s:
                return answer
            time.sleep(0.02)

    def settle(self, operation: Operation, answer: Answer) -> None:
        if operation.refusals:
            assert answer.reason in operation.refusals, (operation, answer)
            return
        assert answer.outcome == "acknowledged", (operation, answer)
        self.keep(operation.write, answer)
        operation.done(answer)

    def keep(self, write: Write, answer: Answer) -> None:
        self.acknowledged.append((write, answer))

    def write_at_once(self, operations: list[Operation]) -> list[Answer]:
        """Whatever the order was that they came in, what everybody sees then is what came of it."""
        answers = self.desk.write_at_once([operation.write for operation in operations])
        for operation, answer in zip(operations, answers, strict=True):
            assert answer.outcome != "unknown", operation
            if answer.outcome == "acknowledged" and not answer.replayed:
                self.keep(operation.write, answer)
        patients, doctors = self.world.patients, self.world.doctors
        self.model.adopt(
            {id_: one for patient in patients for id_, one in self.desk.read_appointments(patient).items()},
            {id_: slot for doctor in doctors for id_, (slot, *_) in self.desk.read_slots(doctor).items()},
            {patient.id: self.desk.read_places(patient) for patient in patients},
        )
        return answers

    def find_offers(self, patient: str, seen: dict[str, Appointment]) -> None:
        """Learn the ids of the offers that, as the model says, were made to the patient."""
        for offer in [offer for offer in self.model.offers if offer[1] == patient]:
            slot = self.model.slots[offer[0]]
            (made,) = [one for one in seen.values() if one.slot == slot.id and one.id not in self.model.appointments]
            assert made == Appointment(
                *(made.id, slot.id, slot.doctor, patient, slot.starts_at, slot.minutes),
                *(self.model.prices[slot.doctor], "offered", None),
            )
            self.model.appointments[made.id] = made
            self.model.offers.remove(offer)

    def eventually(self, condition: Callable[[], bool], within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline_s, "it never came true"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Game]]:
    with running(tmp_path_factory.mktemp("games")) as running_system:

        class HereAndNow(Game):
            system = running_system

        yield HereAndNow


def test_whatever_they_do_all_see_the_same_and_the_audit_is_clean(game: type[Game]) -> None:
    run_state_machine_as_test(
        game,
        settings=settings(
            max_examples=GAMES or 3,
            stateful_step_count=STEPS,
            derandomize=not GAMES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
