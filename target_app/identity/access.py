"""Who may ask: the one place where a request's caller and their role are checked."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.types import Scope

from target_app.identity.tokens import Principal, Role
from target_app.network import is_inside
from target_app.problems import Problem
from target_app.services import Services, services_of

_documented = HTTPBearer(auto_error=False, description="A session token from POST /v1/sessions")


async def caller(request: Request, *roles: Role) -> Principal:
    """Who asks; one of `roles`, or anybody who is signed in when none is given.

    Raises Problem 401 for nobody, 403 for another role and for staff outside the clinic's networks, and whatever an
    external issuer's token is refused with.
    """
    services = services_of(request)
    authorization = _authorization(request)
    principal = services.tokens.remembered(authorization) or await services.tokens.principal(authorization)
    if roles and principal.role not in roles:
        raise Problem(403, "forbidden", f"Only a {' or '.join(roles)} may do this")
    if principal.role == "staff" and not is_at_the_clinic(services, request.scope):
        raise Problem(403, "outside-the-clinic", "Staff work from the clinic's networks only")
    return principal


def is_at_the_clinic(services: Services, scope: Scope) -> bool:
    """Whether staff may sign in and work from where the request comes from."""
    return is_inside(scope, services.settings.trusted_proxies, services.settings.staff_networks)


def _authorization(request: Request) -> bytes:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    return b""


def _one_of(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    async def dependency(request: Request, _: Annotated[object, Depends(_documented)]) -> Principal:
        return await caller(request, *roles)

    return dependency


Anyone = Annotated[Principal, Depends(_one_of())]
APatient = Annotated[Principal, Depends(_one_of("patient"))]
ADoctor = Annotated[Principal, Depends(_one_of("doctor"))]
Staff = Annotated[Principal, Depends(_one_of("staff"))]
DoctorOrStaff = Annotated[Principal, Depends(_one_of("doctor", "staff"))]
PatientOrDoctor = Annotated[Principal, Depends(_one_of("patient", "doctor"))]
"""Parameters of endpoints for whoever is signed in, or only for those with such a role."""
