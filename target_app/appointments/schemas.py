"""What clients send and read about appointments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, HttpUrl, StringConstraints, UrlConstraints

State = Literal["offered", "requested", "accepted", "completed", "no_show", "declined", "cancelled", "expired"]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_AN_ID: Final = ["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"]


class Choice(BaseModel):
    slot_id: UUID = Field(examples=_AN_ID)


class Cancellation(BaseModel):
    reason: Reason = Field(examples=["I am travelling"])


class Refusal(BaseModel):
    reason: Reason = Field(examples=["Please see a neurologist first"])


class Acceptance(BaseModel):
    video_url: Annotated[HttpUrl, UrlConstraints(max_length=500, allowed_schemes=["https"])] | None = Field(
        None,
        description="Where doctor and patient meet; without it the clinic's usual address is used",
        examples=["https://video.clinic.example/room-7"],
    )


class Appointment(BaseModel):
    id: UUID = Field(examples=_AN_ID)
    slot_id: UUID
    doctor_id: UUID
    patient_id: UUID
    starts_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])
    minutes: int = Field(examples=[30])
    price_cents: int = Field(description="Price at booking, BRL cents", examples=[25000])
    state: State = Field(examples=["requested"])
    video_url: str | None = Field(
        description="Once accepted, for patient and doctor", examples=["https://video.clinic.example/room-7"]
    )
    rescheduled_from: UUID | None = Field(
        description="The appointment that this one took the place of", examples=[None]
    )
    offer_expires_at: datetime | None = Field(
        description="Until when an offer can be accepted", examples=["2027-02-28T12:15:00Z"]
    )


class NamedAppointment(Appointment):
    patient_name: str = Field(examples=["João da Silva"])
    doctor_name: str = Field(examples=["Dra. Ana Souza"])


class Appointments(BaseModel):
    appointments: list[NamedAppointment]
    next: UUID | None = Field(description="Give it as 'before' for the next page")


class Event(BaseModel):
    state: State | Literal["rescheduled", "moved", "reminder"] = Field(
        description="'moved': the patient took another slot instead, whose appointment began as 'rescheduled'",
        examples=["cancelled"],
    )
    at: datetime = Field(examples=["2027-02-27T09:30:00Z"])
    by: Literal["patient", "doctor", "staff", "system"] = Field(examples=["patient"])
    reason: str | None = Field(examples=["I am travelling"])


class History(BaseModel):
    events: list[Event] = Field(description="Oldest first")


class Position(BaseModel):
    position: int = Field(description="1 is the next to get an offer", examples=[1])


class Place(Position):
    doctor_id: UUID = Field(examples=_AN_ID)
    doctor_name: str = Field(examples=["Dra. Ana Souza"])


class Places(BaseModel):
    places: list[Place] = Field(description="In order of joining")


def fields(row: Mapping[str, Any], role: str) -> dict[str, Any]:
    """The appointment in `row` as somebody of that role may see it. The consultation is the patient's and the doctor's:
    reception has no link to it."""
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
        "video_url": None if role == "staff" else row["video_url"],
        "rescheduled_from": row["rescheduled_from"],
        "offer_expires_at": row["offer_expires_at"] if row["state"] == "offered" else None,
    }


def named(row: Mapping[str, Any], role: str) -> NamedAppointment:
    return NamedAppointment(**fields(row, role), patient_name=row["patient_name"], doctor_name=row["doctor_name"])
