"""Waiting lists when several things happen at the same moment."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from target_app.appointments import expiry

ROUNDS = 30


def test_two_slots_that_free_at_once_make_one_offer_when_one_waits(
    at_once: Any,
    ready: Any,
    wait_for: Any,
    offers: Any,
    lives_are_right: Any,
    sql: Any,
    patient: Any,
    rival: Any,
    doctor: Any,
) -> None:
    made = ready(ROUNDS, patient)
    for first, second in zip(made[::2], made[1::2], strict=True):
        wait_for(rival, doctor)
        answers = at_once(*[(patient, f"/{each['id']}/cancel", {"reason": "ill"}) for each in (first, second)])
        assert answers.statuses() == {(200, ""): 2}
        (offer,) = offers(rival)
        assert offer["slot_id"] in {first["slot_id"], second["slot_id"]}
        assert at_once((rival, f"/{offer['id']}/refuse-offer", {}))[0].status == 200
    assert sql("SELECT FROM waiting_list WHERE doctor_id = $1", UUID(doctor.id)) == []
    lives_are_right(doctor)


def test_slots_that_free_at_once_are_offered_to_the_first_who_joined_one_each(
    at_once: Any, ready: Any, wait_for: Any, offers: Any, lives_are_right: Any, accounts: Any, patient: Any, doctor: Any
) -> None:
    made = ready(ROUNDS, patient)
    people = [next(accounts.patients) for _ in range(5)]
    for start in range(0, ROUNDS, 3):
        for who in people:
            wait_for(who, doctor)
        freed = made[start : start + 3]
        answers = at_once(*[(patient, f"/{each['id']}/cancel", {"reason": "ill"}) for each in freed])
        assert answers.statuses() == {(200, ""): 3}
        offered = [offers(who) for who in people]
        assert [len(each) for each in offered] == [1, 1, 1, 0, 0]
        assert {each[0]["slot_id"] for each in offered[:3]} == {each["slot_id"] for each in freed}
        accepted = at_once(
            *[(who, f"/{each[0]['id']}/accept-offer", {}) for who, each in zip(people, offered[:3], strict=False)]
        )
        assert accepted.statuses() == {(200, ""): 3}
        people = people[3:] + people[:3]
    lives_are_right(doctor)


def test_an_offer_is_either_accepted_or_expires(
    stack: Any,
    at_once: Any,
    ready: Any,
    wait_for: Any,
    offers: Any,
    sql: Any,
    lives_are_right: Any,
    accounts: Any,
    doctor: Any,
) -> None:
    """The very moment of its end, with three schedulers: the patient has it, or the next one does."""
    giver, early, late = (next(accounts.patients) for _ in range(3))
    outcomes: Counter[str] = Counter()

    async def expire() -> None:
        async with asyncpg.create_pool(stack.database_url, min_size=3, max_size=3) as pool:
            for _ in range(4):
                await asyncio.gather(*[expiry.expire(pool, 900) for _ in range(3)])

    for number, appointment in enumerate(ready(ROUNDS, giver)):
        for who in (early, late):
            wait_for(who, doctor)
        at_once((giver, f"/{appointment['id']}/cancel", {"reason": "ill"}))
        (offer,) = offers(early)
        sql(
            "UPDATE appointments SET offer_expires_at = now() + make_interval(secs => $2) WHERE id = $1",
            UUID(offer["id"]),
            number**2 / 1000,
        )
        (answer,) = at_once((early, f"/{offer['id']}/accept-offer", {}), beside=expire)
        outcomes[answer.reason] += 1
        if answer.status == 200:
            assert offers(late) == []
        else:
            assert answer.reason in {"offer-expired", "not-offered"}
        for who in (early, late):
            for left in offers(who):
                at_once((who, f"/{left['id']}/refuse-offer", {}))
        sql("DELETE FROM waiting_list WHERE doctor_id = $1", UUID(doctor.id))
    assert outcomes[""] > 0
    assert outcomes["offer-expired"] + outcomes["not-offered"] > 0
    lives_are_right(doctor)


def test_many_schedulers_end_each_offer_once(
    stack: Any,
    eventually: Any,
    at_once: Any,
    ready: Any,
    wait_for: Any,
    sql: Any,
    lives_are_right: Any,
    accounts: Any,
    patient: Any,
    doctor: Any,
) -> None:
    made = ready(ROUNDS, patient)
    people = [next(accounts.patients) for _ in range(10)]
    for who in people:
        wait_for(who, doctor)
    at_once(*[(patient, f"/{each['id']}/cancel", {"reason": "ill"}) for each in made[:10]])
    sql("UPDATE appointments SET offer_expires_at = now() WHERE doctor_id = $1 AND state = 'offered'", UUID(doctor.id))

    async def expire() -> list[tuple[UUID, UUID]]:
        async with asyncpg.create_pool(stack.database_url, min_size=8, max_size=8) as pool:
            freed = await asyncio.gather(*[expiry.expire(pool, 900) for _ in range(8)])
            return [each for some in freed for each in some]

    freed = asyncio.run(expire())
    assert len(freed) == len(set(freed))
    offered = "SELECT 1 FROM appointments WHERE doctor_id = $1 AND state = 'offered'"
    eventually(lambda: not sql(offered, UUID(doctor.id)))  # the stack's own scheduler may have some of them
    assert lives_are_right(doctor) == ROUNDS + 10


def test_who_joins_at_once_gets_a_place_each(stack: Any, api: httpx.Client, accounts: Any, doctor: Any) -> None:
    people = [next(accounts.patients) for _ in range(20)]

    async def join() -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            path = f"/v1/doctors/{doctor.id}/waiting-list"
            work = [
                client.put(stack.replica_urls[number % 2] + path, headers=who.headers("join"))
                for number, who in enumerate(people)
            ]
            return [answer.json()["position"] for answer in await asyncio.gather(*work)]

    told = asyncio.run(join())
    assert sorted(told) == list(range(1, 21))
    now = [api.get("/v1/waiting-list", headers=who.headers()).json()["places"][0]["position"] for who in people]
    assert now == told


def test_a_patient_who_takes_two_places_at_once_is_in_one(
    at_once: Any, ready: Any, publish: Any, wait_for: Any, offers: Any, lives_are_right: Any, accounts: Any, doctor: Any
) -> None:
    """An offer is accepted while the same patient books elsewhere at that time."""
    giver, patient, other_doctor = next(accounts.patients), next(accounts.patients), next(accounts.doctors)
    for appointment, elsewhere in zip(ready(ROUNDS, giver), publish(ROUNDS, by=other_doctor), strict=True):
        wait_for(patient, doctor)
        at_once((giver, f"/{appointment['id']}/cancel", {"reason": "ill"}))
        (offer,) = offers(patient)
        answers = at_once((patient, f"/{offer['id']}/accept-offer", {}), (patient, "", {"slot_id": elsewhere}))
        refused = answers.statuses()
        assert refused[409, "patient-overlap"] == 1, answers
        for answer in answers:
            if answer.status < 300:
                at_once((patient, f"/{answer.appointment['id']}/cancel", {"reason": "both"}))
        for left in offers(patient):
            at_once((patient, f"/{left['id']}/refuse-offer", {}))
    lives_are_right(doctor)
    lives_are_right(other_doctor)


def test_who_is_just_leaving_the_list_holds_up_nobody(
    stack: Any, booked: Any, wait_for: Any, offers: Any, act: Any, accounts: Any, patient: Any, rival: Any, doctor: Any
) -> None:
    """They may still be in the list for other transactions: the slot goes to the next at once."""
    second, appointment = next(accounts.patients), booked(patient)
    for who in (rival, second):
        wait_for(who, doctor)

    async def cancel_meanwhile() -> int:
        leaving = await asyncpg.connect(stack.database_url)
        async with leaving.transaction():
            await leaving.execute("DELETE FROM waiting_list WHERE patient_id = $1", UUID(rival.id))
            answer = await asyncio.wait_for(
                asyncio.to_thread(act, patient, appointment["id"], "cancel", reason="ill"), timeout=10
            )
        await leaving.close()
        return int(answer.status_code)

    assert asyncio.run(cancel_meanwhile()) == 200
    assert (len(offers(rival)), len(offers(second))) == (0, 1)
