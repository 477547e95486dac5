"""Session tokens: short JWTs signed with EdDSA (RFC 8037)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, get_args
from uuid import UUID

import jwt

from target_app.identity.keys import SigningKey
from target_app.identity.schemas import SESSION_S
from target_app.problems import Problem

Role = Literal["patient", "doctor", "staff"]
ISSUER: Final = "target_app"
AUDIENCE: Final = "booking"
_REMEMBERED_MAX: Final = 60_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `id` is the account's."""

    id: UUID
    role: str
    expires_s: float


class External(Protocol):
    """Another issuer whose tokens count too."""

    issuer: str

    async def principal(self, token: bytes) -> Principal:
        """Raises Problem."""


def unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", "Sign in first", detail)


class Tokens:
    """Issues tokens and tells whose a token is.

    A token that was verified once is remembered until it expires, but another issuer's for SESSION_S at most: the
    signature of the same bytes cannot change, and checking it costs more than all the rest of a request.
    """

    def __init__(
        self, key: SigningKey, now_s: Callable[[], float] = time.time, external: External | None = None
    ) -> None:
        self._key, self._now_s, self._external = key, now_s, external
        self._remembered: dict[bytes, Principal] = {}

    def issue(self, account: UUID, role: Role, valid_s: int) -> str:
        now_s = int(self._now_s())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account),
            "role": role,
            "iat": now_s,
            "exp": now_s + valid_s,
        }
        return jwt.encode(claims, self._key.private, algorithm="EdDSA", headers={"kid": self._key.key_id})

    def remembered(self, authorization: bytes) -> Principal | None:
        """Whose token the Authorization header carries, when it was verified before and is still good."""
        principal = self._remembered.get(authorization)
        if principal is not None and principal.expires_s <= self._now_s():
            del self._remembered[authorization]
            return None
        return principal

    async def principal(self, authorization: bytes) -> Principal:
        """Whose token the Authorization header carries; from now on it is remembered. Raises Problem 401, and what
        the external issuer's tokens are refused with."""
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise unauthenticated("The request needs the header 'Authorization: Bearer <token>'.")
        if self._external is not None and _claimed_issuer(token) == self._external.issuer:
            principal = await self._external.principal(token)
            # What the issuer and our tables say of them may change: ask again as often as of our own sessions.
            principal = replace(principal, expires_s=min(principal.expires_s, self._now_s() + SESSION_S))
        else:
            principal = self._verify(token)
        if principal.expires_s <= self._now_s():
            raise unauthenticated("The session has expired.")
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._forget()
        self._remembered[authorization] = principal
        return principal

    def _verify(self, token: bytes) -> Principal:
        try:
            claims = jwt.decode(
                token,
                self._key.public,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "role"], "verify_exp": False, "verify_iat": False},
            )
            principal = Principal(UUID(claims["sub"]), claims["role"], float(claims["exp"]))
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise unauthenticated("The session token is not valid.") from error
        if principal.role not in get_args(Role) or not math.isfinite(principal.expires_s):
            raise unauthenticated("The session token is not valid.")
        return principal

    def _forget(self) -> None:
        """Drop the older half; dicts keep the order of insertion."""
        for authorization in list(self._remembered)[: _REMEMBERED_MAX // 2]:
            del self._remembered[authorization]


def _claimed_issuer(token: bytes) -> object:
    """Who the token says that it is of. Nothing is checked yet."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        return None
