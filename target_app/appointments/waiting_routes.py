"""Waiting lists: a doctor's to join and leave, and one's own places."""

from uuid import UUID

from fastapi import APIRouter, Response

from target_app import idempotency
from target_app.appointments import waiting
from target_app.appointments.schemas import Place, Places, Position
from target_app.idempotency import Key
from target_app.identity.access import APatient
from target_app.services import Use

router = APIRouter()


@router.put("/v1/doctors/{doctor_id}/waiting-list", summary="Join a doctor's waiting list")
async def join_waiting_list(
    services: Use, patient: APatient, key: Key, doctor_id: UUID, response: Response
) -> Position:
    """When one of the doctor's slots becomes free, the first in line is offered it for some minutes and leaves the
    list: see GET /v1/appointments?state=offered. Who waits already keeps their place."""
    joined = await waiting.join(services.pool, patient.id, doctor_id, key)
    idempotency.tell(response, replayed=joined.replayed)
    return Position(position=joined.answer)


@router.delete("/v1/doctors/{doctor_id}/waiting-list", summary="Leave a doctor's waiting list", status_code=204)
async def leave_waiting_list(services: Use, patient: APatient, key: Key, doctor_id: UUID, response: Response) -> None:
    """An offer that was made already stays: refuse it instead."""
    idempotency.tell(response, replayed=await waiting.leave(services.pool, patient.id, doctor_id, key))


@router.get("/v1/waiting-list", summary="Whom you wait for")
async def list_places(services: Use, patient: APatient) -> Places:
    """Your places in doctors' waiting lists, in the order in which you joined them."""
    return Places(places=[Place(**row) for row in await waiting.places(services.pool, patient.id)])
