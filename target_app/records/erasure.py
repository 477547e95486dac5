"""What becomes of a patient's medical files when the patient is erased."""

from typing import Final
from uuid import UUID

import asyncpg

from target_app.database import sql

_REMOVE: Final = sql(__package__, "remove")
_ERASE: Final = sql(__package__, "erase")


async def erase_within(connection: asyncpg.Connection, patient_id: UUID) -> None:
    """Remove the patient's files, shares and what prescriptions say, in the connection's transaction; may be repeated.

    The objects themselves go soon after, by the worker. The log of accesses stays: it names nobody.
    """
    await connection.execute(_REMOVE, patient_id, None)
    await connection.execute(_ERASE, patient_id)
