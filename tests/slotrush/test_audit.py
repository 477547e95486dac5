"""The audit finds nothing in a consistent world, and exactly what was planted in a broken one."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slotrush import audit
from slotrush.errors import BadInputError
from slotrush.runs import record
from tests.slotrush.audit_faults import FAULTS, Fault
from tests.slotrush.audit_worlds import FAR_US, HALF_HOUR_US, STEP_US, TO_THE_PATIENT, World

LEDGER_COLUMNS = ("appointment", "doctor", "price_cents", "created", "moves", "starts_us", "ends_us")


@contextmanager
def recorded(world: World) -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory() as folder, closing(record.create(Path(folder) / "run.sqlite")) as connection:
        with connection:
            connection.executemany(
                "INSERT INTO ledger VALUES (:key, 'w1', :action, :actor, :subject, 1, :sent_us, :answered_us, :outcome,"
                " :status, '', :appointment, :doctor, :price_cents, :created, :moves, :starts_us, :ends_us)",
                [
                    dict.fromkeys(LEDGER_COLUMNS) | {"status": 0, "sent_us": 2 * at, "answered_us": 2 * at + 1} | row
                    for at, row in enumerate(world.ledger)
                ],
            )
            connection.executemany(
                "INSERT INTO stored_slots VALUES (?, ?, ?, ?)", [(id_, *slot) for id_, slot in world.slots.items()]
            )
            connection.executemany(
                "INSERT INTO stored_appointments VALUES (:id, :slot, :doctor, :patient, :starts_us, :ends_us, :state,"
                " :price_cents, :key, :rescheduled_from)",
                [vars(held) for held in world.appointments.values()],
            )
            connection.executemany(
                "INSERT INTO stored_transitions VALUES (:event, :appointment, :step, :state, :actor, :key, :at_us,"
                " :recipients, :forgotten, :until_us, :overtaken_us)",
                [
                    {
                        **world.events[event]._asdict(),
                        "event": event,
                        "step": step,
                        "at_us": step * STEP_US,
                        "recipients": json.dumps([whole(world, event, address) for address in world.due(event)]),
                        "forgotten": held.patient in world.anonymous,
                        "until_us": FAR_US if world.events[event].state in TO_THE_PATIENT else None,
                        "overtaken_us": world.dropped.get(event)
                        if world.to_patient(event)[1] in world.due(event)
                        else None,
                    }
                    for held in world.appointments.values()
                    for step, event in enumerate(world.history(held.id), start=1)
                ],
            )
            connection.executemany("INSERT INTO stored_mails VALUES (?, ?, 5)", world.mails)
            connection.executemany("INSERT INTO queue_depths VALUES (?, ?)", world.depths.items())
            connection.executemany("INSERT INTO lost_actors VALUES (?)", [(actor,) for actor in world.lost])
        yield connection


def whole(world: World, event: str, address: str) -> object:
    """A recipient, with when the e-mail to them was dropped."""
    at_us = world.dropped.get(event) if (event, address) == world.to_patient(event) else None
    return address if at_us is None else {"address": address, "overtaken_us": at_us}


def audited(world: World) -> audit.AuditResult:
    with recorded(world) as connection:
        return audit.run_audit(connection)


def broken(result: audit.AuditResult) -> dict[str, tuple[str, ...]]:
    return {check.invariant: check.findings for check in result.checks if check.broken}


def a_world() -> World:
    """Everything that can become of the slots of two doctors, told and untold."""
    world = World()
    world.publish("ana", [number * HALF_HOUR_US for number in range(10)], ["unknown", "acknowledged"])
    world.publish("bia", [0], ["unknown"])
    world.request("slot-ana-0", "p1")
    world.change(world.request("slot-ana-1", "p1"), "accept", "accepted")
    world.change(world.request("slot-ana-2", "p2"), "cancel", "cancelled", ["unknown", "acknowledged"])
    world.change(world.request("slot-bia-0", "p2"), "cancel", "cancelled")
    world.write("request", "key-refused", "p3", "slot-ana-0", "refused")
    world.write("request", "key-unknown", "p3", "slot-ana-0", "unknown")
    world.request("slot-bia-0", "p3", ["unknown", "unknown"])
    world.change(world.request("slot-ana-3", "p4"), "decline", "declined")
    world.change(world.offer("slot-ana-3", "p5"), "refuse_offer", "expired")
    late = world.offer("slot-ana-3", "p6")
    world.enter(late, "expired")
    world.drop(f"event-offered-{late}", 2 * STEP_US)
    world.remove("slot-ana-3")
    world.change(world.offer("slot-ana-4", "p5"), "accept_offer", "requested")
    world.offer("slot-ana-5", "p6")
    kept = world.request("slot-ana-6", "p6")
    world.change(kept, "accept", "accepted")
    world.enter(kept, "reminder")
    world.change(kept, "complete", "completed")
    moved = world.request("slot-ana-7", "p7")
    world.change(moved, "accept", "accepted")
    world.reschedule(moved, "slot-ana-8")
    world.edit("slot-ana-9", 5)
    world.leave("p7")
    return world


LIVES: Final[list[list[tuple[str, str]]]] = [
    [],
    [("decline", "declined")],
    [("cancel", "cancelled")],
    [("", "expired")],
    [("accept", "accepted")],
    [("accept", "accepted"), ("", "reminder")],
    [("accept", "accepted"), ("", "reminder"), ("complete", "completed")],
    [("accept", "accepted"), ("no_show", "no_show")],
    [("accept", "accepted"), ("", "reminder"), ("cancel", "cancelled")],
    [("accept", "accepted"), ("reschedule", "moved")],
    [("reschedule", "moved")],
]
"""What can become of a requested appointment: actions (none: the system's own) and the events that they leave."""
OFFERS: Final[list[list[tuple[str, str]]]] = [
    [],
    [("", "expired")],
    [("refuse_offer", "expired")],
    *([("accept_offer", "requested"), *life] for life in LIVES),
]


@st.composite
def consistent_worlds(draw: st.DrawFn) -> World:
    """Every outcome that a write can have, in every order; unknown ones reached the database or not."""
    world = World()
    heard = st.sampled_from([["acknowledged"], ["unknown", "acknowledged"], ["unknown"], ["acknowledged"] * 2])
    for doctor in ("ana", "bia")[: draw(st.integers(1, 2))]:
        slots = draw(st.integers(1, 3))
        world.publish(doctor, [number * HALF_HOUR_US for number in range(slots * 4)], draw(heard))
        for number in range(slots):
            _live(draw, world, heard, [f"slot-{doctor}-{number + step * slots}" for step in range(4)])
    world.write("publish", "key-nobody", "nobody", "nobody", "unknown")
    everybody = sorted({held.patient for held in world.appointments.values()})
    if draw(st.booleans()) and everybody:
        world.leave(draw(st.sampled_from(everybody)))
    for event, made in world.events.items():
        history = world.history(made.appointment)
        later = [world.events[each].state for each in history[history.index(event) + 1 :]]
        is_ended = made.state == "accepted" and later[:1] not in ([], ["reminder"])
        if (made.state in TO_THE_PATIENT or is_ended) and draw(st.booleans()):
            world.drop(event, world.at_us(event) + STEP_US if later else FAR_US)
    return world


def _live(draw: st.DrawFn, world: World, heard: st.SearchStrategy[list[str]], slots: list[str]) -> None:
    """What becomes of the first of the slots, the others of which are there to move to."""
    slot, *others = slots
    for attempt in range(draw(st.integers(0, 2))):
        world.write(
            "request", f"key-vain-{attempt}-{slot}", "p-vain", slot, draw(st.sampled_from(["refused", "unknown"]))
        )
    for patient in ("p1", "p2", "p3")[: draw(st.integers(0, 3))]:
        name = f"{patient}-{slot if draw(st.booleans()) else slot[:8]}"
        if draw(st.sampled_from(["request", "offer"])) == "request":
            appointment, life = world.request(slot, name, draw(heard)), draw(st.sampled_from(LIVES))
        else:
            appointment, life = world.offer(slot, name), draw(st.sampled_from(OFFERS))
        for action, event in life:
            if action == "reschedule":
                world.reschedule(appointment, others.pop(), draw(heard))
            elif action:
                world.change(appointment, action, event, draw(heard))
            else:
                world.enter(appointment, event)
        if draw(st.booleans()):
            world.write("cancel", f"key-vain-{appointment}", name, appointment, "unknown")
        if world.holds(slot):
            return
    if draw(st.booleans()):
        world.edit(slot, 7, draw(heard))
    if draw(st.booleans()):
        world.remove(slot, draw(heard))


@settings(max_examples=60, deadline=None)
@given(world=consistent_worlds())
def test_a_consistent_world_is_clean(world: World) -> None:
    assert broken(audited(world)) == {}


@settings(max_examples=200, deadline=None)
@given(world=consistent_worlds(), fault=st.sampled_from(list(FAULTS)), data=st.data())
def test_any_one_planted_fault_breaks_exactly_its_invariants(world: World, fault: Fault, data: st.DataObject) -> None:
    def pick(choices: Sequence[object]) -> object:
        assume(choices)
        return data.draw(st.sampled_from(choices))

    fault(world, pick)

    assert set(broken(audited(world))) == FAULTS[fault]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_named_with_its_rows(fault: Fault) -> None:
    world = a_world()

    rows = fault(world, lambda choices: choices[0])

    found = broken(audited(world))
    assert set(found) == FAULTS[fault]
    for findings in found.values():
        assert len(findings) == 1
    assert all(any(row in finding for findings in found.values() for finding in findings) for row in rows)


@pytest.mark.parametrize("told_whose", [True, False], ids=["its recipient is told", "as in records of before"])
def test_a_dropped_mail_excuses_no_other_one_of_its_event_if_it_is_known_whose_it_was(told_whose: bool) -> None:
    world = a_world()
    event = next(
        event
        for event, made in world.events.items()
        if made.state == "accepted"
        and len(world.history(made.appointment)) > world.history(made.appointment).index(event) + 1
        and len(world.due(event)) == 2
    )
    world.drop(event, FAR_US)
    doctor = next(address for address in world.due(event) if address != world.to_patient(event)[1])
    world.mails.remove((event, doctor))

    with recorded(world) as connection:
        if not told_whose:
            connection.execute(
                "UPDATE stored_transitions SET recipients = ? WHERE event = ?", (json.dumps(world.due(event)), event)
            )
        found = broken(audit.run_audit(connection))

    assert set(found) == ({"notifications_missing"} if told_whose else set())


def test_every_check_says_how_many_cases_it_looked_at() -> None:
    checked = {check.invariant: check.checked for check in audited(a_world()).checks}

    assert checked == {
        "double_bookings": 10,  # slots
        "overlapping": 10 + 13,  # slots and appointments
        "lost_acknowledged": 8 + 10 + 1 + 1 + 1,  # bookings, changes of them, a publication, a removal and an edit
        "phantoms": 13 + 10 + 13,  # appointments, slots, what became of the appointments
        "reused_keys": 15,
        "broken_histories": 13 + 26,  # appointments and events
        "notifications_missing": 35,
        "notifications_doubled": 37,  # without one that was dropped, with three to a patient who is anonymous since
        "queues_not_empty": 3,
    }


def test_an_unknown_outcome_is_fine_whether_it_reached_the_database_or_not() -> None:
    world = World()
    world.publish("ana", [0, HALF_HOUR_US], ["unknown"])
    world.request("slot-ana-0", "p1", ["unknown"])
    world.write("request", "key-vain", "p2", "slot-ana-1", "unknown")
    world.write("cancel", "key-cancel", "p1", "app-p1-slot-ana-0", "unknown")
    world.write("publish", "key-bia", "bia", "bia", "unknown")

    assert broken(audited(world)) == {}


def test_an_unknown_outcome_excuses_only_what_was_asked() -> None:
    world = World()
    world.publish("ana", [0, HALF_HOUR_US])
    appointment = world.request("slot-ana-0", "p1", [])
    world.write("request", world.appointments[appointment].key, "p1", "slot-ana-1", "unknown")

    assert set(broken(audited(world))) == {"phantoms"}


def test_refused_at_first_and_acknowledged_on_a_retry_of_the_same_key_is_acknowledged() -> None:
    world = World()
    world.publish("ana", [0], ["refused", "acknowledged"])
    world.request("slot-ana-0", "p1", ["refused", "unknown", "acknowledged"])

    assert broken(audited(world)) == {}


@settings(max_examples=100, deadline=None)
@given(world=consistent_worlds(), data=st.data())
def test_what_the_people_of_a_lost_worker_did_last_is_an_unknown_outcome(world: World, data: st.DataObject) -> None:
    by_reception = {id(row) for row in world.ledger if row["actor"] == "reception"}
    actor = data.draw(st.sampled_from(sorted({row["actor"] for row in world.ledger} - {"reception"})))
    own = [row for row in world.ledger if row["actor"] == actor]
    unledgered = {id(row) for row in own[data.draw(st.integers(0, len(own))) :]} - by_reception
    world.ledger = [row for row in world.ledger if id(row) not in unledgered]

    world.lost = {actor}

    assert broken(audited(world)) == {}


def test_what_is_in_no_ledger_is_a_phantom_of_anybody_whose_worker_was_not_lost() -> None:
    world = a_world()
    world.ledger = [row for row in world.ledger if row["actor"] not in ("p1", "p2")]

    world.lost = {"p1"}
    findings = broken(audited(world))

    assert set(findings) == {"phantoms"}
    assert {"patient p2" in finding or "by p2" in finding for finding in findings["phantoms"]} == {True}


def test_a_lost_worker_excuses_nothing_that_the_ledger_knows_better() -> None:
    """Refused means refused, and what another asked for is not theirs."""
    world = World()
    world.publish("ana", [0, HALF_HOUR_US])
    world.request("slot-ana-0", "p1", ["refused"])
    taken = world.request("slot-ana-1", "p2", [])
    world.write("request", world.appointments[taken].key, "p3", "slot-ana-1", "acknowledged", appointment=taken)

    world.lost = {"p1", "p2"}

    findings = broken(audited(world))
    assert "slot-ana-0" in findings["phantoms"][0]
    assert any("patient: p2" in finding for finding in findings["lost_acknowledged"])


@pytest.mark.parametrize(("lost", "invariants"), [({"p1"}, set()), (set(), {"phantoms"})], ids=["lost", "not lost"])
def test_who_was_shed_may_have_tried_again_before_their_worker_was_lost(lost: set[str], invariants: set[str]) -> None:
    world = World()
    world.publish("ana", [0])
    world.request("slot-ana-0", "p1", ["refused"])
    world.ledger[-1]["status"] = 503

    world.lost = lost

    assert set(broken(audited(world))) == invariants


def test_slots_that_nobody_says_to_have_published_may_be_those_of_a_lost_doctor() -> None:
    world = World()
    world.publish("ana", [0], [])
    world.publish("bia", [0], [])

    world.lost = {"ana"}

    (finding,) = broken(audited(world))["phantoms"]
    assert "doctor bia" in finding


def test_a_dropped_e_mail_that_its_reader_got_nevertheless_is_fine_once() -> None:
    """As when the notifier died before it could write that it was sent."""
    world = a_world()
    (event,) = world.dropped

    world.mails.append(world.to_patient(event))
    assert audited(world).clean

    world.mails.append(world.to_patient(event))
    assert set(broken(audited(world))) == {"notifications_doubled"}


def test_mail_addresses_are_the_same_in_upper_and_lower_case() -> None:
    world = a_world()
    world.mails = [(event, address.upper()) for event, address in world.mails]

    assert audited(world).clean


def test_one_long_slot_over_many_short_ones_names_each_short_one() -> None:
    world = World()
    world.slots = {
        "long": ("ana", 0, 100),
        "short-1": ("ana", 10, 20),
        "short-2": ("ana", 50, 60),
        "next": ("ana", 100, 110),
    }
    world.write("publish", "key-ana", "ana", "ana", "acknowledged", created=4)

    findings = broken(audited(world))["overlapping"]

    assert [name in finding for name, finding in zip(["short-1", "short-2"], findings, strict=True)] == [True, True]
    assert all("long" in finding for finding in findings)


def test_the_result_is_stored_and_an_audit_can_be_repeated() -> None:
    world = a_world()
    world.depths["outbox"] = 7
    with recorded(world) as connection:
        first = audit.run_audit(connection)
        second = audit.run_audit(connection)

        assert first == second
        assert not first.clean
        assert connection.execute("SELECT invariant, title, checked, broken FROM audit").fetchall() == sorted(
            (check.invariant, check.title, check.checked, check.broken) for check in first.checks
        )
        assert connection.execute("SELECT * FROM audit_findings").fetchall() == [("queues_not_empty", "outbox: 7 left")]


def test_a_flood_of_findings_is_counted_whole_and_kept_in_part() -> None:
    world = World()
    world.mails = [(f"event-{number}", "stranger@mail.test") for number in range(audit.FINDINGS_KEPT + 5)]

    check = next(check for check in audited(world).checks if check.invariant == "notifications_doubled")

    assert (check.broken, len(check.findings)) == (audit.FINDINGS_KEPT + 5, audit.FINDINGS_KEPT)


def test_a_record_without_a_snapshot_cannot_be_audited_and_says_so() -> None:
    world = a_world()
    world.depths.clear()

    with recorded(world) as connection:
        assert not audit.has_snapshot(connection)
        with pytest.raises(BadInputError, match="stores were not read"):
            audit.run_audit(connection)
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)


def test_the_work_grows_with_the_record_and_not_with_its_square() -> None:
    small, large = work_per_attempt(1_000), work_per_attempt(8_000)

    assert large < 2 * small


def work_per_attempt(attempts: int) -> float:
    """SQLite's virtual-machine steps, in thousands, per row of the ledger: a measure that no busy machine disturbs."""
    world, thousands = World(), 0
    for doctor in range(attempts // 200):
        world.publish(f"d{doctor}", [number * HALF_HOUR_US for number in range(20)])
        for number in range(20):
            slot = f"slot-d{doctor}-{number}"
            world.request(slot, f"p-{slot}")
            for loser in range(9):
                world.write("request", f"key-{slot}-{loser}", f"loser-{loser}", slot, "refused")

    def count() -> int:
        nonlocal thousands
        thousands += 1
        return 0

    with recorded(world) as connection:
        connection.set_progress_handler(count, 1000)
        assert audit.run_audit(connection).clean
    return thousands / attempts
