"""GET /v1/doctors, GET /v1/doctors/{doctor_id} and GET /v1/specialties."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from target_app.directory.search import Search
from target_app.front_door import Answer, Call, hot
from target_app.identity.access import Anyone, caller
from target_app.parameters import query_of
from target_app.problems import RESPONSES, doctor_not_found
from target_app.services import Use, services_of

router = APIRouter(tags=["directory"], responses=RESPONSES)


class Doctor(BaseModel):
    id: str = Field(examples=["019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"])
    name: str = Field(examples=["Dra. Ana Souza"])
    crm: str = Field(description="CRM number and state", examples=["123456/SP"])
    specialty: str = Field(examples=["cardiology"])
    price_cents: int = Field(description="Price of a consultation, BRL cents", examples=[25000])


class Doctors(BaseModel):
    doctors: list[Doctor]
    next: str | None = Field(description="Give it as 'after' for the next page", examples=[None])


class Specialties(BaseModel):
    specialties: list[str] = Field(examples=[["cardiology", "dermatology"]])


@hot(router, "GET", "/v1/doctors", model=Doctors, summary="Search doctors", parameters=query_of(Search))
async def search_doctors(call: Call) -> Answer:
    """Those who pass every filter, in order of name. An answer may be up to 5 s old."""
    services = services_of(call)
    await caller(call)
    return Answer(200, await services.directory.doctors(call.scope["query_string"]))


@router.get("/v1/doctors/{doctor_id}", summary="One doctor")
async def one_doctor(services: Use, _: Anyone, doctor_id: UUID) -> Doctor:
    """An answer may be up to 2 s old."""
    doctor = await services.directory.doctor(doctor_id, services.board.since_s(doctor_id))
    if doctor is None:
        raise doctor_not_found()
    return Doctor(**doctor | {"id": str(doctor_id)})


@router.get("/v1/specialties", response_model=Specialties, summary="The specialties that doctors have")
async def list_specialties(services: Use, _: Anyone) -> Response:
    """In order of the alphabet. An answer may be up to 5 s old."""
    return Response(await services.directory.specialties(), media_type="application/json")
