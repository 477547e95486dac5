from collections.abc import Callable
from typing import Any

import httpx
import jwt

from target_app.seed import PASSWORD


def test_signing_in_gives_a_token_that_opens_the_api(api: httpx.Client, patient: Any, sql: Any) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    session = api.post("/v1/sessions", json={"email": row["email"].upper(), "password": PASSWORD})
    assert session.status_code == 201
    assert (session.json()["role"], session.json()["token_type"]) == ("patient", "Bearer")
    headers = {"Authorization": f"Bearer {session.json()['token']}"}
    assert api.get("/v1/doctors", headers=headers).status_code == 200


def test_a_wrong_password_and_an_unknown_account_are_refused_alike(
    api: httpx.Client, patient: Any, sql: Any, reason: Callable[[httpx.Response], str]
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    wrong = api.post("/v1/sessions", json={"email": row["email"], "password": "guess"})
    unknown = api.post("/v1/sessions", json={"email": "nobody@mail.example", "password": "guess"})
    assert (wrong.status_code, reason(wrong)) == (401, "unauthenticated")
    assert unknown.json() == wrong.json()


def test_tokens_can_be_checked_with_the_published_key(api: httpx.Client, patient: Any) -> None:
    (key,) = api.get("/.well-known/jwks.json").json()["keys"]
    claims = jwt.decode(patient.token, jwt.PyJWK(key), ["EdDSA"], audience="booking")
    assert claims["sub"] == patient.id


def test_without_a_token_nothing_opens(api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]) -> None:
    for method, path in (
        ("GET", "/v1/doctors"),
        ("GET", f"/v1/doctors/{doctor.id}/agenda"),
        ("POST", "/v1/slots"),
        ("POST", "/v1/appointments"),
        ("GET", "/v1/appointments"),
        ("POST", f"/v1/appointments/{doctor.id}/cancel"),
    ):
        answer = api.request(method, path, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, reason(answer)) == (401, "unauthenticated"), path
