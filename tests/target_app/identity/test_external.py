"""Tokens of an external issuer at a replica that is told to accept them."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from target_app.identity.external import LEEWAY_S, roles
from tests.attacks import Attacks
from tests.target_app.identity import issuer as issuers
from tests.target_app.identity import replica as replicas
from tests.target_app.identity.issuer import AUDIENCE, Issuer, rsa_key

Reason = Callable[[httpx.Response], str]
Me = Callable[[str], httpx.Response]
WAITED_S = 10.5
"""Longer than the pause between two looks at the issuer's keys."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuers.running() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def client(stack: Any, issuer: Issuer) -> Iterator[httpx.Client]:
    with replicas.running(stack, OIDC_ISSUER=issuer.url, OIDC_AUDIENCE=AUDIENCE) as client:
        yield client


@pytest.fixture
def me(client: httpx.Client) -> Me:
    """Who the token is for."""
    return lambda token: client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def email(patient: Any, sql: Any) -> str:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    return str(row["email"])


def test_a_subject_is_linked_by_its_verified_email_and_known_from_then_on(
    me: Me, issuer: Issuer, patient: Any, email: str
) -> None:
    subject = str(uuid4())
    first = me(issuer.token(sub=subject, email=email.upper(), email_verified=True))
    assert (first.status_code, first.json()["id"], first.json()["role"]) == (200, patient.id, "patient")
    later = me(issuer.token(sub=subject, email="moved@mail.example", email_verified=True))
    assert later.json()["id"] == patient.id


def test_who_signed_up_with_anothers_address_is_out_once_the_other_proves_it(
    client: httpx.Client, me: Me, issuer: Issuer, new_patient: Any
) -> None:
    """Else a stranger could sign up first, and read what the patient does later: an account hijacked beforehand."""
    person = new_patient()
    assert client.post("/v1/patients", json=person, headers={"Idempotency-Key": str(uuid4())}).status_code == 201
    login = {"email": person["email"], "password": person["password"]}
    session = client.post("/v1/sessions", json=login)
    assert session.status_code == 201

    assert me(issuer.token(sub=str(uuid4()), email=person["email"], email_verified=True)).status_code == 200

    assert client.post("/v1/sessions", json=login).status_code == 401
    refresh = {"refresh_token": session.json()["refresh_token"]}
    assert client.post("/v1/sessions/refresh", json=refresh).status_code == 401


def test_our_own_tokens_stay_good(me: Me, patient: Any) -> None:
    assert me(patient.token).json()["id"] == patient.id


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": "nobody@mail.example"},
        {"email": None},
        {"email": ["a@mail.example"]},
        {"realm_access": {"roles": ["doctor"]}},
        {"realm_access": {"roles": ["admin"]}},
        {"realm_access": None},
        {"realm_access": ["patient"]},
    ],
)
def test_without_a_verified_email_and_the_accounts_role_nobody_is_linked(
    me: Me, issuer: Issuer, email: str, reason: Reason, sql: Any, patient: Any, claims: dict[str, Any]
) -> None:
    answer = me(issuer.token(**({"email": email, "email_verified": True} | claims)))
    assert (answer.status_code, reason(answer)) == (403, "no-account")
    assert sql("SELECT FROM external_identities WHERE account_id = $1", UUID(patient.id)) == []


def test_an_email_that_the_issuer_gave_to_somebody_else_opens_nothing(
    me: Me, issuer: Issuer, email: str, reason: Reason
) -> None:
    assert me(issuer.token(email=email, email_verified=True)).status_code == 200
    heir = me(issuer.token(email=email, email_verified=True))
    assert (heir.status_code, reason(heir)) == (403, "no-account")


def test_a_role_that_the_issuer_withdraws_is_withdrawn(me: Me, issuer: Issuer, email: str, reason: Reason) -> None:
    subject = str(uuid4())
    assert me(issuer.token(sub=subject, email=email, email_verified=True)).status_code == 200
    answer = me(issuer.token(sub=subject, realm_access={"roles": []}))
    assert (answer.status_code, reason(answer)) == (403, "no-account")


