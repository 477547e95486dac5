"""Appointments: request, cancel, list."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from target_app import idempotency
from target_app.appointments import booking
from target_app.encoding import to_json
from target_app.front_door import Answer, Call, body_as, body_of, hot
from target_app.idempotency import Key
from target_app.identity.access import Anyone, caller, require
from target_app.problems import RESPONSES
from target_app.services import Use, services_of

router = APIRouter(tags=["appointments"], responses=RESPONSES)


class Choice(BaseModel):
    slot_id: UUID = Field(examples=["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"])


class Cancellation(BaseModel):
    reason: str = Field(min_length=1, max_length=500, examples=["I am travelling"])


class Appointment(BaseModel):
    id: UUID
    slot_id: UUID
    doctor_id: UUID
    patient_id: UUID
    starts_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])
    minutes: int = Field(examples=[30])
    price_cents: int = Field(description="Price at booking, BRL cents", examples=[25000])
    state: str = Field(examples=["requested"])


class Appointments(BaseModel):
    appointments: list[Appointment]
    next: UUID | None = Field(description="Give it as 'before' for the next page")


_EXAMPLE: Final = {"slot_id": "019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"}


@hot(
    router,
    "POST",
    "/v1/appointments",
    model=Appointment,
    summary="Request an appointment",
    status_code=201,
    parameters=[idempotency.PARAMETER],
    requestBody=body_of(Choice, _EXAMPLE),
)
async def request_appointment(call: Call) -> Answer:
    """First come, first served. 'slot-taken' (409) means that another patient holds the slot. A retry with the same
    Idempotency-Key gives the first answer again, with the header 'Idempotency-Replayed: true'."""
    services = services_of(call)
    patient = require(caller(call), "patient")
    key = idempotency.of(call)
    slot = body_as(Choice, await call.whole_body()).slot_id
    outcome = await booking.request(services, patient.id, slot, key)
    body = to_json(_fields(outcome.appointment))
    return Answer(201, body, (idempotency.REPLAYED,) if outcome.replayed else ())


@router.post("/v1/appointments/{appointment_id}/cancel", summary="Cancel an appointment")
async def cancel_appointment(
    services: Use,
    account: Anyone,
    key: Key,
    appointment_id: UUID,
    cancellation: Cancellation,
    response: Response,
) -> Appointment:
    """By its patient or its doctor, with a reason. The slot is free again."""
    outcome = await booking.cancel(services, appointment_id, account.id, cancellation.reason, key)
    if outcome.replayed:
        response.headers["idempotency-replayed"] = "true"
    return Appointment(**_fields(outcome.appointment))


@router.get("/v1/appointments", summary="Your appointments")
async def list_appointments(
    services: Use,
    account: Anyone,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Appointments:
    """Of the patient or the doctor who asks, newest first."""
    rows = await booking.mine(services.pool, account.id, before, limit + 1)
    page = [Appointment(**_fields(row)) for row in rows[:limit]]
    return Appointments(appointments=page, next=page[-1].id if len(rows) > limit else None)


def _fields(row: Any) -> dict[str, Any]:
    during = row["during"]
    return {
        "id": row["id"],
        "slot_id": row["slot_id"],
        "doctor_id": row["doctor_id"],
        "patient_id": row["patient_id"],
        "starts_at": during.lower,
        "minutes": int((during.upper - during.lower).total_seconds() // 60),
        "price_cents": row["price_cents"],
        "state": row["state"],
    }
