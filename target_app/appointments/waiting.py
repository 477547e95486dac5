"""Who waits for a doctor's slots to become free, and the offers that they get (offer_to_next, in the database)."""

from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app import idempotency
from target_app.database import sql
from target_app.idempotency import Outcome
from target_app.problems import Problem, doctor_not_found, unregistered

_JOIN: Final = sql(__package__, "join")
_LEAVE: Final = sql(__package__, "leave")
_PLACES: Final = sql(__package__, "places")
_HOLD: Final = "SELECT pg_advisory_xact_lock(hashtextextended('waiting list of ' || $1, 0))"
_DONE: Final = """
SELECT doctor_id, position FROM waiting_list_changes WHERE patient_id = $1 AND idempotency_key = $2
"""


async def join(pool: asyncpg.Pool, patient: UUID, doctor: UUID, key: str) -> Outcome[int]:
    """Wait for the doctor and get a position: 1 is the next to get an offer. Who waits already keeps their place.
    Raises Problem."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_HOLD, str(doctor))
            position = await connection.fetchval(_JOIN, patient, doctor, key)
    except asyncpg.ForeignKeyViolationError as error:
        raise _unknown(error) from error
    if position is not None:
        return Outcome(position, replayed=False)
    done = await pool.fetchrow(_DONE, patient, key)
    if done is None:
        raise unregistered("wait")
    if done["doctor_id"] != doctor or done["position"] is None:
        raise idempotency.reused()
    return Outcome(done["position"], replayed=True)


async def leave(pool: asyncpg.Pool, patient: UUID, doctor: UUID, key: str) -> bool:
    """Wait no more; return whether this key had done so before. Raises Problem."""
    try:
        if await pool.fetchrow(_LEAVE, patient, doctor, key) is not None:
            return False
    except asyncpg.ForeignKeyViolationError as error:
        raise _unknown(error) from error
    done = await pool.fetchrow(_DONE, patient, key)
    if done["doctor_id"] != doctor or done["position"] is not None:
        raise idempotency.reused()
    return True


async def places(pool: asyncpg.Pool, patient: UUID) -> list[Any]:
    """doctor_id, doctor_name and position, in order of joining."""
    rows: list[Any] = await pool.fetch(_PLACES, patient)
    return rows


def _unknown(error: asyncpg.ForeignKeyViolationError) -> Problem:
    if error.constraint_name == "waiting_list_changes_doctor_id_fkey":
        return doctor_not_found()
    return unregistered("wait")