def test_roles_open_what_they_open_with_our_own_tokens(
    client: httpx.Client, issuer: Issuer, doctor: Any, sql: Any, reason: Reason
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", doctor.id)
    token = issuer.token(email=row["email"], email_verified=True, realm_access={"roles": ["doctor", "patient"]})
    starts_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    slots = {"slots": [{"starts_at": starts_at, "minutes": 30}]}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
    assert client.post("/v1/slots", json=slots, headers=headers).status_code == 201
    booked = client.post("/v1/appointments", json={"slot_id": str(uuid4())}, headers=headers)
    assert (booked.status_code, reason(booked)) == (403, "forbidden")


def test_other_signatures_than_rsas_count_too(me: Me, issuer: Issuer, email: str, patient: Any) -> None:
    claims = issuer.claims(email=email, email_verified=True)
    answer = me(issuer.signed(claims, issuer.elliptic, "ES256", kid="elliptic"))
    assert answer.json()["id"] == patient.id


def test_clocks_may_differ_a_little(me: Me, issuer: Issuer, email: str) -> None:
    claims = issuer.claims(email=email, email_verified=True)
    assert me(issuer.signed(claims | {"exp": claims["iat"] - LEEWAY_S // 2})).status_code == 200
    assert me(issuer.signed(claims | {"nbf": claims["iat"] + LEEWAY_S // 2})).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://somebody.example"},
        {"aud": "another-system"},
        {"aud": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nbf": 5_000_000_000},
        {"iat": 5_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\0b"},
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(
    me: Me, issuer: Issuer, email: str, reason: Reason, claims: dict[str, Any], attack: Attacks
) -> None:
    answer = me(issuer.token(**({"email": email, "email_verified": True} | claims)))
    attack("forged tokens of an external issuer").tried(f"{answer.status_code}")
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")


def test_a_token_that_the_issuer_did_not_sign_is_refused(
    me: Me, issuer: Issuer, email: str, reason: Reason, attack: Attacks
) -> None:
    claims = issuer.claims(email=email, email_verified=True)
    own = rsa_key()
    issuer.documents["/stolen"] = {"keys": [Issuer.jwk("stolen", own)]}
    there = f"{issuer.url}/stolen"
    forged = {
        "alg none": jwt.encode(claims, "", "none", headers={"kid": "first"}),
        "HS256 with the public key": hs256(claims, issuer, "first"),
        "another key of that id": issuer.signed(claims, own),
        "an id that is a path": issuer.signed(claims, own, kid="../../stolen"),
        "an id that is a URL": issuer.signed(claims, own, kid=there),
        "an id that is no text": unsigned_head(claims, {"alg": "RS256", "kid": {"$ne": ""}}),
        "a key beside the token": issuer.signed(claims, own, kid="stolen", jku=there, x5u=there),
        "a key inside of the token": issuer.signed(claims, own, kid="stolen", jwk=Issuer.jwk("stolen", own)),
        "no id": jwt.encode(claims, issuer.private, "RS256"),
        "the key of another algorithm": issuer.signed(claims, issuer.elliptic, "ES256", kid="first"),
        "an algorithm that the key is not for": issuer.signed(claims, algorithm="RS512"),
        "nothing": jwt.encode(claims, issuer.private, "RS256", headers={"kid": "first"}).rpartition(".")[0] + ".",
    }
    for what, token in forged.items():
        answer = me(token)
        attack("forged tokens of an external issuer").tried(f"{answer.status_code}")
        assert (answer.status_code, reason(answer)) == (401, "unauthenticated"), what
    assert issuer.requests["/stolen"] == 0
    assert me(issuer.signed(claims)).status_code == 200, "but for the signature, it was right"


def test_a_token_is_remembered_until_it_ends(me: Me, issuer: Issuer, email: str) -> None:
    token = issuer.token(email=email, email_verified=True)
    assert me(token).status_code == 200
    issuer.away = True
    try:
        assert me(token).status_code == 200
    finally:
        issuer.away = False


def test_an_external_member_of_staff_works_from_the_clinic_only(
    client: httpx.Client, issuer: Issuer, register_staff: Any, reason: Reason
) -> None:
    staff = register_staff()
    token = issuer.token(email=staff["email"], email_verified=True, realm_access={"roles": ["staff"]})
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/v1/me", headers=headers).json()["clinic"] == staff["clinic"]
    outside = client.get("/v1/me", headers=headers | {"X-Forwarded-For": "203.0.113.7"})
    assert (outside.status_code, reason(outside)) == (403, "outside-the-clinic")


def test_a_removed_patient_is_not_linked_again(
    client: httpx.Client, me: Me, issuer: Issuer, patient: Any, email: str, reason: Reason
) -> None:
    claims = {"sub": str(uuid4()), "email": email, "email_verified": True}
    assert me(issuer.token(**claims)).status_code == 200
    assert client.delete("/v1/me", headers=patient.headers()).status_code == 204
    answer = me(issuer.token(**claims, jti="another"))
    assert (answer.status_code, reason(answer)) == (403, "no-account")


def test_keys_rotate(me: Me, issuer: Issuer, email: str, eventually: Any) -> None:
    """The last of this file, as the first key is withdrawn."""
    old = issuer.private
    issuer.rotate("second")
    eventually(lambda: me(issuer.token(email=email, email_verified=True)).status_code == 200, within_s=2 * WAITED_S)
    withdrawn = issuer.signed(issuer.claims(email=email, email_verified=True), old, kid="first")
    assert me(withdrawn).status_code == 401


def test_without_the_setting_external_tokens_are_strangers(
    api: httpx.Client, issuer: Issuer, email: str, reason: Reason
) -> None:
    token = issuer.token(email=email, email_verified=True)
    answer = api.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")


def test_an_issuer_that_never_answered_is_waited_for(stack: Any, reason: Reason) -> None:
    with issuers.running() as issuer:
        issuer.away = True
        with replicas.running(stack, OIDC_ISSUER=issuer.url, OIDC_AUDIENCE=AUDIENCE) as client:
            answer = client.get("/v1/me", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, reason(answer)) == (503, "issuer-away")
    assert int(answer.headers["retry-after"]) > 1


def test_roles_are_found_where_issuers_put_them() -> None:
    assert roles({"realm_access": {"roles": ["staff", "x"]}}, "realm_access.roles") == ["staff"]
    assert roles({"https://clinic.example/roles": ["doctor", "patient"]}, "https://clinic.example/roles") == [
        "patient",
        "doctor",
    ]
    assert roles({"role": "patient"}, "role") == ["patient"]
    assert roles({"realm_access": {"roles": {"patient": 1}}}, "realm_access.roles") == []
    assert roles({"realm_access": "patient"}, "realm_access.roles") == []


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned_head(claims: dict[str, Any], header: dict[str, Any]) -> str:
    return f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}.{_part(b'signature')}"


def hs256(claims: dict[str, Any], issuer: Issuer, key_id: str) -> str:
    """Signed with the public key's text, as if it were a shared secret."""
    public = issuer.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = unsigned_head(claims, {"alg": "HS256", "kid": key_id}).rpartition(".")[0]
    return f"{signed}.{_part(hmac.digest(public, signed.encode(), sha256().name))}"
