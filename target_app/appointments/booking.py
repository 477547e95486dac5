"""Requesting an appointment: the path that a rush is about."""

import asyncio
from typing import Final
from uuid import UUID

import asyncpg

from target_app import idempotency, metrics
from target_app.appointments.outcomes import (
    TRIES_MAX,
    Row,
    as_requested,
    changing_hands,
    elsewhere,
    slot_past,
    slot_taken,
    slot_taken_by,
)
from target_app.database import sql
from target_app.idempotency import Outcome
from target_app.problems import Problem, slot_not_found, unregistered
from target_app.services import Services

_REQUEST: Final = sql(__package__, "request")
_REFUSAL: Final = sql(__package__, "refusal")


async def request(services: Services, patient: UUID, slot: UUID, key: str) -> Outcome[Row]:
    """Book the slot for the patient, in one round trip. Raises Problem.

    Of those who want the same slot at once in this process only one asks the database; the others wait for its
    outcome, so that they queue neither on connections nor on row locks.
    """
    board = services.board
    while True:
        holder = board.holder(slot)
        if holder is not None and holder != patient and not board.had(slot, patient):
            metrics.EARLY_ANSWERS.inc()
            metrics.booking("taken").inc()
            raise slot_taken(board.free(slot))
        first = services.being_booked.get(slot)
        if first is None:
            break
        await asyncio.wait([first])
    decided = services.being_booked[slot] = asyncio.get_running_loop().create_future()
    try:
        outcome = await _decide(services, patient, slot, key)
    except Problem as problem:
        metrics.booking(problem.reason.removeprefix("slot-")).inc()
        raise
    finally:
        del services.being_booked[slot]
        decided.set_result(None)
    metrics.booking("replayed" if outcome.replayed else "booked").inc()
    return outcome


async def _decide(services: Services, patient: UUID, slot: UUID, key: str) -> Outcome[Row]:
    for _ in range(TRIES_MAX):
        try:
            booked = await services.pool.fetchrow(_REQUEST, patient, slot, key)
        except asyncpg.ForeignKeyViolationError:  # held_slots_stay: the slot moved or went under us
            continue
        if booked is not None:
            slot_taken_by(services, booked["doctor_id"], slot, patient)
            return Outcome(booked, replayed=False)
        why = await services.pool.fetchrow(_REFUSAL, patient, slot, key)
        if why["id"] is not None:
            if why["slot_id"] != slot or why["offer_expires_at"] is not None or why["rescheduled_from"] is not None:
                raise idempotency.reused()
            return Outcome(as_requested(why), replayed=True)
        if why["unknown"]:
            raise unregistered("book")
        if not why["known"]:
            raise slot_not_found()
        if why["past"]:
            raise slot_past()
        if why["holder"] is not None:
            services.board.took(why["slot_doctor"], slot, why["holder"])
            raise slot_taken(services.board.free(slot))
        if why["elsewhere"]:
            raise elsewhere()
    raise changing_hands()
