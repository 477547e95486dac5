"""What a patient, or a doctor about them, asks for at the moment when the patient is removed."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

Send = Callable[[], httpx.Response]
During = Callable[[Any, Send], httpx.Response]
Reason = Callable[[httpx.Response], str]
_LOCK = "SELECT pg_backend_pid() FROM patients WHERE id = $1 FOR UPDATE"
_REMOVE = "UPDATE patients SET name = '(removed)', cpf = NULL, removed_at = now() WHERE id = $1"
_REMOVED = "SELECT removed_at FROM patients WHERE id = $1"
_WAITED_FOR = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))"


@pytest.fixture
def during_the_removal(stack: Any) -> During:
    """Send a request while the patient's removal is under way, which commits once the request waits for it."""

    async def send_during(patient: UUID, send: Send) -> httpx.Response:
        removal, watch = [await asyncpg.connect(stack.database_url) for _ in range(2)]
        try:
            async with removal.transaction():
                lock = await removal.fetchval(_LOCK, patient)
                sent = asyncio.create_task(asyncio.to_thread(send))
                deadline = time.monotonic() + 20
                while not await watch.fetchval(_WAITED_FOR, lock):
                    assert not sent.done(), f"it did not wait for the removal: {sent.result().text}"
                    assert time.monotonic() < deadline, "it never waited for the removal"
                    await asyncio.sleep(0.01)
                await removal.execute(_REMOVE, patient)
            return await sent
        finally:
            await removal.close()
            await watch.close()

    return lambda patient, send: asyncio.run(send_during(UUID(patient.id), send))


def test_a_removal_that_gives_way_in_a_deadlock_is_done_again(
    stack: Any, api: httpx.Client, publish: Any, book: Any, patient: Any, sql: Any
) -> None:
    """Somebody has an event of the patient and wants the patient, whom the removal has while it wants the event."""
    booked = UUID(book(patient, publish()[0]).json()["id"])
    reason = {"reason": "my heart"}  # which is to go
    cancelled = api.post(f"/v1/appointments/{booked}/cancel", json=reason, headers=patient.headers(str(uuid4())))
    assert cancelled.status_code == 200
    event = "SELECT pg_backend_pid() FROM appointment_events WHERE appointment_id = $1 AND reason <> '' FOR UPDATE"

    async def meet() -> httpx.Response:
        other, watch = [await asyncpg.connect(stack.database_url) for _ in range(2)]
        try:
            async with other.transaction():
                await other.execute("SET LOCAL deadlock_timeout = '1min'")  # the removal finds it first
                pid = await other.fetchval(event, booked)
                removing = asyncio.create_task(asyncio.to_thread(api.delete, "/v1/me", headers=patient.headers()))
                async with asyncio.timeout(20):
                    while not await watch.fetchval(_WAITED_FOR, pid):
                        assert not removing.done(), "it did not wait"
                        await asyncio.sleep(0.01)
                    await other.fetchval(_LOCK, UUID(patient.id))
            return await removing
        finally:
            await other.close()
            await watch.close()

    assert asyncio.run(meet()).status_code == 204
    assert [row["removed_at"] is None for row in sql(_REMOVED, UUID(patient.id))] == [False]


def test_no_slot_is_booked(
    during_the_removal: During, publish: Any, book: Any, patient: Any, rival: Any, sql: Any, reason: Reason
) -> None:
    (slot,) = publish()
    answer = during_the_removal(patient, lambda: book(patient, slot))
    assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert sql("SELECT FROM appointments WHERE patient_id = $1", UUID(patient.id)) == []
    assert book(rival, slot).status_code == 201


def test_no_appointment_is_moved(
    api: httpx.Client, during_the_removal: During, publish: Any, book: Any, patient: Any, sql: Any, reason: Reason
) -> None:
    first, second = publish(2)
    booked = book(patient, first).json()["id"]
    path, headers = f"/v1/appointments/{booked}/reschedule", patient.headers(str(uuid4()))
    answer = during_the_removal(patient, lambda: api.post(path, json={"slot_id": second}, headers=headers))
    assert (answer.status_code, reason(answer)) == (403, "forbidden")
    (kept,) = sql("SELECT id, state FROM appointments WHERE patient_id = $1", UUID(patient.id))
    assert tuple(kept) == (UUID(booked), "requested")


def test_no_waiting_list_is_joined(
    api: httpx.Client, during_the_removal: During, patient: Any, doctor: Any, sql: Any, reason: Reason
) -> None:
    path, headers = f"/v1/doctors/{doctor.id}/waiting-list", patient.headers(str(uuid4()))
    answer = during_the_removal(patient, lambda: api.put(path, headers=headers))
    assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert sql("SELECT FROM waiting_list WHERE patient_id = $1", UUID(patient.id)) == []


def test_no_files_are_shared(
    api: httpx.Client, during_the_removal: During, patient: Any, doctor: Any, sql: Any, reason: Reason
) -> None:
    until = {"expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}

    def share() -> httpx.Response:
        return api.put(f"/v1/records/shares/{doctor.id}", json=until, headers=patient.headers(str(uuid4())))

    for answer in (during_the_removal(patient, share), share()):
        assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert sql("SELECT FROM record_shares WHERE patient_id = $1", UUID(patient.id)) == []


def test_nothing_medical_is_written(
    api: httpx.Client,
    during_the_removal: During,
    publish: Any,
    book: Any,
    patient: Any,
    doctor: Any,
    sql: Any,
    reason: Reason,
) -> None:
    booked = book(patient, publish()[0]).json()["id"]
    sql("UPDATE appointments SET state = 'accepted' WHERE id = $1", UUID(booked))
    prescription = {"items": [{"medicine": "Lithium", "dosage": "300 mg"}], "notes": "Talk to Ana's mother"}

    def prescribe() -> httpx.Response:
        path = f"/v1/appointments/{booked}/prescriptions"
        return api.post(path, json=prescription, headers=doctor.headers(str(uuid4())))

    for answer in (during_the_removal(patient, prescribe), prescribe()):
        assert (answer.status_code, reason(answer)) == (409, "patient-removed")
    assert sql("SELECT FROM prescriptions WHERE patient_id = $1", UUID(patient.id)) == []
