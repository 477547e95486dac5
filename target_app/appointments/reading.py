"""Reading appointments: one, several, and what happened to one."""

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from target_app.database import sql
from target_app.identity.tokens import Principal
from target_app.problems import appointment_not_found

_ONE: Final = sql(__package__, "one")
_HISTORY: Final = sql(__package__, "history")
_OF_PATIENT: Final = sql(__package__, "of_patient")
_OF_DOCTORS: Final = sql(__package__, "of_doctors")


class Wanted(NamedTuple):
    """Which appointments: None stands for any. `before`: the id that the page starts before."""

    state: str | None
    begins_from: datetime | None
    begins_until: datetime | None
    doctor: UUID | None
    before: UUID | None


async def one(pool: asyncpg.Pool, appointment: UUID, who: Principal) -> Any:
    """Raises Problem 404 when it is not theirs."""
    row = await pool.fetchrow(_ONE, appointment, who.id)
    if row is None:
        raise appointment_not_found()
    return row


async def history(pool: asyncpg.Pool, appointment: UUID, who: Principal) -> list[Any]:
    """The events, oldest first. Raises Problem 404 when the appointment is not theirs."""
    rows: list[Any] = await pool.fetch(_HISTORY, appointment, who.id)
    if not rows:
        raise appointment_not_found()
    return rows


async def several(pool: asyncpg.Pool, who: Principal, wanted: Wanted, limit: int) -> list[Any]:
    """A patient's, a doctor's, or those of a clinic's doctors for its staff, newest first."""
    statement = _OF_PATIENT if who.role == "patient" else _OF_DOCTORS
    rows: list[Any] = await pool.fetch(statement, who.id, *wanted, limit)
    return rows
