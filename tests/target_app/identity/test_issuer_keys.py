"""An external issuer's keys, from a real issuer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from target_app.identity.issuer_keys import DOCUMENT_BYTES_MAX, FRESH_S, PAUSE_S, USABLE_S, IssuerKeys, usable_keys
from target_app.problems import Problem
from tests.target_app.identity.issuer import Issuer, ec_key_and_jwk, rsa_key, running

Story = Callable[[IssuerKeys], Awaitable[None]]


class Clock:
    now_s = 1_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running() as issuer:
        yield issuer


@pytest.fixture
def tell(issuer: Issuer, clock: Clock) -> Callable[[Story], None]:
    def tell(story: Story) -> None:
        async def told() -> None:
            async with httpx.AsyncClient() as client:
                await story(IssuerKeys(client, issuer.url, lambda: clock.now_s))

        asyncio.run(told())

    return tell


def test_keys_are_discovered_and_remembered(tell: Callable[[Story], None], issuer: Issuer) -> None:
    async def story(keys: IssuerKeys) -> None:
        found = await asyncio.gather(*(keys.key("first") for _ in range(20)))
        assert {key and key.algorithm_name for key in found} == {"RS256"}
        assert issuer.requests == {"/.well-known/openid-configuration": 1, "/keys": 1}

    tell(story)


def test_an_unknown_key_is_looked_for_but_not_by_every_token(
    tell: Callable[[Story], None], issuer: Issuer, clock: Clock
) -> None:
    async def story(keys: IssuerKeys) -> None:
        assert await keys.key("first")
        issuer.rotate("second")
        for _ in range(20):
            assert await keys.key("second") is None, "asked a moment ago"
        assert issuer.requests["/keys"] == 1
        clock.now_s += PAUSE_S
        assert await keys.key("second")
        assert await keys.key("first") is None, "it was withdrawn"
        assert issuer.requests["/keys"] == 2

    tell(story)


def test_keys_are_looked_after_from_time_to_time(tell: Callable[[Story], None], issuer: Issuer, clock: Clock) -> None:
    async def story(keys: IssuerKeys) -> None:
        assert await keys.key("first")
        issuer.rotate("second")
        clock.now_s += FRESH_S
        assert await keys.key("first"), "not yet"
        clock.now_s += 1
        assert await keys.key("first") is None

    tell(story)


def test_an_issuer_that_is_away_is_believed_for_a_while(
    tell: Callable[[Story], None], issuer: Issuer, clock: Clock
) -> None:
    async def story(keys: IssuerKeys) -> None:
        assert await keys.key("first")
        issuer.away = True
        clock.now_s += FRESH_S + 1
        assert await keys.key("first")
        clock.now_s += USABLE_S
        with pytest.raises(Problem) as refused:
            await keys.key("first")
        assert (refused.value.status, refused.value.reason) == (503, "issuer-away")
        issuer.away = False
        clock.now_s += PAUSE_S
        assert await keys.key("first")

    tell(story)


@pytest.mark.parametrize(
    "documents",
    [
        {"/.well-known/openid-configuration": {"jwks_uri": "nowhere"}},
        {"/.well-known/openid-configuration": ["no object"]},
        {"/.well-known/openid-configuration": b"<html>"},
        {"/keys": b" " * (DOCUMENT_BYTES_MAX + 1) + b"{}"},
        {"/keys": None},
    ],
)
def test_documents_that_are_none_are_not_believed(
    tell: Callable[[Story], None], issuer: Issuer, documents: dict[str, Any]
) -> None:
    issuer.documents |= documents

    async def story(keys: IssuerKeys) -> None:
        with pytest.raises(Problem) as refused:
            await keys.key("first")
        assert refused.value.status == 503

    tell(story)


def test_another_issuers_documents_are_not_believed(tell: Callable[[Story], None], issuer: Issuer) -> None:
    issuer.documents["/.well-known/openid-configuration"]["issuer"] = "https://somebody.example"

    async def story(keys: IssuerKeys) -> None:
        with pytest.raises(Problem) as refused:
            await keys.key("first")
        assert refused.value.status == 503
        assert issuer.requests["/keys"] == 0

    tell(story)


def test_only_keys_that_cannot_sign_here_are_used() -> None:
    _, elliptic = ec_key_and_jwk("elliptic")
    good = Issuer.jwk("good", rsa_key())
    published = [
        good,
        elliptic,
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0", "alg": "HS256"},
        good | {"kid": "encryption", "use": "enc"},
        good | {"kid": "confused", "alg": "HS256"},
        good | {"kid": 7},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        "no object",
    ]
    assert set(usable_keys(published)) == {"good", "elliptic"}
    assert usable_keys(None) == {}
