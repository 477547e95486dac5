"""Requests that nobody answers before their slot begins. Rows are locked against the running worker where a test needs
a request that has begun."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx

Reason = Callable[[httpx.Response], str]
Act = Callable[..., httpx.Response]


def test_a_request_that_nobody_answered_is_over_when_its_time_comes(
    api: httpx.Client, booked: Any, act: Act, begin: Any, history: Any, eventually: Any, patient: Any, doctor: Any
) -> None:
    asked, confirmed, later = (booked(patient, in_hours)["id"] for in_hours in (48, 50, 52))
    act(doctor, confirmed, "accept")
    begin(asked, 10)
    begin(confirmed, 60)
    eventually(lambda: history(asked) == ["requested", "expired"])
    told = api.get(f"/v1/appointments/{asked}/history", headers=patient.headers()).json()["events"]
    assert [each["by"] for each in told] == ["patient", "system"]
    assert api.get(f"/v1/appointments/{asked}", headers=doctor.headers()).json()["state"] == "expired"
    assert history(confirmed) == ["requested", "accepted"]
    assert history(later) == ["requested"]


def test_a_request_is_not_accepted_once_its_time_has_come(
    stack: Any, booked: Any, act: Act, reason: Reason, history: Any, patient: Any, doctor: Any
) -> None:
    """Not even before a worker has ended it: here it begins while the acceptance waits for the row."""
    appointment = booked(patient)["id"]

    async def accept_meanwhile() -> httpx.Response:
        connection, watching = [await asyncpg.connect(stack.database_url) for _ in range(2)]
        try:
            async with connection.transaction():
                await connection.execute(
                    """
                    WITH one AS (
                        UPDATE appointments SET during = tstzrange(now() - interval '1 min', now() + interval '1 hour')
                        WHERE id = $1 RETURNING slot_id, during
                    )
                    UPDATE slots SET during = one.during FROM one WHERE slots.id = one.slot_id
                    """,
                    UUID(appointment),
                )
                accepting = asyncio.create_task(asyncio.to_thread(act, doctor, appointment, "accept"))
                async with asyncio.timeout(20):
                    while not await watching.fetch(WAITING):
                        assert not accepting.done(), "it did not wait"
                        await asyncio.sleep(0.02)
            return await accepting
        finally:
            await connection.close()
            await watching.close()

    answer = asyncio.run(accept_meanwhile())
    assert answer.status_code == 409
    assert reason(answer) in {"begun", "not-requested"}  # the latter when a worker was there first
    assert "accepted" not in history(appointment)


WAITING = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE appointments SET%state = $4%'
"""
