"""Signing up, and one's own account."""

from fastapi import APIRouter, Request, Response

from target_app import idempotency
from target_app.database import sql
from target_app.idempotency import Key
from target_app.identity import removal
from target_app.identity.access import Anyone, APatient
from target_app.identity.registration import sign_up
from target_app.identity.schemas import Changes, Me, NewDoctor, NewPatient, Registered
from target_app.identity.tokens import Principal, unauthenticated
from target_app.network import client_address
from target_app.problems import RESPONSES, invalid
from target_app.services import Services, Use

_ME = sql(__package__, "me")
_CHANGE = sql(__package__, "change_me")
router = APIRouter(tags=["identity"], responses=RESPONSES)


@router.post("/v1/patients", status_code=201, summary="Sign up as a patient")
async def sign_up_patient(
    services: Use, key: Key, patient: NewPatient, request: Request, response: Response
) -> Registered:
    """'already-registered' (409) does not tell whether it is for the e-mail or for the CPF. A retry with the same
    Idempotency-Key, e-mail, CPF and password gives the first answer again. 'too-many-sign-ups' (429): there
    were many from the same address within an hour; Retry-After says when to come back."""
    return await _sign_up(services, patient, key, request, response)


@router.post("/v1/doctors", status_code=201, summary="Sign up as a doctor")
async def sign_up_doctor(
    services: Use, key: Key, doctor: NewDoctor, request: Request, response: Response
) -> Registered:
    """'already-registered' (409) does not tell whether it is for the e-mail or for the CRM. A retry with the same
    Idempotency-Key, e-mail, CRM and password gives the first answer again. 'too-many-sign-ups' (429): there
    were many from the same address within an hour; Retry-After says when to come back."""
    return await _sign_up(services, doctor, key, request, response)


@router.get("/v1/me", response_model_exclude_none=True, summary="Your account")
async def me(services: Use, account: Anyone) -> Me:
    """With the fields of your role."""
    return await _me(services, account)


@router.patch("/v1/me", response_model_exclude_none=True, summary="Change your account")
async def change_me(services: Use, account: Anyone, changes: Changes) -> Me:
    """Only what is given. Appointments keep the price that they were booked at."""
    if account.role != "doctor":
        foreign = [name for name in ("specialty", "price_cents") if getattr(changes, name) is not None]
        if foreign:
            raise invalid([{"at": f"body/{name}", "problem": "Only doctors have it"} for name in foreign])
    await services.pool.execute(
        _CHANGE, account.id, changes.name, changes.locale, changes.specialty, changes.price_cents
    )
    if changes.price_cents is not None:
        services.board.published(account.id)
        services.feed.published(account.id)
    return await _me(services, account)


@router.delete("/v1/me", status_code=204, summary="Have your account removed")
async def remove_me(services: Use, patient: APatient) -> None:
    """For patients. Cancels what is to come, erases your files, and makes your past appointments nobody's: they stay,
    with their price, for the accounting. It cannot be undone, and may be repeated. Tokens that were given out before
    run out within 15 minutes."""
    await removal.remove(services, patient.id)


async def _sign_up(
    services: Services, person: NewPatient | NewDoctor, key: str, request: Request, response: Response
) -> Registered:
    outcome = await sign_up(services, person, key, client_address(request.scope, services.settings.trusted_proxies))
    idempotency.tell(response, replayed=outcome.replayed)
    return Registered(id=outcome.answer)


async def _me(services: Services, account: Principal) -> Me:
    row = await services.pool.fetchrow(_ME, account.id)
    if row is None or row["name"] is None:
        raise unauthenticated("The account was removed.")
    return Me(**row)
