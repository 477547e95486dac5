"""Who may ask: parameters of endpoints that demand a signed-in account of some role."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from target_app.identity.tokens import Principal, Tokens
from target_app.problems import Problem
from target_app.services import services_of

_documented = HTTPBearer(auto_error=False, description="A session token from POST /v1/sessions")


def forbidden(role: str) -> Problem:
    return Problem(403, "forbidden", f"Only a {role} may do this")


def require(principal: Principal, role: str) -> Principal:
    if principal.role != role:
        raise forbidden(role)
    return principal


def principal_of(tokens: Tokens, authorization: bytes | None) -> Principal:
    return tokens.principal(authorization or b"")


async def _anyone(request: Request, _: Annotated[object, Depends(_documented)]) -> Principal:
    return principal_of(services_of(request).tokens, request.headers.get("authorization", "").encode())


Anyone = Annotated[Principal, Depends(_anyone)]
SECURITY: list[dict[str, list[str]]] = [{"HTTPBearer": []}]
"""For the OpenAPI document of hot routes, which check the token themselves."""
