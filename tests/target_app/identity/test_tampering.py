"""Tokens that somebody made or changed, at the running system: on a hot route and on one of the framework's."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from target_app.identity import keys
from target_app.identity.tokens import AUDIENCE, ISSUER

PATHS: Final = ("/v1/doctors", "/v1/me")
FAR_S: Final = 10**9
FAR_PAST_S: Final = 10**9


@dataclass(frozen=True)
class Forge:
    """What a forger has: a good token of their own, the published key, keys of their own, and the system's key where a
    test must show that a right signature is not enough."""

    ours: keys.SigningKey
    theirs: keys.SigningKey
    good: str
    claims: dict[str, Any]

    def signed(self, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """By the forger's key, or `key`; None leaves a claim out."""
        claims = {name: value for name, value in (self.claims | changes).items() if value is not None}
        return jwt.encode(
            claims, key or self.theirs.private, "EdDSA", headers={"kid": self.ours.key_id} | (header or {})
        )

    def by_us(self, **changes: Any) -> str:
        return self.signed(key=self.ours.private, **changes)

    def with_hmac(self, secret: bytes, algorithm: str = "HS256") -> str:
        """As if the secret were shared: PyJWT itself refuses to sign with a public key."""
        signing = f"{part({'alg': algorithm, 'kid': self.ours.key_id})}.{part(self.claims)}"
        return f"{signing}.{encoded(hmac.digest(secret, signing.encode(), 'sha256'))}"

    def with_header(self, header: Any) -> str:
        """The good token's claims and signature under another header."""
        return f"{part(header)}.{self.good.partition('.')[2]}"

    def with_claims(self, **changes: Any) -> str:
        """The good token's header and signature around other claims."""
        head, _, signature = self.good.split(".")
        return f"{head}.{part(self.claims | changes)}.{signature}"

    def public(self, form: serialization.PublicFormat, encoding: serialization.Encoding) -> bytes:
        return self.ours.public.public_bytes(encoding, form)


def part(content: Any) -> str:
    return encoded(json.dumps(content).encode())


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def rs256(forge: Forge) -> str:
    return jwt.encode(forge.claims, generate_private_key(65537, 2048), "RS256", headers={"kid": forge.ours.key_id})


FORGED: Final[dict[str, Callable[[Forge], str]]] = {
    "alg none": lambda forge: jwt.encode(forge.claims, "", "none"),
    "alg none, with the good signature": lambda forge: forge.with_header({"alg": "none"}),
    "alg None": lambda forge: f"{part({'alg': 'None'})}.{part(forge.claims)}.",
    "alg empty": lambda forge: forge.with_header({"alg": ""}),
    "alg missing": lambda forge: forge.with_header({"typ": "JWT"}),
    "alg a list": lambda forge: forge.with_header({"alg": ["EdDSA"]}),
    "header a list": lambda forge: forge.with_header(["EdDSA"]),
    "HS256 with the public key as PEM": lambda forge: forge.with_hmac(
        forge.public(serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM)
    ),
    "HS256 with the public key as DER": lambda forge: forge.with_hmac(
        forge.public(serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER)
    ),
    "HS256 with the public key's bytes": lambda forge: forge.with_hmac(
        forge.public(serialization.PublicFormat.Raw, serialization.Encoding.Raw)
    ),
    "HS256 with the JWK's x": lambda forge: forge.with_hmac(str(forge.ours.jwk()["x"]).encode()),
    "HS256 with an empty secret": lambda forge: forge.with_hmac(b""),
    "HMAC called EdDSA": lambda forge: forge.with_hmac(b"", "EdDSA"),
    "RS256 with a key of the forger": rs256,
    "another key under our id": lambda forge: forge.signed(),
    "another key under its own id": lambda forge: forge.signed({"kid": forge.theirs.key_id}),
    "kid is a path": lambda forge: forge.signed({"kid": "../../../../dev/null"}),
    "kid is SQL": lambda forge: forge.signed({"kid": "x' UNION SELECT 'key' --"}),
    "kid is a command": lambda forge: forge.signed({"kid": "|cat /etc/passwd"}),
    "the key in the header": lambda forge: forge.signed({"jwk": forge.theirs.jwk()}),
    "the key elsewhere": lambda forge: forge.signed({"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/x"}),
    "a critical extension": lambda forge: forge.signed({"crit": ["exp2"], "exp2": 1}, forge.ours.private),
    "signature stripped": lambda forge: forge.good.rpartition(".")[0] + ".",
    "signature and dot stripped": lambda forge: forge.good.rpartition(".")[0],
    "signature of zeros": lambda forge: f"{forge.good.rpartition('.')[0]}.{encoded(bytes(64))}",
    "signature cut": lambda forge: forge.good[:-4],
    "signature of another token": lambda forge: f"{forge.by_us(jti='x').rpartition('.')[0]}.{forge.good.split('.')[2]}",
    "another role": lambda forge: forge.with_claims(role="staff"),
    "another account": lambda forge: forge.with_claims(sub=str(uuid4())),
    "a later end": lambda forge: forge.with_claims(exp=forge.claims["exp"] + FAR_S),
    "expired": lambda forge: forge.by_us(exp=int(time.time()) - 1),
    "expired long ago": lambda forge: forge.by_us(exp=FAR_PAST_S),
    "not valid yet": lambda forge: forge.by_us(nbf=int(time.time()) + FAR_S),
    "without an end": lambda forge: forge.by_us(exp=None),
    "an end that is no number": lambda forge: forge.by_us(exp="never"),
    "an end that is not": lambda forge: forge.by_us(exp=float("nan")),
    "an end in a list": lambda forge: forge.by_us(exp=[forge.claims["exp"]]),
    "for another audience": lambda forge: forge.by_us(aud="another-system"),
    "for no audience": lambda forge: forge.by_us(aud=None),
    "of another issuer": lambda forge: forge.by_us(iss="https://login.example"),
    "of no issuer": lambda forge: forge.by_us(iss=None),
    "for nobody": lambda forge: forge.by_us(sub=None),
    "for a path": lambda forge: forge.by_us(sub="../../admin"),
    "without a role": lambda forge: forge.by_us(role=None),
    "a role that is none": lambda forge: forge.by_us(role="admin"),
    "roles in a list": lambda forge: forge.by_us(role=["patient", "staff"]),
    "encrypted": lambda _: ".".join([part({"alg": "dir", "enc": "A256GCM"}), "", "a", "b", "c"]),
    "two tokens": lambda forge: f"{forge.signed()} {forge.good}",
    "not a token": lambda _: "a.b.c",
    "very long": lambda _: "a" * 20_000,
}


