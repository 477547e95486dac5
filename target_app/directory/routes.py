"""GET /v1/doctors."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from target_app.directory.search import Search
from target_app.identity.access import Anyone
from target_app.problems import RESPONSES
from target_app.services import Use

router = APIRouter(prefix="/v1/doctors", tags=["directory"], responses=RESPONSES)


class Doctor(BaseModel):
    id: str = Field(examples=["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"])
    name: str = Field(examples=["Dra. Ana Souza"])
    crm: str = Field(description="CRM number and state", examples=["123456/SP"])
    specialty: str = Field(examples=["cardiology"])
    price_cents: int = Field(description="Price of a consultation, BRL cents", examples=[25000])


class Doctors(BaseModel):
    doctors: list[Doctor]
    next: str | None = Field(description="Give it as 'after' for the next page", examples=[None])


@router.get("", response_model=Doctors, summary="Search doctors")
async def search_doctors(
    services: Use,
    _: Anyone,
    specialty: Annotated[str | None, Query(max_length=60, examples=["cardiology"])] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """By specialty, in order of name. An answer may be up to 5 s old."""
    body = await services.directory.doctors(Search(specialty, limit, after))
    return Response(body, media_type="application/json")
