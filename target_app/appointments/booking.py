"""Requesting and cancelling an appointment."""

import asyncio
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from target_app import idempotency, metrics
from target_app.database import sql
from target_app.problems import Problem
from target_app.services import Services

_REQUEST: Final = sql(__package__, "request")
_REFUSAL: Final = sql(__package__, "refusal")
_CANCEL: Final = sql(__package__, "cancel")
_ONE: Final = sql(__package__, "one")
_MINE: Final = sql(__package__, "mine")
_TRIES_MAX: Final = 3


class Outcome(NamedTuple):
    """`replayed`: the answer to an earlier request with the same Idempotency-Key."""

    appointment: Any
    replayed: bool


def taken(free: int | None) -> Problem:
    """`free`: how many slots the doctor still has, so that nobody asks for an agenda that is sold out."""
    return Problem(
        409,
        "slot-taken",
        "The slot is taken",
        "Another patient holds this slot. Read the agenda again and choose another.",
        **({} if free is None else {"free": free}),
    )


async def request(services: Services, patient: UUID, slot: UUID, key: str) -> Outcome:
    """Book the slot for the patient, in one round trip. Raises Problem.

    Of those who want the same slot at once in this process only one asks the database; the others wait for its
    outcome, so that they queue neither on connections nor on row locks.
    """
    board = services.board
    while True:
        holder = board.holder(slot)
        if holder is not None and holder != patient:
            metrics.EARLY_ANSWERS.inc()
            metrics.booking("taken").inc()
            raise taken(board.free(slot))
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


async def _decide(services: Services, patient: UUID, slot: UUID, key: str) -> Outcome:
    for _ in range(_TRIES_MAX):
        booked = await services.pool.fetchrow(_REQUEST, patient, slot, key)
        if booked is not None:
            services.board.took(booked["doctor_id"], slot, patient)
            services.feed.took(booked["doctor_id"], slot, patient)
            return Outcome(booked, replayed=False)
        why = await services.pool.fetchrow(_REFUSAL, patient, slot, key)
        if why["id"] is not None:
            if why["slot_id"] != slot:
                raise idempotency.reused()
            return Outcome(why, replayed=True)
        if not why["known"]:
            raise Problem(404, "slot-not-found", "There is no such slot")
        if why["past"]:
            raise Problem(409, "slot-past", "The slot has begun already", "Choose a later one.")
        if why["holder"] is not None:
            services.board.took(why["slot_doctor"], slot, why["holder"])
            raise taken(services.board.free(slot))
        if why["elsewhere"]:
            raise Problem(
                409,
                "patient-overlap",
                "You have another appointment at that time",
                "Cancel it first, or choose a slot that does not overlap it.",
            )
    raise Problem(503, "contended", "The slot is changing hands", "Try again with the same Idempotency-Key.")


async def cancel(services: Services, appointment: UUID, by: UUID, reason: str, key: str) -> Outcome:
    """Cancel a live appointment for its patient or its doctor, which frees the slot. Raises Problem."""
    cancelled = await services.pool.fetchrow(_CANCEL, appointment, by, reason, key)
    if cancelled is not None:
        services.board.freed(cancelled["doctor_id"], cancelled["slot_id"])
        services.feed.freed(cancelled["doctor_id"], cancelled["slot_id"])
        return Outcome(cancelled, replayed=False)
    one = await services.pool.fetchrow(_ONE, appointment, by, key)
    if one is None:
        raise Problem(404, "appointment-not-found", "You have no such appointment")
    if not one["replayed"]:
        raise Problem(409, "not-live", f"The appointment is {one['state']}", "Only a live one can be cancelled.")
    return Outcome(one, replayed=True)


async def mine(pool: asyncpg.Pool, account: UUID, before: UUID | None, limit: int) -> list[Any]:
    """The appointments of a patient or a doctor, newest first."""
    rows: list[Any] = await pool.fetch(_MINE, account, before, limit)
    return rows
