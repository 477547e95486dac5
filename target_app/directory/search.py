"""What may be asked of the directory, and the cursor that leads from one page to the next."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, ValidationInfo, field_validator

from target_app import cursor
from target_app.identity.schemas import PRICE_CENTS_MAX, State
from target_app.parameters import ONE_SPACE, PRINTABLE, Moment

Price = Annotated[int, Field(ge=0, le=PRICE_CENTS_MAX)]


class Search(BaseModel):
    """A filter that is None lets everybody pass."""

    specialty: Annotated[str, StringConstraints(min_length=1, max_length=60), PRINTABLE] | None = Field(
        None, examples=["cardiology"]
    )
    name: (
        Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), ONE_SPACE, PRINTABLE]
        | None
    ) = Field(None, description="A part of the name; neither accents nor upper case matter", examples=["goncalves"])
    state: State | None = Field(None, description="State of the CRM", examples=["SP"])
    price_min_cents: Price | None = Field(None, description="BRL cents", examples=[10_000])
    price_max_cents: Price | None = Field(None, description="BRL cents", examples=[40_000])
    free_from: Moment | None = Field(
        None,
        description="Only doctors with a free slot that starts then or later, and not in the past",
        examples=["2027-03-01T00:00:00Z"],
    )
    free_until: Moment | None = Field(
        None, description="Only doctors with a free slot that starts before", examples=["2027-03-08T00:00:00Z"]
    )
    limit: int = Field(20, ge=1, le=200, examples=[20])
    after: str = Field(
        "", max_length=4_000, description="The 'next' of the former page, for the same filters", examples=[""]
    )

    @field_validator("price_max_cents")
    @classmethod
    def _not_below_the_least(cls, price_cents: int | None, info: ValidationInfo) -> int | None:
        least_cents = info.data.get("price_min_cents")
        if price_cents is not None and least_cents is not None and price_cents < least_cents:
            raise ValueError("must not be less than price_min_cents")
        return price_cents

    @field_validator("free_until")
    @classmethod
    def _later_than_the_start(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("free_from")
        if until is not None and start is not None and until <= start:
            raise ValueError("must be later than free_from")
        return until


class Place(NamedTuple):
    """Where a page ends, in the order of the directory."""

    name: str
    doctor_id: UUID


def after(search: Search, last: Place) -> str:
    """The `after` of the page that follows `last`."""
    return cursor.write(_filters(search), last.name, last.doctor_id)


def place(search: Search) -> Place | None:
    """Where the page starts. Raises Problem 422 unless the cursor is one of this search's."""

    def of_this_search(parts: list[Any]) -> Place:
        match parts:
            case [str(filters), str(name), str(doctor_id)] if filters == _filters(search) and "\0" not in name:
                return Place(name, UUID(doctor_id))
        raise ValueError(parts)

    return cursor.read(search.after, of_this_search) if search.after else None


def _filters(search: Search) -> str:
    """A name for the search whatever its page."""
    return hashlib.sha256(search.model_dump_json(exclude={"limit", "after"}).encode()).hexdigest()[:16]
