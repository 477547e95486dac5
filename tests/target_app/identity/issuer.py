"""A small OpenID Connect issuer, as Keycloak or Auth0 would be, whose keys and answers a test changes."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.serving import answering

AUDIENCE = "the-booking-system"


def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_rsa(65537, bits)


class Issuer:
    """`requests` counts what was fetched, by path; `away` makes it answer 503."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key_id, self.private = "first", rsa_key()
        self.elliptic, elliptic_jwk = ec_key_and_jwk("elliptic")
        self.away = False
        self.requests: Counter[str] = Counter()
        self.documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": [self.jwk("first", self.private), elliptic_jwk]},
        }

    @staticmethod
    def jwk(key_id: str, private: RSAPrivateKey, **more: str) -> dict[str, Any]:
        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private.public_key()))
        return public | {"kid": key_id, "use": "sig", "alg": "RS256"} | more

    def publish(self, *keys: dict[str, Any]) -> None:
        self.documents["/keys"] = {"keys": list(keys)}

    def rotate(self, key_id: str) -> None:
        """Sign with a new key, and withdraw the old one."""
        self.key_id, self.private = key_id, rsa_key()
        self.publish(self.jwk(key_id, self.private))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Of a token that is good, for somebody new; None leaves a claim out."""
        now_s = int(time())
        claims = {
            "iss": self.url,
            "aud": ["account", AUDIENCE],
            "sub": str(uuid4()),
            "iat": now_s,
            "exp": now_s + 300,
            "realm_access": {"roles": ["offline_access", "patient"]},
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, **changes: Any) -> str:
        return self.signed(self.claims(**changes))

    def signed(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
        return jwt.encode(claims, key or self.private, algorithm, headers={"kid": self.key_id} | header)


def ec_key_and_jwk(key_id: str) -> tuple[Any, dict[str, Any]]:
    private = generate_private_key(SECP256R1())
    return private, json.loads(ECAlgorithm.to_jwk(private.public_key())) | {"kid": key_id}


@contextmanager
def running() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests[self.path] += 1
            document = issuer.documents.get(self.path)
            self.send_response(503 if issuer.away else 200 if document is not None else 404)
            self.end_headers()
            self.wfile.write(document if isinstance(document, bytes) else json.dumps(document).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        yield issuer
