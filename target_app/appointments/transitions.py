"""What may become of an appointment, by whom, and how it does."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app import idempotency
from target_app.appointments.outcomes import TRIES_MAX, Row, begun, changing_hands, elsewhere, slot_freed
from target_app.database import sql
from target_app.idempotency import Outcome
from target_app.problems import Problem, appointment_not_found
from target_app.services import Services

_TRANSITION: Final = sql(__package__, "transition")
_UNCHANGED: Final = sql(__package__, "unchanged")
_CANCEL_ALL: Final = sql(__package__, "cancel_all")


@dataclass(frozen=True, slots=True)
class Transition:
    """`by_doctor` includes the staff of the doctor's clinic. `otherwise`: the reason and title of the refusal to change
    an appointment that is in another state."""

    comes_from: tuple[str, ...]
    leads_to: str
    otherwise: tuple[str, str]
    by_patient: bool = False
    by_doctor: bool = False
    after_its_start: bool = False
    before_its_start: bool = False


_NOT_REQUESTED: Final = ("not-requested", "Only a requested appointment can be accepted or declined")
_NOT_ACCEPTED: Final = ("not-accepted", "Only an accepted appointment can be completed or missed")
_NOT_OFFERED: Final = ("not-offered", "Only an offer can be accepted or refused")
NOT_LIVE: Final = ("not-live", "Only a live appointment can be cancelled or moved")

ACCEPT: Final = Transition(("requested",), "accepted", _NOT_REQUESTED, by_doctor=True, before_its_start=True)
DECLINE: Final = Transition(("requested",), "declined", _NOT_REQUESTED, by_doctor=True)
CANCEL: Final = Transition(
    ("requested", "accepted"), "cancelled", NOT_LIVE, by_patient=True, by_doctor=True, before_its_start=True
)
COMPLETE: Final = Transition(("accepted",), "completed", _NOT_ACCEPTED, by_doctor=True, after_its_start=True)
NO_SHOW: Final = Transition(("accepted",), "no_show", _NOT_ACCEPTED, by_doctor=True, after_its_start=True)
ACCEPT_OFFER: Final = Transition(("offered",), "requested", _NOT_OFFERED, by_patient=True)
REFUSE_OFFER: Final = Transition(("offered",), "expired", _NOT_OFFERED, by_patient=True)


async def change(
    services: Services,
    transition: Transition,
    appointment: UUID,
    by: UUID,
    key: str,
    *,
    reason: str | None = None,
    video_url: str | None = None,
    made_url: str | None = None,
) -> Outcome[Row]:
    """Let the transition happen, in one round trip. A slot that it frees is offered to who waits. Raises Problem.

    `video_url` is part of the request; without one the appointment gets `made_url`.
    """
    for _ in range(TRIES_MAX):
        changed = await _try(services, transition, appointment, by, key, reason, video_url or made_url)
        if changed is not None:
            if changed["freed"]:
                slot_freed(services, changed["doctor_id"], changed["slot_id"], changed["offered_to"])
            return Outcome(changed, replayed=False)
        one = await services.pool.fetchrow(_UNCHANGED, appointment, by, key)
        if one is None:
            raise appointment_not_found()
        if one["used_for"] is not None:
            if (one["used_for"], one["used_state"], one["used_reason"]) != (appointment, transition.leads_to, reason):
                raise idempotency.reused()
            if video_url is not None and one["used_video_url"] != video_url:
                raise idempotency.reused()
            as_it_was = {**one, "state": transition.leads_to, "video_url": one["used_video_url"]}
            return Outcome(as_it_was, replayed=True)
        if one["state"] not in transition.comes_from:
            raise not_in_state(transition.otherwise, one["state"])
        if transition.after_its_start and not one["begun"]:
            raise Problem(409, "too-early", "The appointment has not begun yet", "Wait until its start.")
        if transition.before_its_start and one["begun"]:
            raise begun()
        if one["state"] == "offered" and one["lapsed"]:
            raise Problem(409, "offer-expired", "The offer has expired", "The slot goes to the next who waits.")
    raise changing_hands()


def not_in_state(otherwise: tuple[str, str], state: str) -> Problem:
    reason, title = otherwise
    return Problem(409, reason, title, f"It is {state.replace('_', '-')}.")


async def cancel_all(services: Services, patient: UUID, reason: str) -> int:
    """Cancel all that a patient has to come and take them off all waiting lists; return how many appointments and
    offers that ended. What frees is offered to others."""
    rows: list[Any] = await services.pool.fetch(_CANCEL_ALL, patient, reason, services.settings.offer_s)
    for row in rows:
        slot_freed(services, row["doctor_id"], row["slot_id"], row["offered_to"])
    return len(rows)


async def _try(
    services: Services,
    transition: Transition,
    appointment: UUID,
    by: UUID,
    key: str,
    reason: str | None,
    video_url: str | None,
) -> Any:
    """The changed row, or None when unchanged.sql must say why not."""
    try:
        return await services.pool.fetchrow(
            _TRANSITION,
            appointment,
            by,
            transition.comes_from,
            transition.leads_to,
            transition.by_patient,
            transition.by_doctor,
            transition.after_its_start,
            reason,
            video_url,
            key,
            services.settings.offer_s,
            transition.before_its_start,
        )
    except asyncpg.ExclusionViolationError as error:
        raise elsewhere() from error
    except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
        return None  # the key has done something already, or two wanted the same and we gave way
