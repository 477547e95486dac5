"""Offers and requests that nobody answered in time."""

from typing import Final
from uuid import UUID

import asyncpg

from target_app.database import sql

EXPIRED_MAX: Final = 200
"""How many offers, and how many requests, one call ends: it is one transaction, and somebody may wait for its locks."""
_EXPIRE: Final = sql(__package__, "expire")


async def expire(pool: asyncpg.Pool, offer_s: float) -> list[tuple[UUID, UUID]]:
    """End offers that were not accepted in time, and requests that were neither accepted nor declined before their slot
    began. The slots of the offers go to the next in line, for `offer_s`.

    Returns doctor and slot of each one that is not offered to anybody. Any number of workers may do this at once.
    """
    rows = await pool.fetch(_EXPIRE, EXPIRED_MAX, offer_s)
    return [(row["doctor_id"], row["slot_id"]) for row in rows if row["offered_to"] is None]
