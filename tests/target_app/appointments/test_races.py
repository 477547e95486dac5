"""Those who want contrary things at the same moment: one of them gets it, and every change is told once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

ROUNDS = 30


def test_of_two_cancels_one_cancels(
    at_once: Any, ready: Any, lives_are_right: Any, history: Any, patient: Any, doctor: Any
) -> None:
    for appointment in ready(ROUNDS, patient):
        path = f"/{appointment['id']}/cancel"
        answers = at_once(*[(who, path, {"reason": "ill"}) for who in (patient, doctor, patient, doctor)])
        assert answers.statuses() == {(200, ""): 1, (409, "not-live"): 3}
        assert history(appointment["id"]) == ["requested", "cancelled"]
    assert lives_are_right(doctor) == ROUNDS


def test_of_decline_accept_and_cancel_the_order_is_possible(
    at_once: Any, ready: Any, lives_are_right: Any, patient: Any, doctor: Any
) -> None:
    for appointment in ready(ROUNDS, patient):
        one = f"/{appointment['id']}"
        declined, accepted, cancelled = at_once(
            (doctor, f"{one}/decline", {"reason": "away"}),
            (doctor, f"{one}/accept", {}),
            (patient, f"{one}/cancel", {"reason": "ill"}),
        )
        happened = [answer.status == 200 for answer in (declined, accepted, cancelled)]
        assert happened in ([True, False, False], [False, True, True], [False, False, True]), happened
    assert lives_are_right(doctor) == ROUNDS


def test_one_retry_among_many_changes_it(
    stack: Any, ready: Any, lives_are_right: Any, patient: Any, doctor: Any
) -> None:
    """The same key at the same moment: one answer is the change, the others are that answer again."""

    async def retry(appointment: str, key: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=30) as client:
            urls = [f"{stack.replica_urls[number % 2]}/v1/appointments/{appointment}/accept" for number in range(6)]
            return list(await asyncio.gather(*[client.post(url, headers=doctor.headers(key)) for url in urls]))

    for appointment in ready(ROUNDS, patient):
        answers = asyncio.run(retry(appointment["id"], str(uuid4())))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
    assert lives_are_right(doctor) == ROUNDS


def test_one_key_at_once_on_many_appointments_changes_one(
    stack: Any, ready: Any, lives_are_right: Any, patient: Any, doctor: Any
) -> None:
    async def accept(appointments: list[str], key: str) -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            paths = [f"/v1/appointments/{each}/accept" for each in appointments]
            work = [
                client.post(stack.replica_urls[number % 2] + path, headers=doctor.headers(key))
                for number, path in enumerate(paths)
            ]
            return [answer.status_code for answer in await asyncio.gather(*work)]

    made = [appointment["id"] for appointment in ready(ROUNDS, patient)]
    for start in range(0, ROUNDS, 3):
        assert sorted(asyncio.run(accept(made[start : start + 3], str(uuid4())))) == [200, 422, 422]
    lives_are_right(doctor)


def test_a_new_slot_has_one_holder_and_who_does_not_get_it_keeps_the_old(
    at_once: Any, ready: Any, publish: Any, lives_are_right: Any, api: httpx.Client, accounts: Any, doctor: Any
) -> None:
    mover, other_mover, booker = (next(accounts.patients) for _ in range(3))
    made, wanted = ready(ROUNDS, mover, other_mover), publish(ROUNDS // 2, in_hours=100)
    for number, slot in enumerate(wanted):
        mine, theirs = made[2 * number : 2 * number + 2]
        moves = [(mover, mine), (other_mover, theirs)]
        answers = at_once(
            *[(who, f"/{old['id']}/reschedule", {"slot_id": slot}) for who, old in moves],
            (booker, "", {"slot_id": slot}),
        )
        assert answers.statuses()[409, "slot-taken"] == 2, answers
        assert sum(answer.status < 300 for answer in answers) == 1
        for (who, old), answer in zip(moves, answers, strict=False):
            state = api.get(f"/v1/appointments/{old['id']}", headers=who.headers()).json()["state"]
            assert state == ("cancelled" if answer.status == 200 else "requested")
    lives_are_right(doctor)


def test_two_who_would_swap_slots_keep_theirs(
    at_once: Any, ready: Any, lives_are_right: Any, accounts: Any, doctor: Any
) -> None:
    """Each waits for the other to go: nobody may lose a slot by it."""
    left, right = next(accounts.patients), next(accounts.patients)
    made = ready(ROUNDS, left, right)
    for mine, theirs in zip(made[:6:2], made[1:6:2], strict=True):
        answers = at_once(
            (left, f"/{mine['id']}/reschedule", {"slot_id": theirs["slot_id"]}),
            (right, f"/{theirs['id']}/reschedule", {"slot_id": mine["slot_id"]}),
        )
        assert answers.statuses() == {(409, "slot-taken"): 2}
    lives_are_right(doctor)


def test_moving_and_cancelling_at_once_leave_no_two_and_no_none(
    at_once: Any, ready: Any, publish: Any, lives_are_right: Any, patient: Any, doctor: Any
) -> None:
    for old, slot in zip(ready(ROUNDS, patient), publish(ROUNDS, in_hours=100), strict=True):
        moved, cancelled, declined = at_once(
            (patient, f"/{old['id']}/reschedule", {"slot_id": slot}),
            (patient, f"/{old['id']}/cancel", {"reason": "ill"}),
            (doctor, f"/{old['id']}/decline", {"reason": "away"}),
        )
        assert [answer.status for answer in (moved, cancelled, declined)].count(200) == 1
    lives_are_right(doctor)
