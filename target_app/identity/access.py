"""Who may ask: parameters of endpoints that demand a signed-in account of some role."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from target_app.front_door import Call
from target_app.identity.tokens import Principal
from target_app.problems import Problem
from target_app.services import services_of

_documented = HTTPBearer(auto_error=False, description="A session token from POST /v1/sessions")


def forbidden(role: str) -> Problem:
    return Problem(403, "forbidden", f"Only a {role} may do this")


def require(principal: Principal, role: str) -> Principal:
    if principal.role != role:
        raise forbidden(role)
    return principal


def caller(call: Call) -> Principal:
    """Who asks a hot endpoint. Raises Problem 401."""
    return services_of(call).tokens.principal(call.header(b"authorization") or b"")


async def _anyone(request: Request, _: Annotated[object, Depends(_documented)]) -> Principal:
    return services_of(request).tokens.principal(request.headers.get("authorization", "").encode())


Anyone = Annotated[Principal, Depends(_anyone)]
