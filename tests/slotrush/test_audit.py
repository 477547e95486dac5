"""The audit finds nothing in a consistent world, and exactly what was planted in a broken one."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slotrush import audit
from slotrush.errors import BadInputError
from slotrush.runs import record
from tests.slotrush import audit_worlds as worlds
from tests.slotrush.audit_worlds import HALF_HOUR_US, World


@contextmanager
def recorded(world: World) -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory() as folder, closing(record.create(Path(folder) / "run.sqlite")) as connection:
        with connection:
            connection.executemany(
                "INSERT INTO ledger VALUES (:key, 'w1', :action, :actor, :subject, 1, 2, 3, :outcome, 0, '',"
                " :appointment, :doctor, :price_cents, :created)",
                [dict.fromkeys(("appointment", "doctor", "price_cents", "created")) | row for row in world.ledger],
            )
            connection.executemany(
                "INSERT INTO stored_slots VALUES (?, ?, ?, ?)", [(id_, *slot) for id_, slot in world.slots.items()]
            )
            connection.executemany(
                "INSERT INTO stored_appointments VALUES (:id, :slot, :doctor, :patient, :starts_us, :ends_us, :state,"
                " :price_cents, :key)",
                [vars(held) for held in world.appointments.values()],
            )
            connection.executemany(
                "INSERT INTO stored_transitions VALUES (?, ?, ?, ?, ?, 4, ?)",
                [
                    (event, *change, json.dumps(world.addresses(change[0])))
                    for event, change in world.transitions.items()
                ],
            )
            connection.executemany("INSERT INTO stored_mails VALUES (?, ?, 5)", world.mails)
            connection.executemany("INSERT INTO queue_depths VALUES (?, ?)", world.depths.items())
        yield connection


def audited(world: World) -> audit.AuditResult:
    with recorded(world) as connection:
        return audit.run_audit(connection)


def broken(result: audit.AuditResult) -> dict[str, tuple[str, ...]]:
    return {check.invariant: check.findings for check in result.checks if check.broken}


def a_world() -> World:
    """Slots of two doctors: sold, accepted, cancelled, sold again after a cancel, and one that stayed free."""
    world = World()
    world.publish("ana", [number * HALF_HOUR_US for number in range(4)], ["unknown", "acknowledged"])
    world.publish("bia", [0], ["unknown"])
    world.request("slot-ana-0", "p1")
    world.change(world.request("slot-ana-1", "p1"), "accept", "accepted")
    world.change(world.request("slot-ana-2", "p2"), "cancel", "cancelled", ["unknown", "acknowledged"])
    world.change(world.request("slot-bia-0", "p2"), "cancel", "cancelled")
    world.write("request", "key-refused", "p3", "slot-ana-0", "refused")
    world.write("request", "key-unknown", "p3", "slot-ana-0", "unknown")
    world.request("slot-bia-0", "p3", ["unknown", "unknown"])
    return world


@st.composite
def consistent_worlds(draw: st.DrawFn) -> World:
    """Every outcome that a write can have, in every order; unknown ones reached the database or not."""
    world = World()
    heard = st.sampled_from([["acknowledged"], ["unknown", "acknowledged"], ["unknown"], ["acknowledged"] * 2])
    ends = st.sampled_from([("cancel", "cancelled"), ("decline", "declined"), ("accept", "accepted"), None])
    for doctor in ("ana", "bia")[: draw(st.integers(1, 2))]:
        starts_us = [number * HALF_HOUR_US for number in range(draw(st.integers(1, 3)))]
        world.publish(doctor, starts_us, draw(heard))
    world.write("publish", "key-nobody", "nobody", "nobody", "unknown")
    for slot in list(world.slots):
        for attempt in range(draw(st.integers(0, 2))):
            outcome = draw(st.sampled_from(["refused", "unknown"]))
            world.write("request", f"key-vain-{attempt}-{slot}", "p-vain", slot, outcome)
        for patient in ("p1", "p2", "p3")[: draw(st.integers(0, 3))]:
            appointment = world.request(slot, f"{patient}-{slot if draw(st.booleans()) else slot[:8]}", draw(heard))
            end = draw(ends)
            if end is not None:
                world.change(appointment, *end, draw(heard))
            if draw(st.booleans()):
                world.write("cancel", f"key-vain-{appointment}", patient, appointment, "unknown")
            if end is None or end[1] == "accepted":
                break
    return world


@settings(max_examples=60, deadline=None)
@given(world=consistent_worlds())
def test_a_consistent_world_is_clean(world: World) -> None:
    assert broken(audited(world)) == {}


@settings(max_examples=200, deadline=None)
@given(world=consistent_worlds(), mutation=st.sampled_from(list(worlds.MUTATIONS)), data=st.data())
def test_any_one_planted_fault_breaks_exactly_its_invariants(
    world: World, mutation: worlds.Mutation, data: st.DataObject
) -> None:
    def pick(choices: worlds.Choices) -> object:
        assume(choices)
        return data.draw(st.sampled_from(choices))

    mutation(world, pick)

    assert set(broken(audited(world))) == worlds.MUTATIONS[mutation]


@pytest.mark.parametrize("mutation", worlds.MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_planted_fault_is_named_with_its_rows(mutation: worlds.Mutation) -> None:
    world = a_world()

    rows = mutation(world, lambda choices: choices[0])

    found = broken(audited(world))
    assert set(found) == worlds.MUTATIONS[mutation]
    for findings in found.values():
        assert len(findings) == 1
    assert all(any(row in finding for findings in found.values() for finding in findings) for row in rows)


def test_every_check_says_how_many_cases_it_looked_at() -> None:
    checked = {check.invariant: check.checked for check in audited(a_world()).checks}

    assert checked == {
        "double_bookings": 5,  # slots
        "overlapping": 5 + 5,  # slots and appointments
        "lost_acknowledged": 4 + 3 + 1,  # bookings, two cancels and an acceptance, a publication
        "phantoms": 5 + 5 + 3,  # appointments, slots, changes after the booking
        "reused_keys": 7,
        "notifications_missing": 2 * 8,  # bookings and changes, each to a patient and a doctor
        "notifications_doubled": 2 * 8,
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
