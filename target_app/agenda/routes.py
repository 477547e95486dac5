"""A doctor's slots: what patients see of them, and what the doctor and the clinic's staff do with them."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from target_app import clock, idempotency
from target_app.agenda import changing, etag, publishing, queries
from target_app.agenda.schemas import (
    Agenda,
    Edit,
    KeptSlot,
    KeptSlots,
    Publication,
    Published,
    Slot,
    WeeklyPattern,
)
from target_app.encoding import to_json
from target_app.front_door import Answer, Call, body_as, body_of, hot
from target_app.idempotency import Key, Outcome
from target_app.identity.access import DoctorOrStaff, caller
from target_app.parameters import Moment, query_as, query_of
from target_app.problems import RESPONSES, doctor_not_found
from target_app.services import Use, services_of

_EXAMPLE: Final = {"slots": [{"starts_at": "2027-03-01T12:00:00Z", "minutes": 30}]}
_UUID: Final = {"type": "string", "format": "uuid"}
_FOR_WHOM: Final = "The doctor; staff must name one of their clinic"
ForWhom = Annotated[UUID | None, Query(description=_FOR_WHOM)]


class WhoseAgenda(BaseModel):
    doctor_id: UUID | None = Field(None, description=_FOR_WHOM)


router = APIRouter(tags=["agenda"], responses=RESPONSES)


@hot(
    router,
    "GET",
    "/v1/doctors/{doctor_id}/agenda",
    model=Agenda,
    summary="A doctor's free slots",
    parameters=[
        {"name": "doctor_id", "in": "path", "required": True, "schema": _UUID},
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The ETag of the agenda that you have: 304 without a body while it is the same",
            "schema": {"type": "string"},
        },
    ],
    responses={
        "200": {"headers": {"ETag": {"description": "Of this very agenda", "schema": {"type": "string"}}}},
        "304": {"description": "The agenda is still the one that you have"},
    },
)
async def agenda(call: Call) -> Answer:
    """The doctor's free slots with the price. An answer may be up to 10 s old; a booking is decided by the database."""
    services = services_of(call)
    await caller(call)
    page = await services.board.agenda(call.path_id("doctor_id"))
    if page is None:
        raise doctor_not_found()
    known = call.header(b"if-none-match")
    if known is not None and etag.matches(known, page.tag):
        return Answer(304, b"", page.headers)
    return Answer(200, page.body, page.headers)


@hot(
    router,
    "POST",
    "/v1/slots",
    model=Published,
    summary="Publish slots",
    status_code=201,
    parameters=[idempotency.PARAMETER, *query_of(WhoseAgenda)],
    requestBody=body_of(Publication, _EXAMPLE),
)
async def publish_slots(call: Call) -> Answer:
    """All of them or none: they may overlap neither each other nor slots that the doctor already has, of which 2,000
    may be to come ('agenda-full', 409)."""
    services = services_of(call)
    actor = await caller(call, "doctor", "staff")
    key = idempotency.of(call)
    doctor = publishing.doctor_of(actor, query_as(WhoseAgenda, call.scope["query_string"]).doctor_id)
    publication = body_as(Publication, await call.whole_body())
    spans = partial(publishing.single, publication, clock.now())
    outcome = await publishing.publish(services, actor.id, doctor, key, publication, spans)
    return Answer(201, _published(outcome), idempotency.headers(replayed=outcome.replayed))


@router.post("/v1/slots/weekly", summary="Publish slots by a weekly pattern", status_code=201, response_model=Published)
async def publish_weekly(
    services: Use, actor: DoctorOrStaff, key: Key, pattern: WeeklyPattern, doctor_id: ForWhom = None
) -> Response:
    """The consulting hours of each week, from the first day to the last, by the clock of the time zone, also across
    daylight-saving time. All slots or none; a doctor may have 2,000 to come ('agenda-full', 409). Starts of today that
    are past already are left out."""
    doctor = publishing.doctor_of(actor, doctor_id)
    spans = partial(publishing.weekly, pattern, clock.now())
    outcome = await publishing.publish(services, actor.id, doctor, key, pattern, spans)
    response = Response(_published(outcome), 201, media_type="application/json")
    idempotency.tell(response, replayed=outcome.replayed)
    return response


@router.get("/v1/doctors/{doctor_id}/slots", summary="All slots of a doctor, free and held")
async def list_slots(
    services: Use,
    actor: DoctorOrStaff,
    doctor_id: UUID,
    since: Annotated[Moment | None, Query(alias="from", description="The earliest start")] = None,
    until: Annotated[Moment | None, Query(description="Starts are before this")] = None,
    after: Annotated[Moment | None, Query(description="The 'next' of the former page")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> KeptSlots:
    """For the doctor and the staff of their clinic, in order of time, with what holds each."""
    rows = await queries.listing(services.pool, actor.id, doctor_id, since, until, after, limit + 1)
    if rows is None:
        raise doctor_not_found()
    page = [KeptSlot(**row) for row in rows[:limit]]
    return KeptSlots(slots=page, next=page[-1].starts_at if len(rows) > limit else None)


@router.patch("/v1/slots/{slot_id}", summary="Move a slot or change its length")
async def edit_slot(
    services: Use, actor: DoctorOrStaff, key: Key, slot_id: UUID, edit: Edit, response: Response
) -> Slot:
    """While nobody holds it ('slot-held', 409) and it has not begun. It may not overlap another ('slot-overlap',
    409)."""
    slot, replayed = await changing.edit(services, actor.id, slot_id, edit, key)
    idempotency.tell(response, replayed=replayed)
    return Slot(id=str(slot["id"]), starts_at=slot["starts_at"], minutes=slot["minutes"])


@router.delete("/v1/slots/{slot_id}", summary="Remove a slot", status_code=204)
async def remove_slot(services: Use, actor: DoctorOrStaff, key: Key, slot_id: UUID, response: Response) -> None:
    """While nobody holds it ('slot-held', 409). One that is gone already is not found (404)."""
    outcome = await changing.remove(services, actor.id, slot_id, key)
    idempotency.tell(response, replayed=outcome.replayed)


def _published(outcome: Outcome[list[dict[str, Any]]]) -> bytes:
    return to_json({"created": len(outcome.answer), "slots": outcome.answer})
