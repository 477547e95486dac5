"""Session tokens: short JWTs signed with EdDSA (RFC 8037)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import jwt

from target_app.identity.keys import SigningKey
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


def unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", "Sign in first", detail)


class Tokens:
    """Issues tokens and tells whose a token is.

    A token that was verified once is remembered until it expires: the signature of the same bytes cannot change,
    and checking it costs more than all the rest of a request.
    """

    def __init__(self, key: SigningKey, now_s: Callable[[], float] = time.time) -> None:
        self._key, self._now_s = key, now_s
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

    def principal(self, authorization: bytes) -> Principal:
        """Whose token the Authorization header carries. Raises Problem 401."""
        principal = self._remembered.get(authorization)
        if principal is None:
            principal = self._verify(authorization)
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._forget()
            self._remembered[authorization] = principal
        if principal.expires_s <= self._now_s():
            self._remembered.pop(authorization, None)
            raise unauthenticated("The session has expired.")
        return principal

    def _verify(self, authorization: bytes) -> Principal:
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise unauthenticated("The request needs the header 'Authorization: Bearer <token>'.")
        try:
            claims = jwt.decode(
                token,
                self._key.public,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "role"], "verify_exp": False, "verify_iat": False},
            )
            return Principal(UUID(claims["sub"]), claims["role"], float(claims["exp"]))
        except (jwt.InvalidTokenError, ValueError) as error:
            raise unauthenticated("The session token is not valid.") from error

    def _forget(self) -> None:
        """Drop the older half; dicts keep the order of insertion."""
        for authorization in list(self._remembered)[: _REMEMBERED_MAX // 2]:
            del self._remembered[authorization]
