import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

Reason = Callable[[httpx.Response], str]
Book = Callable[..., httpx.Response]
Publish = Callable[..., list[str]]
MOVE = """
UPDATE slots SET during = tstzrange(lower(during) + interval '{by}', upper(during) + interval '{by}') WHERE id = $1
"""
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def test_a_patient_books_a_free_slot_at_the_doctors_price(
    api: httpx.Client, publish: Publish, book: Book, patient: Any, doctor: Any
) -> None:
    (slot,) = publish()
    answer = book(patient, slot)
    assert answer.status_code == 201
    appointment = answer.json()
    agenda = api.get(f"/v1/doctors/{doctor.id}/agenda", headers=patient.headers()).json()
    assert appointment["price_cents"] == agenda["price_cents"]
    assert (appointment["slot_id"], appointment["doctor_id"]) == (slot, doctor.id)
    assert (appointment["patient_id"], appointment["state"], appointment["minutes"]) == (patient.id, "requested", 30)


def test_a_taken_slot_is_refused_and_leaves_the_agenda(
    api: httpx.Client,
    publish: Publish,
    book: Book,
    reason: Reason,
    patient: Any,
    rival: Any,
    doctor: Any,
    eventually: Callable[..., Any],
) -> None:
    first, second = publish(2)
    book(patient, first)
    answer = book(rival, first)
    assert (answer.status_code, reason(answer)) == (409, "slot-taken")

    def free() -> list[str]:
        agenda = api.get(f"/v1/doctors/{doctor.id}/agenda", headers=rival.headers()).json()
        return [slot["id"] for slot in agenda["slots"]]

    assert eventually(lambda: free() == [second])
    assert eventually(lambda: book(rival, first).json().get("free") == 1)


def test_of_many_who_want_one_slot_at_once_exactly_one_gets_it(stack: Any, publish: Publish, accounts: Any) -> None:
    """Over both replicas at once, past their memories: the database decides."""
    slots = publish(3)
    patients = [next(accounts.patients) for _ in range(60)]

    async def rush() -> list[tuple[int, str, str]]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(timeout=30, limits=limits) as client:

            async def attempt(number: int) -> tuple[int, str, str]:
                slot = slots[number % len(slots)]
                answer = await client.post(
                    f"{stack.replica_urls[number % 2]}/v1/appointments",
                    json={"slot_id": slot},
                    headers=patients[number].headers(str(uuid4())),
                )
                return answer.status_code, slot, answer.json().get("type", "")

            return await asyncio.gather(*(attempt(number) for number in range(len(patients))))

    outcomes = asyncio.run(rush())
    assert Counter(slot for status, slot, _ in outcomes if status == 201) == dict.fromkeys(slots, 1)
    assert {kind for status, _, kind in outcomes if status != 201} == {"/problems/slot-taken"}


def test_a_retry_with_the_same_key_gets_the_first_answer_on_any_replica(
    stack: Any, publish: Publish, patient: Any
) -> None:
    (slot,) = publish()
    key = str(uuid4())
    answers = [
        httpx.post(f"{url}/v1/appointments", json={"slot_id": slot}, headers=patient.headers(key))
        for url in stack.replica_urls * 2
    ]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert replayed == [None, "true", "true", "true"]


def test_a_retry_gets_the_first_answer_even_when_another_has_the_slot_since(
    stack: Any, publish: Publish, patient: Any, rival: Any, eventually: Any
) -> None:
    """The appointment was cancelled meanwhile, which whoever lost the first answer may not know."""
    (slot,) = publish()

    def book(who: Any, url: str, key: str) -> httpx.Response:
        return httpx.post(f"{url}/v1/appointments", json={"slot_id": slot}, headers=who.headers(key))

    here, there = stack.replica_urls
    first = book(patient, here, "k").json()
    cancel = f"{here}/v1/appointments/{first['id']}/cancel"
    assert httpx.post(cancel, json={"reason": "ill"}, headers=patient.headers("c")).status_code == 200
    assert eventually(lambda: book(rival, there, "k").status_code == 201)
    assert eventually(lambda: book(patient, there, "k").status_code == 201), "once it has heard that they had it"
    for url in (here, there) * 2:
        again = book(patient, url, "k")
        assert (again.status_code, again.json()) == (201, first)
        assert again.headers["idempotency-replayed"] == "true"
        assert book(patient, url, str(uuid4())).status_code == 409


