"""What the agenda's routes take and give."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from target_app.agenda.weekly import Hours

SLOTS_MAX: Final = 200
"""In one publication of single slots."""
AGENDA_SLOTS_MAX: Final = 2_000
"""That a doctor has to come, and so in one publication of a weekly pattern."""
WEEKLY_DAYS_MAX: Final = 366
HORIZON: Final = timedelta(days=5 * 366)
"""How far ahead a slot may be."""
_ID: Final = "019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"
_START: Final = "2027-03-01T12:00:00Z"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a folder of zones is an OSError
        raise ValueError("there is no such time zone in the IANA database") from error
    return name


Minutes = Annotated[int, Field(ge=5, le=240, description="Length of a slot", examples=[30])]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Time of day in the time zone")]
Zone = Annotated[str, Field(max_length=64, description="Of the IANA database"), AfterValidator(_zone)]


class Slot(BaseModel):
    id: str = Field(examples=[_ID])
    starts_at: datetime = Field(examples=[_START])
    minutes: int = Field(examples=[30])


class Agenda(BaseModel):
    doctor_id: str = Field(examples=[_ID])
    price_cents: int = Field(description="Price of a consultation, BRL cents", examples=[25000])
    total: int = Field(description="Slots from now on, taken ones included", examples=[20])
    free: int = Field(examples=[1])
    slots: list[Slot] = Field(description="The free ones, in order of time")


class NewSlot(BaseModel):
    starts_at: AwareDatetime = Field(examples=[_START])
    minutes: Minutes


class Publication(BaseModel):
    slots: Annotated[list[NewSlot], Field(min_length=1, max_length=SLOTS_MAX)]


class WeekdayHours(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    weekday: int = Field(ge=1, le=7, description="ISO: Monday is 1, Sunday 7", examples=[1])
    begin: Clock = Field(alias="from", examples=["08:00"])
    end: Clock = Field(alias="until", examples=["12:00"])
    minutes: Minutes
    break_minutes: int = Field(0, ge=0, le=240, description="Between two slots", examples=[0])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begin >= self.end:
            raise ValueError("'until' must be later than 'from'")
        return self

    def hours(self) -> Hours:
        begin, end = (time.fromisoformat(clock) for clock in (self.begin, self.end))
        return Hours(self.weekday, begin, end, self.minutes, self.break_minutes)


class WeeklyPattern(BaseModel):
    first_day: date = Field(examples=["2027-03-01"])
    last_day: date = Field(description="The last one with slots", examples=["2027-03-31"])
    timezone: Zone = Field("America/Sao_Paulo", examples=["America/Sao_Paulo"])
    weekdays: Annotated[list[WeekdayHours], Field(min_length=1, max_length=28)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not 0 <= (self.last_day - self.first_day).days < WEEKLY_DAYS_MAX:
            raise ValueError(f"'last_day' must be from 'first_day' to {WEEKLY_DAYS_MAX - 1} days later")
        return self


class Published(BaseModel):
    created: int = Field(examples=[1])
    slots: list[Slot]


class Edit(BaseModel):
    starts_at: AwareDatetime | None = Field(None, description="When it moves to", examples=[_START])
    minutes: Minutes | None = Field(None, description="How long it becomes", examples=[30])

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.starts_at is None and self.minutes is None:
            raise ValueError("give 'starts_at', 'minutes' or both")
        return self


class KeptSlot(BaseModel):
    id: UUID = Field(examples=[_ID])
    starts_at: datetime = Field(examples=[_START])
    minutes: int = Field(examples=[30])
    state: Literal["free", "offered", "requested", "accepted", "completed", "no_show"] = Field(examples=["requested"])
    appointment_id: UUID | None = Field(description="Of whoever holds the slot", examples=[_ID])


class KeptSlots(BaseModel):
    slots: list[KeptSlot]
    next: datetime | None = Field(description="Give it as 'after' for the next page", examples=[None])
