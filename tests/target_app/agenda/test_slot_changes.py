"""Moving and removing slots, and what stands in the way."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

LATER = (datetime.now(UTC) + timedelta(days=20)).replace(microsecond=0)


def test_a_free_slot_moves_and_patients_see_it(
    api: httpx.Client, doctor: Any, patient: Any, publish: Any, eventually: Any
) -> None:
    [slot] = publish()
    moved = api.patch(f"/v1/slots/{slot}", json={"starts_at": LATER.isoformat()}, headers=doctor.headers(str(uuid4())))
    assert moved.status_code == 200
    expected = {"id": slot, "starts_at": LATER.isoformat().replace("+00:00", "Z"), "minutes": 30}
    assert moved.json() == expected

    def seen() -> bool:
        return bool(api.get(f"/v1/doctors/{doctor.id}/agenda", headers=patient.headers()).json()["slots"] == [expected])

    for _ in range(4):  # on every replica
        assert eventually(seen)


def test_to_edit_the_same_twice_is_to_edit_it_once(api: httpx.Client, doctor: Any, publish: Any) -> None:
    [slot] = publish()
    edit = {"starts_at": LATER.isoformat(), "minutes": 45}
    first, again = (api.patch(f"/v1/slots/{slot}", json=edit, headers=doctor.headers(str(uuid4()))) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.json()["minutes"] == 45


def test_a_slot_may_become_longer_but_not_into_the_next(
    api: httpx.Client, doctor: Any, publish: Any, kept: Any, reason: Any
) -> None:
    first, second = publish(count=2)
    before = kept()
    answer = api.patch(f"/v1/slots/{first}", json={"minutes": 31}, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (409, "slot-overlap")
    assert kept() == before
    assert (
        api.patch(f"/v1/slots/{second}", json={"minutes": 31}, headers=doctor.headers(str(uuid4()))).json()["minutes"]
        == 31
    )


@pytest.mark.parametrize(
    ("edit", "status", "why"),
    [
        ({}, 422, "invalid-request"),
        ({"minutes": 4}, 422, "invalid-request"),
        ({"starts_at": "2030-01-01T12:00:00"}, 422, "invalid-request"),
        ({"starts_at": "2020-01-01T12:00:00Z"}, 422, "slot-in-the-past"),
        ({"starts_at": "9999-12-31T23:59:59Z"}, 422, "slot-too-far"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(
    api: httpx.Client, doctor: Any, publish: Any, kept: Any, reason: Any, edit: Any, status: int, why: str
) -> None:
    [slot] = publish()
    before = kept()
    answer = api.patch(f"/v1/slots/{slot}", json=edit, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (status, why)
    assert kept() == before


def test_a_slot_that_has_begun_is_not_moved(
    api: httpx.Client, doctor: Any, publish: Any, sql: Any, reason: Any
) -> None:
    [slot] = publish()
    sql("UPDATE slots SET during = tstzrange(now() - interval '1 hour', now()) WHERE id = $1", UUID(slot))
    answer = api.patch(f"/v1/slots/{slot}", json={"starts_at": LATER.isoformat()}, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (409, "slot-past")


def test_a_removed_slot_is_gone(
    api: httpx.Client, doctor: Any, patient: Any, publish: Any, book: Any, kept: Any, reason: Any
) -> None:
    gone, other = publish(count=2)
    removed = api.delete(f"/v1/slots/{gone}", headers=doctor.headers(str(uuid4())))
    assert (removed.status_code, removed.content) == (204, b"")
    assert [slot["id"] for slot in kept()] == [other]
    refused = book(patient, gone)
    assert (refused.status_code, reason(refused)) == (404, "slot-not-found")
    again = api.delete(f"/v1/slots/{gone}", headers=doctor.headers(str(uuid4())))
    assert (again.status_code, reason(again)) == (404, "slot-not-found")


def test_a_retry_of_a_publication_does_not_bring_back_what_was_removed(
    api: httpx.Client, doctor: Any, kept: Any
) -> None:
    key, slots = str(uuid4()), {"slots": [{"starts_at": LATER.isoformat(), "minutes": 30}]}
    first = api.post("/v1/slots", json=slots, headers=doctor.headers(key))
    api.delete(f"/v1/slots/{first.json()['slots'][0]['id']}", headers=doctor.headers(str(uuid4())))
    again = api.post("/v1/slots", json=slots, headers=doctor.headers(key))
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert kept() == []


def test_a_held_slot_neither_moves_nor_goes_until_it_is_free_again(
    api: httpx.Client, doctor: Any, patient: Any, publish: Any, book: Any, kept: Any, reason: Any
) -> None:
    [slot] = publish()
    appointment = book(patient, slot).json()["id"]
    assert [(each["state"], each["appointment_id"]) for each in kept()] == [("requested", appointment)]
    for change in ({"starts_at": LATER.isoformat()}, {"minutes": 20}):
        answer = api.patch(f"/v1/slots/{slot}", json=change, headers=doctor.headers(str(uuid4())))
        assert (answer.status_code, reason(answer)) == (409, "slot-held")
    answer = api.delete(f"/v1/slots/{slot}", headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (409, "slot-held")

    cancel = f"/v1/appointments/{appointment}/cancel"
    api.post(cancel, json={"reason": "I am well again"}, headers=patient.headers(str(uuid4())))
    assert api.delete(f"/v1/slots/{slot}", headers=doctor.headers(str(uuid4()))).status_code == 204
    assert kept() == []


BOOKING = """
    INSERT INTO appointments (slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key)
    SELECT id, doctor_id, $2, during, 100, 'requested', id::text FROM slots WHERE id = $1
