"""POST /v1/sessions and the public key that tokens are checked with."""

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from target_app.identity.tokens import unauthenticated
from target_app.problems import RESPONSES
from target_app.services import Use

SESSION_S: Final = 900
router = APIRouter(tags=["identity"], responses=RESPONSES)


class Credentials(BaseModel):
    email: str = Field(max_length=254, examples=["maria@example.com"])
    password: str = Field(max_length=1024, examples=["correct horse battery staple"])


class Session(BaseModel):
    token: str = Field(description="Send it as 'Authorization: Bearer <token>'")
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds", examples=[SESSION_S])
    role: str = Field(examples=["patient"])


@router.post("/v1/sessions", status_code=201, summary="Sign in")
async def sign_in(services: Use, credentials: Credentials) -> Session:
    account = await services.pool.fetchrow(
        "SELECT id, role, password_hash FROM accounts WHERE email = $1", credentials.email.lower()
    )
    if not await services.passwords.check(account and account["password_hash"], credentials.password):
        raise unauthenticated("The e-mail or the password is wrong.")
    token = services.tokens.issue(account["id"], account["role"], SESSION_S)
    return Session(token=token, expires_in=SESSION_S, role=account["role"])


@router.get("/.well-known/jwks.json", summary="The keys that session tokens are signed with")
async def jwks(services: Use) -> dict[str, list[dict[str, Any]]]:
    return {"keys": [services.key.jwk()]}
