"""The agenda's queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app.agenda.board import LoadedAgenda, LoadedSlot
from target_app.agenda.weekly import Span
from target_app.database import sql
from target_app.metrics import AGENDA_LOADS
from target_app.reads import Reads

_AGENDA: Final = sql(__package__, "agenda")
_PUBLISH: Final = sql(__package__, "publish")
_PUBLISHED: Final = sql(__package__, "published")
_LISTING: Final = sql(__package__, "listing")
_EDIT: Final = sql(__package__, "edit")
_KNOWN: Final = sql(__package__, "known")
_REMOVE: Final = sql(__package__, "remove")
_CHANGED: Final = sql(__package__, "changed")
_ACTS_FOR: Final = "SELECT acts_for($1, $2)"


async def load(reads: Reads, doctor_id: UUID, since_s: float) -> LoadedAgenda | None:
    """The agenda with at least everything that was committed before `since_s`; None for an unknown doctor."""
    rows, as_of_s = await reads.fetch_known(_AGENDA, doctor_id, since_s=since_s)
    AGENDA_LOADS.inc()
    if not rows:
        return None
    slots = [
        LoadedSlot(row["id"], row["starts_at"], row["minutes"], row["holder"]) for row in rows if row["id"] is not None
    ]
    return LoadedAgenda(rows[0]["price_cents"], slots, as_of_s)


async def publish(
    pool: asyncpg.Pool,
    actor: UUID,
    doctor_id: UUID,
    key: str,
    fingerprint: bytes,
    spans: Sequence[Span],
    slots_max: int,
) -> list[Any]:
    """The new slots in order of time; none when the actor may not act for the doctor or has used the key before, or
    the doctor would have more than `slots_max` to come.

    Raises asyncpg.ExclusionViolationError when one overlaps another of the doctor.
    """
    starts, ends = [span.starts_at for span in spans], [span.ends_at for span in spans]
    rows: list[Any] = await pool.fetch(_PUBLISH, actor, doctor_id, key, fingerprint, starts, ends, slots_max)
    return rows


async def published(pool: asyncpg.Pool, actor: UUID, key: str) -> list[Any]:
    """What the actor's earlier publication with this key made, and the fingerprint of its request."""
    rows: list[Any] = await pool.fetch(_PUBLISHED, actor, key)
    return rows


async def listing(
    pool: asyncpg.Pool,
    actor: UUID,
    doctor_id: UUID,
    since: datetime | None,
    until: datetime | None,
    after: datetime | None,
    limit: int,
) -> list[Any] | None:
    """The doctor's slots, free and held; None when the actor may not act for the doctor."""
    rows = await pool.fetch(_LISTING, actor, doctor_id, since, until, after, limit)
    return [row for row in rows if row["id"] is not None] if rows else None


async def acts_for(pool: asyncpg.Pool, actor: UUID, doctor_id: UUID) -> bool:
    acts: bool = await pool.fetchval(_ACTS_FOR, actor, doctor_id)
    return acts


async def edit(
    pool: asyncpg.Pool,
    actor: UUID,
    slot: UUID,
    starts_at: datetime | None,
    minutes: int | None,
    key: str,
    fingerprint: bytes,
) -> Any:
    """The edited slot; None when there is none that the actor may edit.

    Raises asyncpg.ExclusionViolationError when it would overlap another, asyncpg.ForeignKeyViolationError when it is
    held, asyncpg.UniqueViolationError when the key is used already.
    """
    return await pool.fetchrow(_EDIT, actor, slot, starts_at, minutes, key, fingerprint)


async def known(pool: asyncpg.Pool, actor: UUID, slot: UUID) -> bool:
    found: bool = await pool.fetchval(_KNOWN, actor, slot)
    return found


async def remove(pool: asyncpg.Pool, actor: UUID, slot: UUID, key: str, fingerprint: bytes) -> UUID | None:
    """The doctor whose slot it was; None when there is none that the actor may remove.

    Raises asyncpg.ForeignKeyViolationError when it is held, asyncpg.UniqueViolationError when the key is used already.
    """
    doctor: UUID | None = await pool.fetchval(_REMOVE, actor, slot, key, fingerprint)
    return doctor


async def changed(pool: asyncpg.Pool, actor: UUID, key: str) -> Any:
    """What the actor's earlier edit or removal with this key did, and the fingerprint of its request."""
    return await pool.fetchrow(_CHANGED, actor, key)
