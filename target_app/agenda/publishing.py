"""Publishing slots: all of a request or none, and once however often it is sent."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import BaseModel

from target_app import idempotency
from target_app.agenda import queries
from target_app.agenda.schemas import AGENDA_SLOTS_MAX, HORIZON, Publication, WeeklyPattern
from target_app.agenda.weekly import Span, expand
from target_app.idempotency import Outcome
from target_app.identity.tokens import Principal
from target_app.problems import Problem, doctor_not_found, invalid
from target_app.services import Services


def doctor_of(actor: Principal, named: UUID | None) -> UUID:
    """Whose agenda the actor works on. Raises Problem 422 when staff name nobody.

    Whether the actor may act for that doctor is up to the statement that does the work.
    """
    if named is not None:
        return named
    if actor.role == "doctor":
        return actor.id
    raise invalid([{"at": "query/doctor_id", "problem": "Staff must name the doctor"}])


def agenda_full() -> Problem:
    return Problem(
        409,
        "agenda-full",
        f"A doctor may have at most {AGENDA_SLOTS_MAX} slots to come",
        "Nothing was published. Remove some first, or publish fewer.",
    )


def overlap() -> Problem:
    return Problem(409, "slot-overlap", "The slot would overlap another of the doctor", "Nothing was changed.")


def check_start(starts_at: datetime, now: datetime) -> None:
    """Raises Problem 422 for a start that is past or absurdly far ahead."""
    if starts_at <= now:
        raise _past(f"{starts_at.isoformat()} is past.")
    if starts_at > now + HORIZON:
        raise Problem(422, "slot-too-far", f"A slot may be at most {HORIZON.days} days ahead", starts_at.isoformat())


def single(publication: Publication, now: datetime) -> list[Span]:
    """The slots of a publication. Raises Problem 422 for one that is past or too far ahead."""
    for slot in publication.slots:
        check_start(slot.starts_at, now)
    return [Span(slot.starts_at, slot.starts_at + timedelta(minutes=slot.minutes)) for slot in publication.slots]


def weekly(pattern: WeeklyPattern, now: datetime) -> list[Span]:
    """The slots of a weekly pattern; of the first day, when it is today, those that have begun already are left out.

    Raises Problem 422 when the first day is past, the last one is too far ahead, or there are no slots or too many.
    """
    zone = ZoneInfo(pattern.timezone)
    if pattern.first_day < now.astimezone(zone).date():
        raise _past(f"'first_day' {pattern.first_day} is past in {pattern.timezone}.")
    if pattern.last_day > (now + HORIZON).date():
        raise Problem(422, "slot-too-far", f"A slot may be at most {HORIZON.days} days ahead", f"{pattern.last_day}")
    spans = expand([each.hours() for each in pattern.weekdays], pattern.first_day, pattern.last_day, zone)
    asked = list(islice((span for span in spans if span.starts_at > now), AGENDA_SLOTS_MAX + 1))
    if not asked:
        raise Problem(
            422,
            "nothing-to-publish",
            "The pattern has no slots",
            "No such weekday lies between 'first_day' and 'last_day', the hours are shorter than a slot, or they are"
            " over for today.",
        )
    if len(asked) > AGENDA_SLOTS_MAX:
        raise Problem(
            422,
            "too-many-slots",
            f"The pattern has more than {AGENDA_SLOTS_MAX} slots",
            "Publish a shorter range of days at a time.",
        )
    return asked


async def publish(
    services: Services, actor: UUID, doctor: UUID, key: str, request: BaseModel, spans: Callable[[], Sequence[Span]]
) -> Outcome[list[dict[str, Any]]]:
    """Publish what `spans` gives for the request, and answer the slots. Raises Problem, then nothing was published.

    A retry is answered from what the first request made, even when that has begun, moved or gone since.
    """
    fingerprint = hashlib.sha256(b"%b %b" % (doctor.bytes, request.model_dump_json().encode())).digest()
    rows: list[Any] = []
    refusal = None
    try:
        rows = await queries.publish(services.pool, actor, doctor, key, fingerprint, spans(), AGENDA_SLOTS_MAX)
    except Problem as problem:
        refusal = problem
    except asyncpg.ExclusionViolationError as error:
        raise overlap() from error
    replayed = not rows
    if replayed:
        rows = await queries.published(services.pool, actor, key)
        if not rows:
            acts = await queries.acts_for(services.pool, actor, doctor)
            raise refusal or (agenda_full() if acts else doctor_not_found())
        if rows[0]["fingerprint"] != fingerprint:
            raise idempotency.reused()
    services.board.published(doctor)
    services.feed.published(doctor)
    return Outcome(
        [{"id": row["id"], "starts_at": row["starts_at"], "minutes": row["minutes"]} for row in rows], replayed
    )


def _past(detail: str) -> Problem:
    return Problem(422, "slot-in-the-past", "A slot must begin in the future", detail)