def test_a_key_cannot_book_another_slot(publish: Publish, book: Book, reason: Reason, patient: Any) -> None:
    first, second = publish(2)
    key = str(uuid4())
    book(patient, first, key)
    answer = book(patient, second, key)
    assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


def test_two_patients_may_use_the_same_key(publish: Publish, book: Book, patient: Any, rival: Any) -> None:
    first, second = publish(2)
    key = str(uuid4())
    assert book(patient, first, key).status_code == 201
    assert book(rival, second, key).status_code == 201


def test_a_patient_is_in_one_place_at_a_time(
    publish: Publish, book: Book, reason: Reason, patient: Any, accounts: Any
) -> None:
    (here,) = publish()
    (there,) = publish(by=next(accounts.doctors))
    assert book(patient, here).status_code == 201
    answer = book(patient, there)
    assert (answer.status_code, reason(answer)) == (409, "patient-overlap")


def test_bad_requests_are_named(publish: Publish, book: Book, reason: Reason, patient: Any, doctor: Any) -> None:
    (slot,) = publish()
    unknown = book(patient, str(uuid4()))
    assert (unknown.status_code, reason(unknown)) == (404, "slot-not-found")
    no_id = book(patient, "tomorrow")
    assert (no_id.status_code, reason(no_id)) == (422, "invalid-request")
    assert no_id.json()["errors"][0]["at"] == "body/slot_id"
    by_doctor = book(doctor, slot)
    assert (by_doctor.status_code, reason(by_doctor)) == (403, "forbidden")


def test_only_who_is_a_patient_here_can_book(publish: Publish, book: Book, reason: Reason, unregistered: Any) -> None:
    answer = book(unregistered, publish()[0])
    assert (answer.status_code, reason(answer)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("DELETE FROM slots WHERE id = $1", (404, "/problems/slot-not-found")),
        (MOVE.format(by="-2 days"), (409, "/problems/slot-past")),
        (MOVE.format(by="7 min"), (201, None)),
    ],
)
def test_a_slot_that_goes_or_moves_at_that_moment_is_not_booked_as_it_was(
    stack: Any,
    api: httpx.Client,
    publish: Publish,
    patient: Any,
    sql: Any,
    change: str,
    outcome: tuple[int, str | None],
) -> None:
    """The booking has seen the slot as it was and waits for the doctor's change."""
    slot = publish()[0]

    async def race() -> httpx.Response:
        doctors = await asyncpg.connect(stack.database_url)
        async with httpx.AsyncClient(base_url=api.base_url, timeout=30) as client:
            transaction = doctors.transaction()
            await transaction.start()
            await doctors.execute(change, UUID(slot))
            booking = asyncio.create_task(
                client.post("/v1/appointments", json={"slot_id": slot}, headers=patient.headers(str(uuid4())))
            )
            while not await doctors.fetchval(BLOCKED):
                assert not booking.done()
                await asyncio.sleep(0.01)
            await transaction.commit()
            answer = await booking
        await doctors.close()
        return answer

    answer = asyncio.run(race())
    assert (answer.status_code, answer.json().get("type")) == outcome
    held = sql("SELECT during FROM appointments WHERE slot_id = $1", UUID(slot))
    assert held == (sql("SELECT during FROM slots WHERE id = $1", UUID(slot)) if answer.status_code == 201 else [])


