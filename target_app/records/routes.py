"""Medical records: upload, list, read, download, delete."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from target_app import idempotency
from target_app.idempotency import Key
from target_app.identity.access import APatient, PatientOrDoctor
from target_app.identity.tokens import Principal
from target_app.problems import RESPONSES, invalid
from target_app.records import files, prescriptions, sharing
from target_app.records.schemas import Announced, Download, NewRecord, Record, Records
from target_app.services import Use

router = APIRouter(tags=["records"], responses=RESPONSES)
router.include_router(sharing.router)  # before the routes that would take 'shares' for an id
router.include_router(prescriptions.router)


@router.post("/v1/records", summary="Announce a file", status_code=201)
async def announce_record(
    services: Use, account: PatientOrDoctor, key: Key, new: NewRecord, response: Response
) -> Announced:
    """The answer says where to PUT the content, which must be what was announced: the store refuses another size,
    type or checksum. Then call '…/uploaded'. A file that never comes is forgotten after a day."""
    patient = _patient(account, new.patient_id, "body/patient_id")
    outcome = await files.announce(services, account.id, patient, new, key)
    idempotency.tell(response, replayed=outcome.replayed)
    return outcome.answer


@router.post("/v1/records/{record_id}/uploaded", summary="Have an upload checked", status_code=202)
async def record_uploaded(
    services: Use, account: PatientOrDoctor, key: Key, record_id: UUID, response: Response
) -> Record:
    """By whoever announced it. A worker then reads the file, and it is 'stored' if it is what was announced, or else
    'rejected' with a reason and removed. Images get a preview: smaller, marked, without what cameras add."""
    outcome = await files.uploaded(services, account.id, record_id, key)
    idempotency.tell(response, replayed=outcome.replayed)
    return as_record(outcome.answer)


@router.get("/v1/records", summary="A patient's files")
async def list_records(
    services: Use,
    account: PatientOrDoctor,
    patient_id: Annotated[UUID | None, Query(description="A doctor must say it")] = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Records:
    """The patient's own; a doctor's patients' are those with an appointment that was not cancelled or declined, and
    those who share their files with the doctor. The patient sees that the doctor looked."""
    patient = _patient(account, patient_id, "query/patient_id")
    rows = await files.listed(services, account.id, patient, before, limit + 1)
    page = [as_record(row) for row in rows[:limit]]
    return Records(records=page, next=page[-1].id if len(rows) > limit else None)


@router.get("/v1/records/{record_id}", summary="One file's description")
async def read_record(services: Use, account: PatientOrDoctor, record_id: UUID) -> Record:
    """The patient sees that a doctor looked."""
    return as_record(await files.read(services, account.id, record_id))


@router.get("/v1/records/{record_id}/download", summary="Where to fetch a file")
async def download_record(services: Use, account: PatientOrDoctor, record_id: UUID) -> Download:
    """URLs that are valid for a short time. 'not-stored' (409): it is not checked yet, or was rejected. The patient
    sees who asked."""
    return await files.download(services, account.id, record_id)


@router.delete("/v1/records/{record_id}", summary="Delete a file", status_code=204)
async def delete_record(services: Use, patient: APatient, record_id: UUID) -> None:
    """By its patient, whoever uploaded it. To delete it once more changes nothing."""
    await files.delete(services, patient.id, record_id)


def as_record(row: Any) -> Record:
    return Record(**{**dict(row), "sha256": row["sha256"].hex()})


def _patient(account: Principal, named: UUID | None, at: str) -> UUID:
    """Whose files are meant. Raises Problem 422 when a doctor does not say it."""
    if named is not None:
        return named
    if account.role == "patient":
        return account.id
    raise invalid([{"at": at, "problem": "Field required of a doctor"}])
