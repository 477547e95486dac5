"""Moving and removing slots that nobody holds."""

import hashlib
from typing import Any
from uuid import UUID

import asyncpg

from target_app import clock, idempotency
from target_app.agenda import queries
from target_app.agenda.publishing import check_start, overlap
from target_app.agenda.schemas import Edit
from target_app.idempotency import Outcome
from target_app.problems import Problem, slot_not_found
from target_app.services import Services


async def edit(services: Services, actor: UUID, slot: UUID, change: Edit, key: str) -> Outcome[Any]:
    """The slot as it is then. Raises Problem."""
    fingerprint = _fingerprint(slot, change.model_dump_json())
    try:
        edited = await _edited(services, actor, slot, change, key, fingerprint)
    except (Problem, asyncpg.UniqueViolationError) as refusal:
        return await _again(services, actor, key, fingerprint, refusal)
    _tell(services, edited["doctor_id"])
    return Outcome(edited, replayed=False)


async def remove(services: Services, actor: UUID, slot: UUID, key: str) -> Outcome[Any]:
    """Raises Problem 404 for a slot that is not there, or not any more, and 409 for one that somebody holds."""
    fingerprint = _fingerprint(slot, "removed")
    try:
        doctor = await _removed(services, actor, slot, key, fingerprint)
    except (Problem, asyncpg.UniqueViolationError) as refusal:
        return await _again(services, actor, key, fingerprint, refusal)
    _tell(services, doctor)
    return Outcome(None, replayed=False)


async def _edited(services: Services, actor: UUID, slot: UUID, change: Edit, key: str, fingerprint: bytes) -> Any:
    if change.starts_at is not None:
        check_start(change.starts_at, clock.now())
    try:
        edited = await queries.edit(services.pool, actor, slot, change.starts_at, change.minutes, key, fingerprint)
    except asyncpg.ExclusionViolationError as error:
        raise overlap() from error
    except asyncpg.ForeignKeyViolationError as error:
        raise _held() from error
    if edited is None:
        if await queries.known(services.pool, actor, slot):
            raise Problem(409, "slot-past", "The slot has begun already", "Publish a new one.")
        raise slot_not_found()
    return edited


async def _removed(services: Services, actor: UUID, slot: UUID, key: str, fingerprint: bytes) -> UUID:
    try:
        doctor = await queries.remove(services.pool, actor, slot, key, fingerprint)
    except asyncpg.ForeignKeyViolationError as error:
        raise _held() from error
    if doctor is None:
        raise slot_not_found()
    return doctor


async def _again(
    services: Services, actor: UUID, key: str, fingerprint: bytes, refusal: Problem | asyncpg.UniqueViolationError
) -> Outcome[Any]:
    """The answer to the request that had this key before. Raises the refusal when there was none."""
    done = await queries.changed(services.pool, actor, key)
    if done is None:
        raise refusal
    if done["fingerprint"] != fingerprint:
        raise idempotency.reused()
    return Outcome(done, replayed=True)


def _fingerprint(slot: UUID, request: str) -> bytes:
    return hashlib.sha256(b"%b %b" % (slot.bytes, request.encode())).digest()


def _tell(services: Services, doctor: UUID) -> None:
    services.board.published(doctor)
    services.feed.published(doctor)


def _held() -> Problem:
    return Problem(
        409,
        "slot-held",
        "An appointment holds the slot",
        "Decline or cancel the appointment first; its patient is then told.",
    )
