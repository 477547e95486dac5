"""What a change of an appointment came to, and who must hear of it."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from target_app.problems import Problem, contended
from target_app.services import Services

TRIES_MAX: Final = 3
"""How often a change is decided anew when something else got in between."""


Row = Mapping[str, Any]
"""An appointment with the columns that every answer has."""


def as_requested(row: Row) -> Row:
    """An appointment as it was when it was made, for whoever asks again: it may have gone on since."""
    return {**row, "state": "requested", "video_url": None}


def slot_freed(services: Services, doctor: UUID, slot: UUID, offered_to: UUID | None) -> None:
    """Tell this and the other replicas that the slot is free, or who is offered it."""
    for hears in (services.board, services.feed):
        if offered_to is None:
            hears.freed(doctor, slot)
        else:
            hears.took(doctor, slot, offered_to)


def slot_taken_by(services: Services, doctor: UUID, slot: UUID, patient: UUID) -> None:
    services.board.took(doctor, slot, patient)
    services.feed.took(doctor, slot, patient)


def begun() -> Problem:
    return Problem(409, "begun", "The appointment has begun already", "It can only be completed or missed now.")


def slot_past() -> Problem:
    return Problem(409, "slot-past", "The slot has begun already", "Choose a later one.")


def slot_taken(free: int | None) -> Problem:
    """`free`: how many slots the doctor still has, so that nobody asks for an agenda that is sold out."""
    return Problem(
        409,
        "slot-taken",
        "The slot is taken",
        "Another patient holds this slot. Read the agenda again and choose another.",
        **({} if free is None else {"free": free}),
    )


def elsewhere() -> Problem:
    return Problem(
        409,
        "patient-overlap",
        "You have another appointment at that time",
        "Cancel it first, or choose a slot that does not overlap it.",
    )


def changing_hands() -> Problem:
    return contended("The slot is changing hands")
