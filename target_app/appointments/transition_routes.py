"""What becomes of an appointment: POST /v1/appointments/{appointment_id}/…"""

import secrets
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response

from target_app import idempotency
from target_app.appointments import transitions
from target_app.appointments.outcomes import Row
from target_app.appointments.reschedule import reschedule
from target_app.appointments.schemas import Acceptance, Appointment, Cancellation, Choice, Refusal, fields
from target_app.idempotency import Key, Outcome
from target_app.identity.access import Anyone, APatient, DoctorOrStaff
from target_app.identity.tokens import Principal
from target_app.services import Use

ROOM_BYTES: Final = 16
"""Of chance in the name of a video room."""
router = APIRouter(prefix="/v1/appointments/{appointment_id}")


def _answer(outcome: Outcome[Row], who: Principal, response: Response) -> Appointment:
    idempotency.tell(response, replayed=outcome.replayed)
    return Appointment(**fields(outcome.answer, who.role))


@router.post("/accept", summary="Accept a requested appointment")
async def accept_appointment(
    services: Use,
    account: DoctorOrStaff,
    key: Key,
    appointment_id: UUID,
    response: Response,
    acceptance: Acceptance | None = None,
) -> Appointment:
    """By its doctor or the clinic's staff, before it begins ('begun', 409). From now on patient and doctor see the link
    of the video call."""
    given = str(acceptance.video_url) if acceptance and acceptance.video_url else None
    made = services.settings.video_url_template.format(room=secrets.token_urlsafe(ROOM_BYTES))
    outcome = await transitions.change(
        services, transitions.ACCEPT, appointment_id, account.id, key, video_url=given, made_url=made
    )
    return _answer(outcome, account, response)


@router.post("/decline", summary="Decline a requested appointment")
async def decline_appointment(
    services: Use, account: DoctorOrStaff, key: Key, appointment_id: UUID, refusal: Refusal, response: Response
) -> Appointment:
    """By its doctor or the clinic's staff, with a reason. The slot is free again, or offered to the next who waits."""
    outcome = await transitions.change(
        services, transitions.DECLINE, appointment_id, account.id, key, reason=refusal.reason
    )
    return _answer(outcome, account, response)


@router.post("/cancel", summary="Cancel an appointment")
async def cancel_appointment(
    services: Use, account: Anyone, key: Key, appointment_id: UUID, cancellation: Cancellation, response: Response
) -> Appointment:
    """By its patient, its doctor or the clinic's staff, with a reason. The slot is free again, or offered to the next
    who waits."""
    outcome = await transitions.change(
        services, transitions.CANCEL, appointment_id, account.id, key, reason=cancellation.reason
    )
    return _answer(outcome, account, response)


@router.post("/complete", summary="The consultation took place")
async def complete_appointment(
    services: Use, account: DoctorOrStaff, key: Key, appointment_id: UUID, response: Response
) -> Appointment:
    """By its doctor or the clinic's staff, once it has begun."""
    outcome = await transitions.change(services, transitions.COMPLETE, appointment_id, account.id, key)
    return _answer(outcome, account, response)


@router.post("/no-show", summary="The patient did not come")
async def miss_appointment(
    services: Use, account: DoctorOrStaff, key: Key, appointment_id: UUID, response: Response
) -> Appointment:
    """By its doctor or the clinic's staff, once it has begun."""
    outcome = await transitions.change(services, transitions.NO_SHOW, appointment_id, account.id, key)
    return _answer(outcome, account, response)


@router.post("/reschedule", summary="Move an appointment to another slot")
async def reschedule_appointment(
    services: Use, patient: APatient, key: Key, appointment_id: UUID, choice: Choice, response: Response
) -> Appointment:
    """To a free slot of the same doctor, at the same price. Answers the new appointment, which the doctor has to
    accept; the old one is cancelled in the same moment, or, when the slot is not to be had, stays as it is."""
    outcome = await reschedule(services, appointment_id, patient.id, choice.slot_id, key)
    return _answer(outcome, patient, response)


@router.post("/accept-offer", summary="Accept an offer from a waiting list")
async def accept_offer(
    services: Use, patient: APatient, key: Key, appointment_id: UUID, response: Response
) -> Appointment:
    """The offer becomes a requested appointment. 'patient-overlap' (409) means that you have another one at that time:
    the offer stands until it expires."""
    outcome = await transitions.change(services, transitions.ACCEPT_OFFER, appointment_id, patient.id, key)
    return _answer(outcome, patient, response)


@router.post("/refuse-offer", summary="Refuse an offer from a waiting list")
async def refuse_offer(
    services: Use, patient: APatient, key: Key, appointment_id: UUID, response: Response
) -> Appointment:
    """The slot is offered to the next who waits, or free."""
    outcome = await transitions.change(services, transitions.REFUSE_OFFER, appointment_id, patient.id, key)
    return _answer(outcome, patient, response)
