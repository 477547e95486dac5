"""Signing up."""

from typing import Final
from uuid import UUID

from target_app.database import all_or_nothing, sql
from target_app.idempotency import Outcome
from target_app.identity.schemas import NewDoctor, NewPatient
from target_app.network import Address
from target_app.problems import Problem
from target_app.services import Services

_PATIENT: Final = sql(__package__, "sign_up_patient")
_DOCTOR: Final = sql(__package__, "sign_up_doctor")
_SIGNED_UP: Final = sql(__package__, "signed_up")


async def sign_up(
    services: Services, person: NewPatient | NewDoctor, key: str, address: Address | None
) -> Outcome[UUID]:
    """Register them, and answer their id. Raises Problem 409, 429 and 503.

    The refusal does not say whether the e-mail or the document is known, the work is the same for either, and the
    sign-ups of an address are few: so much a stranger learns about who is registered, and so many CPFs they can take
    from their owners, and no more. Who is sent away because too many wait has not tried.
    """
    services.passwords.admit()
    await services.throttle.sign_up(address)
    password_hash = await services.passwords.hash(person.password)
    common = (person.email, password_hash, key, person.name, person.locale)
    async with services.pool.acquire() as connection:
        if isinstance(person, NewPatient):
            account = await all_or_nothing(connection, _PATIENT, *common, person.cpf)
        else:
            account = await all_or_nothing(
                connection, _DOCTOR, *common, person.crm, person.crm_state, person.specialty, person.price_cents
            )
    if account is not None:
        return Outcome(account, replayed=False)
    earlier = await _earlier(services, person, key)
    if earlier is None:
        raise Problem(
            409,
            "already-registered",
            "Somebody is registered with this e-mail or document",
            "Sign in, or sign up with others.",
        )
    return Outcome(earlier, replayed=True)


async def _earlier(services: Services, person: NewPatient | NewDoctor, key: str) -> UUID | None:
    """Whom the same sign-up registered before. That it is the same needs the same password: an answer that was lost
    comes again for its owner only. Somebody unknown costs the same work."""
    if isinstance(person, NewPatient):
        documents: tuple[str | None, ...] = ("patient", person.cpf, None, None)
    else:
        documents = ("doctor", None, person.crm, person.crm_state)
    account = await services.pool.fetchrow(_SIGNED_UP, person.email, key, *documents)
    if not await services.passwords.check(account and account["password_hash"], person.password):
        return None
    found: UUID = account["id"]
    return found
