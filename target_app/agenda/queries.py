"""The agenda's queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app.agenda.board import LoadedAgenda, LoadedSlot
from target_app.database import sql
from target_app.metrics import AGENDA_LOADS

_AGENDA: Final = sql(__package__, "agenda")
_PUBLISH: Final = sql(__package__, "publish")
_PUBLISHED: Final = sql(__package__, "published")


async def load(pool: asyncpg.Pool, doctor_id: UUID) -> LoadedAgenda | None:
    rows = await pool.fetch(_AGENDA, doctor_id)
    AGENDA_LOADS.inc()
    if not rows:
        return None
    slots = [
        LoadedSlot(row["id"], row["starts_at"], row["minutes"], row["holder"]) for row in rows if row["id"] is not None
    ]
    return LoadedAgenda(rows[0]["price_cents"], slots)


async def publish(
    pool: asyncpg.Pool, doctor_id: UUID, times: Sequence[tuple[datetime, datetime]], key: str
) -> list[Any]:
    """The new slots. Raises asyncpg.ExclusionViolationError when one overlaps another of the doctor."""
    rows: list[Any] = await pool.fetch(
        _PUBLISH, doctor_id, [start for start, _ in times], [end for _, end in times], key
    )
    return rows


async def published(pool: asyncpg.Pool, doctor_id: UUID, key: str) -> list[Any]:
    """What an earlier publication with this key made."""
    rows: list[Any] = await pool.fetch(_PUBLISHED, doctor_id, key)
    return rows