@pytest.fixture(scope="module")
def forge(stack: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Forge:
    patient = next(accounts.patients)
    now_s = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": patient.id, "role": "patient", "iat": now_s, "exp": now_s + 900}
    theirs = keys.load(tmp_path_factory.mktemp("forger") / "key.pem")
    ours = keys.load(stack.jwt_key_file)
    good = jwt.encode(claims, ours.private, "EdDSA", headers={"kid": ours.key_id})
    return Forge(ours, theirs, good, claims)


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_token_opens_nothing(what: str, forge: Forge, api: httpx.Client, reason: Any, attack: Any) -> None:
    opened, token = attack("forged and tampered tokens"), FORGED[what](forge)
    for path in PATHS:
        for scheme in ("Bearer", "bearer"):
            answer = api.get(path, headers={"Authorization": f"{scheme} {token}"})
            opened.tried(f"{answer.status_code}")
            assert (answer.status_code, reason(answer)) == (401, "unauthenticated"), (path, answer.text)


@pytest.mark.parametrize("path", PATHS)
def test_what_was_forged_was_right_in_everything_else(path: str, forge: Forge, api: httpx.Client) -> None:
    for token in (forge.good, forge.by_us(), forge.by_us(nbf=forge.claims["iat"], jti="x")):
        assert api.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_counts_in_no_other_place(forge: Forge, api: httpx.Client, attack: Any) -> None:
    """Where logs, caches and other sites' pages would see or send it."""
    elsewhere = attack("forged and tampered tokens")
    for how in (
        {"params": {"access_token": forge.good}},
        {"params": {"token": forge.good}},
        {"headers": {"Cookie": f"token={forge.good}; session={forge.good}"}},
        {"headers": {"X-Authorization": f"Bearer {forge.good}"}},
        {"headers": {"Proxy-Authorization": f"Bearer {forge.good}"}},
        {"headers": {"Authorization": f"Basic {forge.good}"}},
        {"headers": {"Authorization": forge.good}},
    ):
        answer = api.get("/v1/me", **how)  # type: ignore[arg-type]
        elsewhere.tried(f"{answer.status_code}")
        assert answer.status_code == 401


def test_of_two_authorizations_neither_smuggles_the_other_in(forge: Forge, api: httpx.Client, attack: Any) -> None:
    """Proxies join equal headers with a comma; the two together are nobody's token."""
    for first, second in ((forge.good, forge.signed()), (forge.signed(), forge.good)):
        headers = [("Authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")]
        answer = api.get("/v1/me", headers=headers)
        attack("forged and tampered tokens").tried(f"{answer.status_code}")
        assert answer.status_code == 401


def test_our_key_is_not_where_clients_are(stack: Any, api: httpx.Client) -> None:
    published = api.get("/.well-known/jwks.json").text
    assert '"d"' not in published
    private = Path(stack.jwt_key_file).read_text().splitlines()[1]
    assert private not in published
