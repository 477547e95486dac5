"""GET /v1/notifications and POST /v1/notifications/{event_id}/retry: support for e-mails, for a clinic's staff."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from target_app import idempotency
from target_app.idempotency import Key
from target_app.identity.access import Staff
from target_app.notifications import support
from target_app.problems import RESPONSES
from target_app.services import Use

State = Literal["sending", "sent", "failed", "overtaken"]
Recipient = Annotated[str, Field(max_length=254, examples=["maria@example.com"])]
router = APIRouter(prefix="/v1/notifications", tags=["notifications"], responses=RESPONSES)


class Notification(BaseModel):
    event_id: UUID = Field(description="The change that the e-mail tells of")
    recipient: Recipient
    state: State = Field(
        description="'overtaken': dropped, as what it tells was not so any more when it was to be sent",
        examples=["failed"],
    )
    event: str = Field(description="What happened to the appointment", examples=["accepted"])
    appointment_id: UUID
    doctor_id: UUID
    attempts: int = Field(examples=[1])
    error: str | None = Field(description="Why the last attempt failed", examples=["550 no such user"])
    happened_at: datetime = Field(description="When the event happened", examples=["2027-03-01T12:00:00Z"])
    tried_at: datetime | None = Field(
        description="The last attempt, or when it was dropped", examples=["2027-03-01T12:00:01Z"]
    )
    retry_at: datetime | None = Field(description="The next attempt of one that is put off", examples=[None])
    sent_at: datetime | None = Field(examples=[None])


class Notifications(BaseModel):
    notifications: list[Notification]
    next: str | None = Field(description="Give it as 'after' for the next page", examples=[None])


class Retry(BaseModel):
    recipient: Recipient


class Retried(BaseModel):
    event_id: UUID
    recipient: Recipient
    state: Literal["sending"] = "sending"


@router.get("", summary="The clinic's e-mails")
async def list_notifications(
    services: Use,
    staff: Staff,
    state: Annotated[State | None, Query(examples=["failed"])] = None,
    recipient: Annotated[str | None, Query(max_length=254, examples=["maria@example.com"])] = None,
    appointment_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    after: Annotated[str, Query(max_length=500)] = "",
) -> Notifications:
    """What became of each e-mail about an appointment of the clinic, newest event first. An event that is not in the
    list has had no e-mail tried yet, or nobody is told of it."""
    wanted = support.Filter(state, recipient and recipient.lower(), appointment_id)
    rows = await support.page(services.pool, staff.id, wanted, after, limit + 1)
    page = rows[:limit]
    return Notifications(
        notifications=[Notification(**dict(row)) for row in page],
        next=support.next_page(page[-1]) if len(rows) > limit else None,
    )


@router.post("/{event_id}/retry", status_code=202, summary="Send a failed e-mail again")
async def retry_notification(
    services: Use, staff: Staff, key: Key, event_id: UUID, retry: Retry, response: Response
) -> Retried:
    """Only one that was given up: the others are tried again without being asked for. It is no dead letter any more
    once it was tried."""
    recipient = retry.recipient.lower()
    replayed = await support.retry(services.pool, staff.id, event_id, recipient, key)
    idempotency.tell(response, replayed=replayed)
    return Retried(event_id=event_id, recipient=recipient)
