"""One reminder for each accepted appointment that is near, however many schedulers look for them."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from target_app.notifications import reminders

DAY_S, HOUR_S = 86_400.0, 3_600.0
BEYOND_THE_WORKER_S = 48 * HOUR_S
"""So that the running worker, which looks a day ahead, leaves these appointments to the test."""
REMINDERS = """
SELECT id, appointment_id FROM appointment_events WHERE state = 'reminder' AND appointment_id = ANY ($1::uuid[])
"""


@pytest.fixture
def reminded(many_pools: Any, sql: Any) -> Callable[..., list[UUID]]:
    """Which of the appointments have a reminder, once a scheduler has looked."""

    def reminded(appointments: list[UUID], within_s: float = DAY_S) -> list[UUID]:
        async def go() -> None:
            async with many_pools(1) as (pool,):
                while await reminders.remind(pool, within_s) == reminders.BATCH:
                    pass

        asyncio.run(go())
        return sorted(row["appointment_id"] for row in sql(REMINDERS, appointments))

    return reminded


def test_many_schedulers_send_exactly_one_reminder_each(
    many_pools: Any, appointments: Any, sql: Any, mails: Any, email: Any, patient: Any, eventually: Any
) -> None:
    soon = appointments(60, in_s=30 * HOUR_S)

    async def go() -> list[int]:
        async with many_pools(8) as pools:
            together = asyncio.Barrier(len(pools))

            async def scheduler(pool: Any) -> int:
                await together.wait()
                return sum([await reminders.remind(pool, BEYOND_THE_WORKER_S) for _ in range(5)])

            return await asyncio.gather(*map(scheduler, pools))

    assert sum(asyncio.run(go())) >= len(soon)  # other tests' may be as near
    events = sql(REMINDERS, soon)
    assert sorted(row["appointment_id"] for row in events) == sorted(soon)
    eventually(lambda: all(mails(row["id"]) for row in events), within_s=60)
    assert [mails(row["id"]) for row in events] == [[email(patient)]] * len(soon)


def test_while_one_scheduler_is_at_work_the_others_neither_wait_nor_do_it_again(
    many_pools: Any, appointments: Any, reminded: Any, sql: Any
) -> None:
    reminded([], BEYOND_THE_WORKER_S)  # of what other tests have left
    soon = appointments(1, in_s=30 * HOUR_S)

    async def go() -> list[int]:
        async with many_pools(2) as (first, second):
            async with first.acquire() as connection, connection.transaction():
                added = [await reminders.remind(connection, BEYOND_THE_WORKER_S)]
                added.append(await asyncio.wait_for(reminders.remind(second, BEYOND_THE_WORKER_S), 5))
            return [*added, await reminders.remind(second, BEYOND_THE_WORKER_S)]

    assert asyncio.run(go()) == [1, 0, 0]
    assert len(sql(REMINDERS, soon)) == 1


def test_one_that_is_just_being_cancelled_gets_none(many_pools: Any, appointments: Any, sql: Any) -> None:
    (soon,) = appointments(1, in_s=30 * HOUR_S)

    async def go() -> None:
        async with many_pools(2) as (canceller, scheduler):
            async with canceller.acquire() as connection, connection.transaction():
                await connection.execute("UPDATE appointments SET state = 'cancelled' WHERE id = $1", soon)
                await reminders.remind(scheduler, BEYOND_THE_WORKER_S)
            await reminders.remind(scheduler, BEYOND_THE_WORKER_S)

    asyncio.run(go())
    assert sql(REMINDERS, [soon]) == []


@pytest.mark.parametrize(
    ("in_s", "within_s", "is_reminded"),
    [
        (DAY_S + 600, DAY_S, False),
        (DAY_S - 600, DAY_S, True),
        (reminders.LEFT_MIN_S + 600, DAY_S, True),
        (reminders.LEFT_MIN_S - 60, DAY_S, False),
        (-600, DAY_S, False),
        (0.6 * HOUR_S, HOUR_S, True),
        (0.4 * HOUR_S, HOUR_S, False),
    ],
)
def test_a_reminder_is_for_what_is_near_but_not_for_what_was_accepted_just_before_it_starts(
    appointments: Any, reminded: Any, in_s: float, within_s: float, is_reminded: bool
) -> None:
    one = appointments(1, in_s=in_s)
    assert reminded(one, within_s) == (one if is_reminded else [])


@pytest.mark.parametrize("state", ["requested", "declined", "cancelled", "completed", "no_show"])
def test_only_what_is_accepted_is_reminded_of(appointments: Any, reminded: Any, state: str) -> None:
    assert reminded(appointments(1, in_s=3 * HOUR_S, state=state)) == []


def test_a_patient_is_reminded_by_e_mail_with_the_link_but_the_doctor_is_not(
    api: Any, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any, mails: Any, email: Any, eventually: Any
) -> None:
    (slot,) = publish(in_hours=23)
    appointment = book(patient, slot).json()["id"]
    accepted = api.post(f"/v1/appointments/{appointment}/accept", json={}, headers=doctor.headers(str(uuid4())))
    assert accepted.status_code == 200, accepted.text
    ((event, _),) = eventually(lambda: sql(REMINDERS, [UUID(appointment)]))
    assert eventually(lambda: mails(event)) == [email(patient)]
