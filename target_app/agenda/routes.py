"""GET /v1/doctors/{doctor_id}/agenda and POST /v1/slots."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import asyncpg
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from target_app import idempotency
from target_app.agenda import queries
from target_app.encoding import to_json
from target_app.front_door import Answer, Call, body_as, body_of, hot
from target_app.identity.access import caller, require
from target_app.problems import RESPONSES, Problem
from target_app.services import services_of

SLOTS_MAX: Final = 200
_EXAMPLE: Final = {"slots": [{"starts_at": "2027-03-01T12:00:00Z", "minutes": 30}]}
router = APIRouter(tags=["agenda"], responses=RESPONSES)


class Slot(BaseModel):
    id: str = Field(examples=["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"])
    starts_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])
    minutes: int = Field(examples=[30])


class Agenda(BaseModel):
    doctor_id: str = Field(examples=["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"])
    price_cents: int = Field(description="Price of a consultation, BRL cents", examples=[25000])
    total: int = Field(description="Slots from now on, taken ones included", examples=[20])
    free: int = Field(examples=[1])
    slots: list[Slot] = Field(description="The free ones, in order of time")


class NewSlot(BaseModel):
    starts_at: AwareDatetime = Field(examples=["2027-03-01T12:00:00Z"])
    minutes: int = Field(ge=5, le=240, examples=[30])


class Publication(BaseModel):
    slots: Annotated[list[NewSlot], Field(min_length=1, max_length=SLOTS_MAX)]


class Published(BaseModel):
    created: int = Field(examples=[1])
    slots: list[Slot]


@hot(
    router,
    "GET",
    "/v1/doctors/{doctor_id}/agenda",
    model=Agenda,
    summary="A doctor's free slots",
    parameters=[{"name": "doctor_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
)
async def agenda(call: Call) -> Answer:
    """The doctor's free slots with the price. An answer may be up to 10 s old; a booking is decided by the database."""
    services = services_of(call)
    caller(call)
    body = await services.board.agenda(call.path_id("doctor_id"))
    if body is None:
        raise Problem(404, "doctor-not-found", "There is no such doctor")
    return Answer(200, body)


@hot(
    router,
    "POST",
    "/v1/slots",
    model=Published,
    summary="Publish slots",
    status_code=201,
    parameters=[idempotency.PARAMETER],
    requestBody=body_of(Publication, _EXAMPLE),
)
async def publish_slots(call: Call) -> Answer:
    """All of them or none: they may overlap neither each other nor slots that the doctor already has."""
    services = services_of(call)
    doctor = require(caller(call), "doctor")
    key = idempotency.of(call)
    publication = body_as(Publication, await call.whole_body())
    times = [(slot.starts_at, slot.starts_at + timedelta(minutes=slot.minutes)) for slot in publication.slots]
    past = [start for start, _ in times if start <= datetime.now(UTC)]
    if past:
        raise Problem(422, "slot-in-the-past", "A slot must begin in the future", f"{past[0].isoformat()} is past.")
    replayed = False
    try:
        rows = await queries.publish(services.pool, doctor.id, times, key)
    except asyncpg.ExclusionViolationError as error:
        rows = await queries.published(services.pool, doctor.id, key)
        if not rows:
            raise Problem(409, "slot-overlap", "A slot overlaps another of yours") from error
        if not _same(rows, times):
            raise idempotency.reused() from error
        replayed = True
    except asyncpg.ForeignKeyViolationError as error:
        raise Problem(403, "forbidden", "Only a registered doctor may publish slots") from error
    services.board.published(doctor.id)
    services.feed.published(doctor.id)
    body = to_json({"created": len(rows), "slots": [dict(row) for row in rows]})
    return Answer(201, body, (idempotency.REPLAYED,) if replayed else ())


def _same(rows: Sequence[Any], times: Sequence[tuple[datetime, datetime]]) -> bool:
    made = [(row["starts_at"], row["starts_at"] + timedelta(minutes=row["minutes"])) for row in rows]
    return made == sorted(times)
