"""The signing keys of an external OpenID Connect issuer: discovered, remembered, fetched anew when they rotate."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import jwt
import orjson

from target_app.problems import Problem

log = logging.getLogger(__name__)
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Only ones whose public key cannot sign."""
FRESH_S: Final = 600.0
"""A key that the issuer withdrew is good for this long at most."""
USABLE_S: Final = 86_400.0
"""For how long the keys of an issuer that is away are still believed."""
PAUSE_S: Final = 10.0
"""Between two fetches at least, however many tokens name unknown keys."""
ANSWER_S: Final = 5.0
DOCUMENT_BYTES_MAX: Final = 1_000_000


class IssuerKeys:
    """`issuer`: its URL, to which '/.well-known/openid-configuration' is added; `now_s` is a monotonic clock."""

    def __init__(self, client: httpx.AsyncClient, issuer: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._client, self._issuer, self._now_s = client, issuer, now_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at_s = self._tried_at_s = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key; None when the issuer has no such. Raises Problem 503 when the issuer cannot be asked."""
        if key_id not in self._keys or self._now_s() - self._fetched_at_s > FRESH_S:
            await self._refresh()
        if self._now_s() - self._fetched_at_s > USABLE_S:
            raise Problem(503, "issuer-away", "The token's issuer does not answer", retry_after_s=int(PAUSE_S))
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        async with self._fetching:
            if self._now_s() - self._tried_at_s < PAUSE_S:
                return
            self._tried_at_s = self._now_s()
            try:
                async with asyncio.timeout(ANSWER_S):
                    self._keys = await self._fetch()
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
                log.warning("the keys of %s cannot be fetched: %r", self._issuer, error)
            else:
                self._fetched_at_s = self._now_s()

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        discovered = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovered.get("issuer") != self._issuer:
            raise ValueError(f"its discovery document is of the issuer {discovered.get('issuer')!r}")
        keys_url = str(discovered.get("jwks_uri"))
        if self._issuer.startswith("https:") and not keys_url.startswith("https:"):
            raise ValueError(f"its keys are at {keys_url!r}, which is not https")
        return usable_keys((await self._document(keys_url)).get("keys"))

    async def _document(self, url: str) -> dict[str, Any]:
        content = bytearray()
        async with self._client.stream("GET", url) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > DOCUMENT_BYTES_MAX:
                    raise ValueError(f"{url} is larger than {DOCUMENT_BYTES_MAX} bytes")
        document = orjson.loads(content)
        if not isinstance(document, dict):
            raise ValueError(f"{url} is no JSON object")
        return document


def usable_keys(published: object) -> dict[str, jwt.PyJWK]:
    """By id, those of a JWK set's keys (RFC 7517) that sign with one of ALGORITHMS; the others are left out."""
    keys: dict[str, jwt.PyJWK] = {}
    for each in published if isinstance(published, list) else ():
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(key.key_id, str) and key.algorithm_name in ALGORITHMS:
            keys[key.key_id] = key
    return keys
