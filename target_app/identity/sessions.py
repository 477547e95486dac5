"""Signing in, staying signed in, and signing out."""

import base64
import hashlib
import secrets
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from target_app.database import sql
from target_app.identity.schemas import REFRESH_S, SESSION_S, SPENT_S, Credentials
from target_app.identity.tokens import unauthenticated
from target_app.network import Address
from target_app.problems import Problem
from target_app.services import Services

_ACCOUNT: Final = sql(__package__, "account")
_OPEN: Final = sql(__package__, "open_session")
_ROTATE: Final = sql(__package__, "rotate")
_REVOKE: Final = sql(__package__, "revoke")
_FAMILY_BYTES: Final = 16
_ONCE_BYTES: Final = 32


class RefreshToken(NamedTuple):
    """`family` is the part that a session's tokens share, `once` the part that is good for one refresh."""

    family: bytes
    once: bytes

    @classmethod
    def first(cls) -> Self:
        return cls(secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_ONCE_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        content = base64.urlsafe_b64decode(text)
        return cls(content[:_FAMILY_BYTES], content[_FAMILY_BYTES:])

    def next(self) -> Self:
        return self._replace(once=secrets.token_bytes(_ONCE_BYTES))

    def text(self) -> str:
        return base64.urlsafe_b64encode(self.family + self.once).decode()

    def family_hash(self) -> bytes:
        return hashlib.sha256(self.family).digest()

    def hash(self) -> bytes:
        return hashlib.sha256(self.family + self.once).digest()


async def sign_in(
    services: Services, credentials: Credentials, address: Address | None, at_the_clinic: bool
) -> dict[str, Any]:
    """A session as JSON has it. `at_the_clinic`: whether staff may sign in from there. Raises Problem 401, alike and
    after the same work for an unknown account, a wrong password and staff elsewhere, 429 and 503."""
    name = credentials.name()
    await services.throttle.attempt(address, name)
    failed = False
    try:
        account = await services.pool.fetchrow(
            _ACCOUNT, credentials.email, credentials.cpf, credentials.crm, credentials.crm_state
        )
        password_hash = account["password_hash"] if account else None
        correct = await services.passwords.check(password_hash, credentials.password)
        failed = not correct or (account["role"] == "staff" and not at_the_clinic)
        token = RefreshToken.first()
        if failed or not await services.pool.fetchrow(
            _OPEN, account["id"], password_hash, token.family_hash(), token.hash(), REFRESH_S
        ):
            raise unauthenticated("The password is wrong, or nobody is registered like this.")
    finally:
        if not failed:
            await services.throttle.take_back(name)
    return _session(services, account["id"], account["role"], token)


async def refresh(services: Services, text: str, at_the_clinic: bool) -> dict[str, Any]:
    """The session goes on: a new token, and a refresh token in place of this one, which stays good for SPENT_S: a page
    that is left while it asks never gets the answer, and its reader must not be signed out for that.

    Raises Problem 401, for staff outside the clinic's networks too: theirs stays good inside."""
    token = RefreshToken.parse(text)
    successor = token.next()
    account = await services.pool.fetchrow(
        _ROTATE, token.family_hash(), token.hash(), successor.hash(), REFRESH_S, at_the_clinic, SPENT_S
    )
    if account is not None:
        return _session(services, account["id"], account["role"], successor)
    if await services.pool.fetchrow(_REVOKE, token.family_hash(), token.hash()):
        raise Problem(
            401,
            "refresh-reused",
            "A refresh token was used twice",
            "Somebody else may have it, so the session has ended. Sign in again.",
        )
    raise unauthenticated("The session has ended.")


async def sign_out(services: Services, text: str) -> None:
    """No refresh token of the session is good any more. One that was signed out before is left in peace."""
    await services.pool.execute("DELETE FROM refresh_tokens WHERE family = $1", RefreshToken.parse(text).family_hash())


def _session(services: Services, account: UUID, role: Any, token: RefreshToken) -> dict[str, Any]:
    return {
        "token": services.tokens.issue(account, role, SESSION_S),
        "token_type": "Bearer",
        "expires_in": SESSION_S,
        "role": role,
        "refresh_token": token.text(),
        "refresh_expires_in": REFRESH_S,
    }
