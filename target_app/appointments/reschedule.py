"""Moving an appointment to another slot of its doctor, without ever being without one."""

from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app import idempotency
from target_app.appointments.outcomes import (
    TRIES_MAX,
    Row,
    as_requested,
    begun,
    changing_hands,
    elsewhere,
    slot_freed,
    slot_past,
    slot_taken,
    slot_taken_by,
)
from target_app.appointments.transitions import CANCEL, not_in_state
from target_app.database import sql
from target_app.idempotency import Outcome
from target_app.problems import Problem, appointment_not_found, slot_not_found, unregistered
from target_app.services import Services

_RESCHEDULE: Final = sql(__package__, "reschedule")
_UNCHANGED: Final = sql(__package__, "unchanged")
_REFUSAL: Final = sql(__package__, "refusal")


async def reschedule(services: Services, appointment: UUID, patient: UUID, slot: UUID, key: str) -> Outcome[Row]:
    """The new appointment, which takes the old one's place in one transaction. Raises Problem."""
    for _ in range(TRIES_MAX):
        try:
            new = await services.pool.fetchrow(_RESCHEDULE, appointment, patient, slot, key, services.settings.offer_s)
        except (
            asyncpg.UniqueViolationError,
            asyncpg.ExclusionViolationError,
            asyncpg.ForeignKeyViolationError,
            asyncpg.DeadlockDetectedError,
        ):
            new = None
        if new is not None:
            slot_taken_by(services, new["doctor_id"], slot, patient)
            slot_freed(services, new["doctor_id"], new["freed_slot_id"], new["offered_to"])
            return Outcome(new, replayed=False)
        old = await services.pool.fetchrow(_UNCHANGED, appointment, patient, key)
        if old is None:
            raise appointment_not_found()
        why = await services.pool.fetchrow(_REFUSAL, patient, slot, key)
        if why["id"] is not None:
            if (why["rescheduled_from"], why["slot_id"]) != (appointment, slot):
                raise idempotency.reused()
            return Outcome(as_requested(why), replayed=True)
        _refuse(services, old, why, slot)
    raise changing_hands()


def _refuse(services: Services, old: Any, why: Any, slot: UUID) -> None:
    """Raises Problem, unless nothing stands in the way any more."""
    if old["used_for"] is not None:
        raise idempotency.reused()
    if why["unknown"]:
        raise unregistered("move an appointment")
    if old["state"] not in CANCEL.comes_from:
        raise not_in_state(CANCEL.otherwise, old["state"])
    if old["begun"]:
        raise begun()
    if why["slot_doctor"] != old["doctor_id"]:
        raise slot_not_found()
    if slot == old["slot_id"]:
        raise Problem(409, "same-slot", "The appointment is in that slot already", "Choose another one.")
    if why["past"]:
        raise slot_past()
    if why["holder"] is not None:
        raise slot_taken(services.board.free(slot))
    if why["elsewhere"]:
        raise elsewhere()
