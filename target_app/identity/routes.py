"""Sessions, and the public key that their tokens are checked with."""

from typing import Any, Final

from fastapi import APIRouter, Request

from target_app.encoding import to_json
from target_app.front_door import Answer, Call, body_as, body_of, hot
from target_app.identity import sessions
from target_app.identity.access import is_at_the_clinic
from target_app.identity.schemas import EMAIL_EXAMPLE, PASSWORD_EXAMPLE, Credentials, Refresh, Session
from target_app.network import client_address
from target_app.problems import RESPONSES
from target_app.services import Use, services_of

_EXAMPLE: Final = {"email": EMAIL_EXAMPLE, "password": PASSWORD_EXAMPLE}
router = APIRouter(tags=["identity"], responses=RESPONSES)


@hot(
    router,
    "POST",
    "/v1/sessions",
    model=Session,
    summary="Sign in",
    status_code=201,
    requestBody=body_of(Credentials, _EXAMPLE),
    security=[],
)
async def sign_in(call: Call) -> Answer:
    """With an e-mail address, a patient's CPF, or a doctor's CRM number and state. A hot route, so that it costs little
    to send most of a storm away: 503 when too many wait already, 429 after 10 wrong passwords for the same name within
    15 minutes or too many attempts from one address; Retry-After says when to come back. Staff sign in, and
    stay signed in, within the clinic's networks only."""
    services = services_of(call)
    services.passwords.admit()
    credentials = body_as(Credentials, await call.whole_body())
    address = client_address(call.scope, services.settings.trusted_proxies)
    at_the_clinic = is_at_the_clinic(services, call.scope)
    return Answer(201, to_json(await sessions.sign_in(services, credentials, address, at_the_clinic)))


@router.post("/v1/sessions/refresh", status_code=201, summary="Stay signed in")
async def refresh(services: Use, refresh: Refresh, request: Request) -> Session:
    """A refresh token is good once and gives the next. One that comes again ('refresh-reused', 401) ends the session,
    as somebody else may have it; for 10 s it is taken for a client that lost the answer, which gets another next one,
    and only the latest is good: clients refresh one at a time."""
    at_the_clinic = is_at_the_clinic(services, request.scope)
    return Session(**await sessions.refresh(services, refresh.refresh_token, at_the_clinic))


@router.post("/v1/sessions/logout", status_code=204, summary="Sign out")
async def sign_out(services: Use, refresh: Refresh) -> None:
    """Ends the session's refresh tokens; its last access token runs out by itself. May be repeated."""
    await sessions.sign_out(services, refresh.refresh_token)


@router.get("/.well-known/jwks.json", summary="The keys that session tokens are signed with")
async def jwks(services: Use) -> dict[str, list[dict[str, Any]]]:
    return {"keys": [services.key.jwk()]}
