"""Whom a patient lets read their files, and who did."""

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from target_app import clock
from target_app.database import sql
from target_app.identity.access import APatient
from target_app.problems import doctor_not_found, invalid, unregistered
from target_app.records.schemas import Access, Accesses, NewShare, Share, Shares
from target_app.services import Use

SHARE_MAX: Final = timedelta(days=366)
_SHARE: Final = sql(__package__, "share")
_SHARES: Final = sql(__package__, "shares")
_UNSHARE: Final = "DELETE FROM record_shares WHERE patient_id = $1 AND doctor_id = $2"
_ACCESSES: Final = sql(__package__, "accesses")
router = APIRouter()


@router.put("/v1/records/shares/{doctor_id}", summary="Share your files with a doctor")
async def share_records(services: Use, patient: APatient, doctor_id: UUID, new: NewShare) -> Share:
    """Until a time; once more changes the time. A doctor with an appointment needs no share."""
    now = clock.now()
    if not now < new.expires_at <= now + SHARE_MAX:
        raise invalid([{"at": "body/expires_at", "problem": f"must be within {SHARE_MAX.days} days from now"}])
    shared = await services.pool.fetchrow(_SHARE, patient.id, doctor_id, new.expires_at)
    if shared is None:
        raise doctor_not_found()
    if shared["expires_at"] is None:
        raise unregistered("share files")
    return Share(**dict(shared))


@router.get("/v1/records/shares", summary="Doctors with whom you share your files")
async def list_shares(services: Use, patient: APatient) -> Shares:
    return Shares(shares=[Share(**dict(row)) for row in await services.pool.fetch(_SHARES, patient.id)])


@router.delete("/v1/records/shares/{doctor_id}", summary="Stop sharing your files with a doctor", status_code=204)
async def unshare_records(services: Use, patient: APatient, doctor_id: UUID) -> None:
    """At once. To stop what was not shared changes nothing."""
    await services.pool.execute(_UNSHARE, patient.id, doctor_id)


@router.get("/v1/records/accesses", summary="Who looked at your files")
async def list_accesses(
    services: Use,
    patient: APatient,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Accesses:
    """Every look by a doctor, and your own downloads, newest first."""
    rows = await services.pool.fetch(_ACCESSES, patient.id, before, limit + 1)
    page = [Access(**dict(row)) for row in rows[:limit]]
    return Accesses(accesses=page, next=page[-1].id if len(rows) > limit else None)
