import asyncio
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from target_app.identity import keys
from target_app.identity.schemas import SESSION_S
from target_app.identity.tokens import AUDIENCE, ISSUER, Principal, Tokens
from target_app.problems import Problem

ACCOUNT = uuid4()


class Clock:
    now_s = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key(tmp_path: Path) -> keys.SigningKey:
    return keys.load(tmp_path / "jwt.pem")


@pytest.fixture
def tokens(key: keys.SigningKey, clock: Clock) -> Tokens:
    return Tokens(key, lambda: clock.now_s)


def bearer(token: str) -> bytes:
    return f"Bearer {token}".encode()


def principal_of(tokens: Tokens, authorization: bytes) -> Principal:
    """As `caller` finds it."""
    return tokens.remembered(authorization) or asyncio.run(tokens.principal(authorization))


def test_a_token_tells_who_and_in_which_role(tokens: Tokens) -> None:
    principal = principal_of(tokens, bearer(tokens.issue(ACCOUNT, "doctor", valid_s=60)))
    assert (principal.id, principal.role) == (ACCOUNT, "doctor")


def test_a_token_expires_also_when_it_is_remembered(tokens: Tokens, clock: Clock) -> None:
    token = bearer(tokens.issue(ACCOUNT, "patient", valid_s=60))
    principal_of(tokens, token)
    clock.now_s += 59
    principal_of(tokens, token)
    clock.now_s += 1
    for _ in range(2):
        with pytest.raises(Problem, match="Sign in first") as refused:
            principal_of(tokens, token)
        assert refused.value.status == 401


def test_a_token_is_verified_once_and_then_known(tokens: Tokens, clock: Clock) -> None:
    token = bearer(tokens.issue(ACCOUNT, "patient", valid_s=60))
    assert tokens.remembered(token) is None
    principal = principal_of(tokens, token)
    assert tokens.remembered(token) is principal
    clock.now_s += 60
    assert tokens.remembered(token) is None


def test_another_issuers_token_is_remembered_no_longer_than_one_of_ours(key: keys.SigningKey, clock: Clock) -> None:
    class External:
        issuer = "https://login.example"
        asked = 0

        async def principal(self, _: bytes) -> Principal:
            self.asked += 1
            return Principal(ACCOUNT, "patient", clock.now_s + 86_400)

    external = External()
    tokens = Tokens(key, lambda: clock.now_s, external)
    token = bearer(jwt.encode({"iss": external.issuer}, "of the issuer, and long enough to be one", "HS256"))
    for later_s, asked in ((0, 1), (SESSION_S - 1, 1), (1, 2), (SESSION_S, 3)):
        clock.now_s += later_s
        principal_of(tokens, token)
        assert external.asked == asked


def test_tampered_foreign_and_absent_tokens_are_refused(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.issue(ACCOUNT, "patient", valid_s=60)
    head, claims, signature = token.split(".")
    of_doctor = tokens.issue(ACCOUNT, "doctor", valid_s=60).split(".")[1]
    foreign_key = keys.load(tmp_path / "other.pem")
    foreign = Tokens(foreign_key, lambda: Clock.now_s).issue(ACCOUNT, "patient", valid_s=60)
    unsigned = jwt.encode(
        {"sub": str(ACCOUNT), "role": "patient", "exp": 2e9, "iss": ISSUER, "aud": AUDIENCE}, "", "none"
    )
    for authorization in (
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic abc",
        token.encode(),
        bearer(f"{head}.{of_doctor}.{signature}"),
        bearer(f"{head}.{claims}."),
        bearer(foreign),
        bearer(unsigned),
    ):
        with pytest.raises(Problem) as refused:
            principal_of(tokens, authorization)
        assert refused.value.status == 401


def test_a_token_of_another_issuer_or_for_another_audience_is_refused(tokens: Tokens, key: keys.SigningKey) -> None:
    right = {"sub": str(ACCOUNT), "role": "patient", "exp": 2e9, "iss": ISSUER, "aud": AUDIENCE}
    assert principal_of(tokens, bearer(jwt.encode(right, key.private, "EdDSA"))).id == ACCOUNT
    for wrong in ({"iss": "other"}, {"aud": "other"}, {"sub": "nobody"}):
        with pytest.raises(Problem):
            principal_of(tokens, bearer(jwt.encode(right | wrong, key.private, "EdDSA")))


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "jwt.pem"
    assert keys.load(path).key_id == keys.load(path).key_id
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_the_public_key_is_enough_to_check_a_token(tokens: Tokens, key: keys.SigningKey) -> None:
    public = jwt.PyJWK(dict(key.jwk()))
    token = tokens.issue(ACCOUNT, "patient", valid_s=60)
    assert jwt.get_unverified_header(token)["kid"] == public.key_id
    claims = jwt.decode(token, public, ["EdDSA"], audience=AUDIENCE, options={"verify_exp": False, "verify_iat": False})
    assert claims["sub"] == str(ACCOUNT)


def test_a_file_without_such_a_key_is_named(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    path = tmp_path / "rsa.pem"
    path.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(SystemExit, match=str(path)):
        keys.load(path)
