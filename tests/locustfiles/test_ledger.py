"""The ledger that the client writes, held against the system's own stores by the audit."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from locustfiles.client import Answer, BookingClient
from locustfiles.target import Target
from slotrush import audit, snapshot
from slotrush.runs import record
from slotrush.swarm import Recorder, Session
from tests.e2e.booking_desk import Person
from tests.e2e.booking_system import System, running

START = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=10)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("ledger")) as system:
        yield system


def slots(count: int) -> list[dict[str, str | int]]:
    return [
        {"starts_at": f"{START + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}", "minutes": 30} for number in range(count)
    ]


def made(answer: Answer) -> str:
    """The appointment of an acknowledged write."""
    assert answer.outcome == "acknowledged", answer
    assert answer.promise.appointment is not None
    return answer.promise.appointment


def begin(system: System, slot: str) -> None:
    """Time passes, but for one slot only."""
    past = "tstzrange(lower(during) - interval '90 days', upper(during) - interval '90 days')"
    system.sql(
        f"""
        WITH slot AS (UPDATE slots SET during = {past} WHERE id = $1)
        UPDATE appointments SET during = {past} WHERE held_slot_id = $1
        """,
        slot,
    )


def test_everything_that_people_do_stands_in_the_ledger_as_it_does_in_the_stores(
    system: System, tmp_path: Path
) -> None:
    path = tmp_path / "run.sqlite"
    recorder = Recorder("w", record.create(path))
    target = Target(system.urls.base_url, recorder)

    def sign_in(person: Person) -> BookingClient:
        return BookingClient(target, Session(person.id, "", person.token))

    doctor = next(system.doctors)
    desk = sign_in(doctor)
    one, two, three, four = (sign_in(next(system.patients)) for _ in range(4))
    free = desk.publish(slots(8)).promise.slots
    week = {
        "first_day": f"{START + timedelta(days=20):%Y-%m-%d}",
        "last_day": f"{START + timedelta(days=26):%Y-%m-%d}",
        "timezone": "America/Sao_Paulo",
        "weekdays": [{"weekday": 3, "from": "08:00", "until": "10:00", "minutes": 30, "break_minutes": 10}],
    }
    assert desk.publish_week(week).promise.created == 3
    desk.edit_slot(free[6], starts_at=f"{START + timedelta(hours=12):%Y-%m-%dT%H:%M:%SZ}")
    desk.edit_slot(free[6], minutes=45)
    desk.remove_slot(free[7])

    seen = made(one.request_appointment(free[0]))
    missed = made(two.request_appointment(free[1]))
    for appointment in (seen, missed):
        made(desk.accept(appointment))
    begin(system, free[0])
    begin(system, free[1])
    made(desk.complete(seen))
    made(desk.no_show(missed))
    made(desk.decline(made(one.request_appointment(free[2])), "Please see a neurologist first"))
    first = made(two.request_appointment(free[3]))
    moved = made(two.reschedule(first, free[4]))
    taken = one.reschedule(made(one.request_appointment(free[5])), free[4])
    made(desk.accept(moved))
    for waiting in (three, four):
        waiting.join_waiting_list(doctor.id)
    made(two.cancel(moved, "I am travelling"))
    (offer,) = three.my_appointments("offered") or []
    made(three.refuse_offer(offer.id))
    (offer,) = four.my_appointments("offered") or []
    made(four.accept_offer(offer.id))
    recorder.close()

    assert (taken.outcome, taken.reason) == ("refused", "slot-taken")
    with closing(record.open_record(path)) as run:
        snapshot.take(run, system.sources, 60, lambda _: None)
        checks = audit.run_audit(run).checks
        actions = {action for (action,) in run.execute("SELECT DISTINCT action FROM ledger")}
    assert [finding for check in checks for finding in check.findings] == []
    assert all(check.checked for check in checks)
    assert actions == {
        *("publish", "edit_slot", "remove_slot", "request", "reschedule", "accept", "decline", "cancel", "complete"),
        *("no_show", "accept_offer", "refuse_offer"),
    }
