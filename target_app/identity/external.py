"""Tokens of an external OpenID Connect issuer, such as Keycloak or Auth0, and whose accounts they open."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, get_args

import asyncpg
import httpx
import jwt

from target_app.database import sql
from target_app.identity.issuer_keys import ALGORITHMS, ANSWER_S, IssuerKeys
from target_app.identity.passwords import UNUSABLE
from target_app.identity.tokens import Principal, Role, unauthenticated
from target_app.problems import Problem
from target_app.settings import Settings

LEEWAY_S: Final = 10
"""By how much the clocks may differ."""
_LINK: Final = sql(__package__, "external_account")
_TRIES: Final = 2
"""Of two requests that bring a new subject at once, one links it and the other finds it linked."""


@asynccontextmanager
async def external_tokens(settings: Settings, pool: asyncpg.Pool) -> AsyncIterator["ExternalTokens"]:
    """Of the issuer that the settings name."""
    async with httpx.AsyncClient(timeout=ANSWER_S) as client:
        keys = IssuerKeys(client, settings.oidc_issuer)
        yield ExternalTokens(pool, keys, settings.oidc_issuer, settings.oidc_audience, settings.oidc_roles_claim)


class ExternalTokens:
    """`roles_claim`: where the roles are, see `roles`."""

    def __init__(self, pool: asyncpg.Pool, keys: IssuerKeys, issuer: str, audience: str, roles_claim: str) -> None:
        self.issuer = issuer
        self._pool, self._keys, self._audience, self._roles_claim = pool, keys, audience, roles_claim

    async def principal(self, token: bytes) -> Principal:
        """Raises Problem 401 for a token that is not good, 403 when nobody here has it, 503 without the issuer."""
        claims = await self._claims(token)
        subject = claims["sub"]
        email = claims.get("email") if claims.get("email_verified") is True else None
        allowed = roles(claims, self._roles_claim)
        for _ in range(_TRIES):
            account = await self._pool.fetchrow(
                _LINK, self.issuer, subject, email.lower() if isinstance(email, str) else None, allowed, UNUSABLE
            )
            if account is not None:
                return Principal(account["id"], account["role"], float(claims["exp"]) + LEEWAY_S)
        raise Problem(
            403,
            "no-account",
            "Nobody is registered for this token",
            "It needs a role, and on first use the verified e-mail address, of an account here.",
        )

    async def _claims(self, token: bytes) -> dict[str, Any]:
        """What the token says, once its signature, issuer, audience and times are checked."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._keys.key(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise unauthenticated("The token is signed with a key that its issuer does not have.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                issuer=self.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise unauthenticated("The session token is not valid.") from error
        if "\0" in claims["sub"] or not claims["sub"]:
            raise unauthenticated("The session token names nobody.")
        return claims


def roles(claims: Mapping[str, Any], path: str) -> list[Role]:
    """Those of our roles that the claim at `path` has, one or a list of them. `path` is a claim's name (Auth0's are
    URLs) or, with dots, the way to a nested one (Keycloak's realm_access.roles)."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    named = value if isinstance(value, list) else [value]
    return [role for role in get_args(Role) if role in named]