def test_every_write_needs_a_key(
    api: httpx.Client, publish: Publish, book: Book, reason: Reason, patient: Any, doctor: Any
) -> None:
    (slot,) = publish()
    appointment = book(patient, slot).json()["id"]
    for account, path, body in (
        (patient, "/v1/appointments", {"slot_id": slot}),
        (patient, f"/v1/appointments/{appointment}/cancel", {"reason": "ill"}),
        (doctor, "/v1/slots", {"slots": [{"starts_at": "2030-01-01T12:00:00Z", "minutes": 30}]}),
    ):
        for headers in (account.headers(), account.headers("k" * 256)):
            answer = api.post(path, json=body, headers=headers)
            assert (answer.status_code, reason(answer)) == (400, "idempotency-key-missing")


def test_a_body_beyond_all_sense_is_refused(api: httpx.Client, reason: Reason, patient: Any) -> None:
    answer = api.post("/v1/appointments", content=b" " * 100_000, headers=patient.headers("k"))
    assert (answer.status_code, reason(answer)) == (413, "too-large")


def test_a_cancelled_slot_can_be_booked_again(
    api: httpx.Client, publish: Publish, book: Book, patient: Any, rival: Any, eventually: Callable[..., Any]
) -> None:
    (slot,) = publish()
    appointment = book(patient, slot).json()["id"]
    assert book(rival, slot).status_code == 409
    cancelled = api.post(
        f"/v1/appointments/{appointment}/cancel", json={"reason": "I am ill"}, headers=patient.headers("c")
    )
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert eventually(lambda: book(rival, slot).status_code == 201)


def test_cancelling_again_with_the_same_key_gives_the_same_answer(
    api: httpx.Client, publish: Publish, book: Book, reason: Reason, patient: Any, doctor: Any
) -> None:
    (slot,) = publish()
    path = f"/v1/appointments/{book(patient, slot).json()['id']}/cancel"
    first = api.post(path, json={"reason": "no time"}, headers=doctor.headers("k"))
    again = api.post(path, json={"reason": "no time"}, headers=doctor.headers("k"))
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = api.post(path, json={"reason": "no time"}, headers=doctor.headers("other"))
    assert (other.status_code, reason(other)) == (409, "not-live")


def test_nobody_else_can_cancel(
    api: httpx.Client, publish: Publish, book: Book, reason: Reason, patient: Any, rival: Any
) -> None:
    (slot,) = publish()
    path = f"/v1/appointments/{book(patient, slot).json()['id']}/cancel"
    answer = api.post(path, json={"reason": "spite"}, headers=rival.headers("k"))
    assert (answer.status_code, reason(answer)) == (404, "appointment-not-found")
    no_reason = api.post(path, json={"reason": ""}, headers=patient.headers("k"))
    assert (no_reason.status_code, reason(no_reason)) == (422, "invalid-request")


def test_patients_and_doctors_list_their_own_appointments_newest_first(
    api: httpx.Client, publish: Publish, book: Book, patient: Any, rival: Any, doctor: Any
) -> None:
    slots = publish(3)
    made = [book(patient, slot).json()["id"] for slot in slots[:2]]
    others = book(rival, slots[2]).json()["id"]

    first = api.get("/v1/appointments", params={"limit": 1}, headers=patient.headers()).json()
    assert [one["id"] for one in first["appointments"]] == [made[1]]
    rest = api.get("/v1/appointments", params={"before": first["next"]}, headers=patient.headers()).json()
    assert ([one["id"] for one in rest["appointments"]], rest["next"]) == ([made[0]], None)
    of_doctor = api.get("/v1/appointments", headers=doctor.headers()).json()["appointments"]
    assert [one["id"] for one in of_doctor] == [others, *reversed(made)]


def test_a_slot_that_has_begun_cannot_be_booked(
    publish: Publish, book: Book, reason: Reason, patient: Any, sql: Callable[..., Any]
) -> None:
    (slot,) = publish()
    begun = datetime.now(UTC) - timedelta(minutes=1)
    sql("UPDATE slots SET during = tstzrange($2::timestamptz, $2 + interval '30 min') WHERE id = $1", UUID(slot), begun)
    answer = book(patient, slot)
    assert (answer.status_code, reason(answer)) == (409, "slot-past")