"""
WAITING = """
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'
"""


@pytest.mark.parametrize(("method", "statement"), [("DELETE", "DELETE FROM slots"), ("PATCH", "UPDATE slots")])
def test_a_change_waits_for_a_booking_under_way_and_then_sees_it(
    stack: Any, api: httpx.Client, doctor: Any, patient: Any, publish: Any, reason: Any, method: str, statement: str
) -> None:
    [slot] = publish()
    body = {"starts_at": LATER.isoformat()} if method == "PATCH" else None

    async def change_meanwhile() -> httpx.Response:
        booking, watching = [await asyncpg.connect(stack.database_url) for _ in range(2)]
        try:
            async with booking.transaction():
                await booking.execute(BOOKING, UUID(slot), UUID(patient.id))
                headers = doctor.headers(str(uuid4()))
                changing = asyncio.create_task(
                    asyncio.to_thread(api.request, method, f"/v1/slots/{slot}", json=body, headers=headers)
                )
                async with asyncio.timeout(20):
                    while not await watching.fetch(WAITING, statement):
                        assert not changing.done(), "it did not wait"
                        await asyncio.sleep(0.02)
            return await changing
        finally:
            await booking.close()
            await watching.close()

    answer = asyncio.run(change_meanwhile())
    assert (answer.status_code, reason(answer)) == (409, "slot-held")


@pytest.mark.parametrize("change", ["remove", "move"])
def test_of_a_booking_and_a_change_at_once_one_wins(
    api: httpx.Client, doctor: Any, patient: Any, publish: Any, book: Any, sql: Any, change: str
) -> None:
    slots = publish(count=16)

    def alter(slot: str, number: int) -> int:
        if change == "remove":
            return api.delete(f"/v1/slots/{slot}", headers=doctor.headers(str(uuid4()))).status_code
        start = {"starts_at": (LATER + number * timedelta(hours=1)).isoformat()}
        return api.patch(f"/v1/slots/{slot}", json=start, headers=doctor.headers(str(uuid4()))).status_code

    with ThreadPoolExecutor(8) as pool:
        outcomes = [(pool.submit(book, patient, slot), pool.submit(alter, slot, at)) for at, slot in enumerate(slots)]
    for slot, (booking, altering) in zip(slots, outcomes, strict=True):
        booked, altered = booking.result(), altering.result()
        [held] = sql("SELECT count(*) AS count FROM appointments WHERE held_slot_id = $1", UUID(slot))
        [at_its_time] = sql(
            "SELECT count(*) AS count FROM appointments JOIN slots ON slots.id = held_slot_id"
            " AND slots.during = appointments.during WHERE slots.id = $1",
            UUID(slot),
        )
        assert held["count"] == at_its_time["count"] == (booked.status_code == 201), booked.text
        if booked.status_code == 201:
            assert altered == 409 or (change, altered) == ("move", 200)  # moved first, then booked where it is now
        else:
            assert (booked.status_code in (404, 409), altered) in ((True, 200), (True, 204)), booked.text


def test_slots_that_overlap_when_they_are_moved_at_once_stay_apart(
    api: httpx.Client, doctor: Any, publish: Any, kept: Any
) -> None:
    slots = publish(count=8)
    to = {"starts_at": LATER.isoformat()}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda slot: api.patch(f"/v1/slots/{slot}", json=to, headers=doctor.headers(str(uuid4()))).status_code,
                slots,
            )
        )
    assert sorted(answers) == [200] + 7 * [409]
    assert len(kept()) == 8


def test_the_same_publication_sent_at_once_is_made_once(api: httpx.Client, doctor: Any, kept: Any) -> None:
    key = str(uuid4())
    slots = {"slots": [{"starts_at": (LATER + timedelta(hours=hour)).isoformat(), "minutes": 30} for hour in range(20)]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/v1/slots", json=slots, headers=doctor.headers(key)), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(kept()) == 20


def test_overlapping_publications_at_once_leave_one(api: httpx.Client, doctor: Any, kept: Any) -> None:
    def publish(number: int) -> int:
        first = LATER + timedelta(minutes=number)
        slots = [{"starts_at": (first + timedelta(hours=hour)).isoformat(), "minutes": 30} for hour in range(40)]
        return api.post("/v1/slots", json={"slots": slots}, headers=doctor.headers(str(uuid4()))).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(publish, range(8))) == [201] + 7 * [409]
    assert len(kept()) == 40


def test_a_stranger_finds_no_slot(
    desk: httpx.Client, accounts: Any, publish: Any, kept: Any, reason: Any, stranger: Any, patient: Any
) -> None:
    [slot] = publish()
    before = kept()
    for somebody in (next(accounts.doctors), stranger):
        for answer in (
            desk.patch(f"/v1/slots/{slot}", json={"minutes": 20}, headers=somebody.headers(str(uuid4()))),
            desk.delete(f"/v1/slots/{slot}", headers=somebody.headers(str(uuid4()))),
            desk.delete(f"/v1/slots/{uuid4()}", headers=somebody.headers(str(uuid4()))),
        ):
            assert (answer.status_code, reason(answer)) == (404, "slot-not-found")
    assert desk.delete(f"/v1/slots/{slot}", headers=patient.headers(str(uuid4()))).status_code == 403
    assert (
        desk.patch(f"/v1/slots/{slot}", json={"minutes": 20}, headers=patient.headers(str(uuid4()))).status_code == 403
    )
    assert kept() == before
