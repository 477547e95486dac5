"""Appointments: request, look, list, history; what becomes of them and waiting lists are in the routers beside."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from target_app import idempotency
from target_app.appointments import booking, reading, transition_routes, waiting_routes
from target_app.appointments.reading import Wanted
from target_app.appointments.schemas import (
    Appointment,
    Appointments,
    Choice,
    Event,
    History,
    NamedAppointment,
    State,
    fields,
    named,
)
from target_app.encoding import to_json
from target_app.front_door import Answer, Call, body_as, body_of, hot
from target_app.identity.access import Anyone, caller
from target_app.parameters import Moment
from target_app.problems import RESPONSES
from target_app.services import Use, services_of

router = APIRouter(tags=["appointments"], responses=RESPONSES)
router.include_router(transition_routes.router)
router.include_router(waiting_routes.router)

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
    patient = await caller(call, "patient")
    key = idempotency.of(call)
    slot = body_as(Choice, await call.whole_body()).slot_id
    outcome = await booking.request(services, patient.id, slot, key)
    body = to_json(fields(outcome.answer, patient.role))
    return Answer(201, body, idempotency.headers(replayed=outcome.replayed))


@router.get("/v1/appointments", summary="Your appointments")
async def list_appointments(
    services: Use,
    account: Anyone,
    state: State | None = None,
    begins_from: Annotated[Moment | None, Query(alias="from", description="Those that begin then or later")] = None,
    begins_until: Annotated[Moment | None, Query(alias="until", description="Those that begin before")] = None,
    doctor_id: Annotated[UUID | None, Query(description="Only this doctor's")] = None,
    before: Annotated[UUID | None, Query(description="The 'next' of the former page")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Appointments:
    """Of the patient or the doctor who asks, or of all doctors of the clinic whose staff ask; newest first. Offers from
    waiting lists are among them, in state 'offered'."""
    wanted = Wanted(state, begins_from, begins_until, doctor_id, before)
    rows = await reading.several(services.pool, account, wanted, limit + 1)
    page = [named(row, account.role) for row in rows[:limit]]
    return Appointments(appointments=page, next=page[-1].id if len(rows) > limit else None)


@router.get("/v1/appointments/{appointment_id}", summary="One appointment")
async def get_appointment(services: Use, account: Anyone, appointment_id: UUID) -> NamedAppointment:
    """For its patient, its doctor and the clinic's staff; to everybody else it does not exist."""
    return named(await reading.one(services.pool, appointment_id, account), account.role)


@router.get("/v1/appointments/{appointment_id}/history", summary="What happened to an appointment")
async def get_history(services: Use, account: Anyone, appointment_id: UUID) -> History:
    """Every change, with who made it and why: 'system' is what happened by itself, like an offer or a reminder."""
    rows = await reading.history(services.pool, appointment_id, account)
    return History(events=[Event(**row) for row in rows])
