"""Removing a patient who asks for it: who they were goes, what they booked and paid for stays for the accounting."""

from contextlib import suppress
from typing import Final
from uuid import UUID

import asyncpg

from target_app.appointments.transitions import cancel_all
from target_app.database import sql
from target_app.identity.passwords import UNUSABLE
from target_app.identity.schemas import REMOVED_DOMAIN
from target_app.problems import contended
from target_app.records.erasure import erase_within
from target_app.services import Services

REASON: Final = "The patient's account was removed"
_REMOVED: Final = "(removed)"
_ANONYMISE: Final = sql(__package__, "anonymise")
_TRIES_MAX: Final = 5


async def remove(services: Services, patient: UUID) -> None:
    """Cancel what is to come; then, in one transaction, erase their medical files and make nobody of them.

    Until then they can sign in, and asking again goes on where it ended. Raises Problem 503 when they go on booking
    meanwhile.
    """
    for _ in range(_TRIES_MAX):
        with suppress(asyncpg.DeadlockDetectedError):  # somebody wanted the same, and we gave way
            await cancel_all(services, patient, REASON)
            if await _anonymise(services.pool, patient):
                return
    raise contended("Appointments are being booked meanwhile", "Try again.")


async def _anonymise(pool: asyncpg.Pool, patient: UUID) -> bool:
    """False when there is an appointment to come. The locks keep new ones, and new sessions, out until it is done."""
    async with pool.acquire() as connection, connection.transaction():
        known = await connection.fetchrow(
            """
            SELECT FROM patients JOIN accounts ON accounts.id = patients.id
            WHERE patients.id = $1 AND removed_at IS NULL FOR UPDATE
            """,
            patient,
        )
        if known is None:
            return True
        to_come = await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM appointments
                WHERE patient_id = $1 AND state IN ('offered', 'requested', 'accepted') AND lower(during) > now()
            )
            """,
            patient,
        )
        if to_come:
            return False
        await erase_within(connection, patient)
        await connection.execute(_ANONYMISE, patient, f"removed-{patient}@{REMOVED_DOMAIN}", _REMOVED, UNUSABLE, REASON)
        return True
