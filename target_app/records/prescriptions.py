"""Prescriptions: written by the doctor of an appointment, read by the patient and by that doctor."""

from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Response

from target_app import idempotency
from target_app.database import sql
from target_app.idempotency import Key
from target_app.identity.access import ADoctor, PatientOrDoctor
from target_app.problems import Problem, appointment_not_found, contended
from target_app.records.schemas import NewPrescription, Prescription, Prescriptions
from target_app.services import Services, Use

_PRESCRIBE: Final = sql(__package__, "prescribe")
_PRESCRIPTIONS: Final = sql(__package__, "prescriptions")
_TRIES_MAX: Final = 3
router = APIRouter()


@router.post("/v1/appointments/{appointment_id}/prescriptions", summary="Prescribe", status_code=201)
async def prescribe(
    services: Use, doctor: ADoctor, key: Key, appointment_id: UUID, new: NewPrescription, response: Response
) -> Prescription:
    """By the appointment's doctor, once it is accepted."""
    row = await _prescribe(services, doctor.id, appointment_id, new, key)
    idempotency.tell(response, replayed=row["replayed"])
    return _as_prescription(row)


@router.get("/v1/prescriptions", summary="Your prescriptions")
async def list_prescriptions(
    services: Use,
    account: PatientOrDoctor,
    patient_id: Annotated[UUID | None, Query(description="For a doctor: only this patient's")] = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Prescriptions:
    """Those for the patient who asks, or by the doctor who asks. The patient sees that the doctor looked."""
    rows = await services.pool.fetch(_PRESCRIPTIONS, account.id, patient_id, before, limit + 1)
    page = [_as_prescription(row) for row in rows[:limit]]
    return Prescriptions(prescriptions=page, next=page[-1].id if len(rows) > limit else None)


async def _prescribe(services: Services, doctor: UUID, appointment: UUID, new: NewPrescription, key: str) -> Any:
    items = orjson.dumps([item.model_dump() for item in new.items]).decode()
    for _ in range(_TRIES_MAX):
        row = await services.pool.fetchrow(_PRESCRIBE, doctor, appointment, items, new.notes, key)
        if row["id"] is not None:
            if not row["same"]:
                raise idempotency.reused()
            return row
        if row["appointment_state"] is None:
            raise appointment_not_found()
        if row["patient_removed"]:
            raise Problem(409, "patient-removed", "The patient's account was removed", "Nothing is kept about them.")
        if row["appointment_state"] not in ("accepted", "completed"):
            raise Problem(
                409,
                "not-accepted",
                f"The appointment is {row['appointment_state']}",
                "Prescribe once it is accepted or completed.",
            )
    raise contended("The prescription is just being written")


def _as_prescription(row: Any) -> Prescription:
    return Prescription(**{**dict(row), "items": orjson.loads(row["items"])})
