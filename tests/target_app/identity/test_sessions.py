import asyncio
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from target_app.seed import PASSWORD
from tests.attacks import Attacks

Reason = Callable[[httpx.Response], str]
SignIn = Callable[..., httpx.Response]
Bearer = Callable[[httpx.Response], dict[str, str]]


@pytest.fixture
def refresh(api: httpx.Client) -> Callable[[str], httpx.Response]:
    return lambda token: api.post("/v1/sessions/refresh", json={"refresh_token": token})


@pytest.fixture
def session(sign_in: SignIn, patient: Any, sql: Any) -> dict[str, Any]:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    session: dict[str, Any] = sign_in(PASSWORD, email=row["email"]).json()
    return session


def test_signing_in_gives_a_token_that_opens_the_api(
    api: httpx.Client, sign_in: SignIn, bearer: Bearer, patient: Any, sql: Any
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    session = sign_in(PASSWORD, email=row["email"].upper())
    assert session.status_code == 201
    assert (session.json()["role"], session.json()["token_type"]) == ("patient", "Bearer")
    assert api.get("/v1/doctors", headers=bearer(session)).status_code == 200


def test_patients_sign_in_with_their_cpf_however_it_is_written(
    api: httpx.Client, sign_in: SignIn, bearer: Bearer, patient: Any, sql: Any
) -> None:
    (row,) = sql("SELECT cpf FROM patients WHERE id = $1", patient.id)
    cpf = row["cpf"]
    for written in (cpf, f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"):
        session = sign_in(PASSWORD, cpf=written)
        assert session.json()["role"] == "patient"
        assert api.get("/v1/me", headers=bearer(session)).json()["id"] == patient.id


def test_doctors_sign_in_with_their_crm(
    api: httpx.Client, sign_in: SignIn, bearer: Bearer, doctor: Any, sql: Any, reason: Reason
) -> None:
    (row,) = sql("SELECT crm, crm_state FROM doctors WHERE id = $1", doctor.id)
    session = sign_in(PASSWORD, crm=row["crm"], crm_state=row["crm_state"])
    assert session.json()["role"] == "doctor"
    assert api.get("/v1/me", headers=bearer(session)).json()["id"] == doctor.id
    padded = sign_in(PASSWORD, crm=row["crm"].zfill(7), crm_state=row["crm_state"])
    assert api.get("/v1/me", headers=bearer(padded)).json()["id"] == doctor.id
    elsewhere = sign_in(PASSWORD, crm=row["crm"], crm_state="AC" if row["crm_state"] != "AC" else "AL")
    assert (elsewhere.status_code, reason(elsewhere)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ({}, "body"),
        ({"email": "a@mail.example", "cpf": "52998224725"}, "body"),
        ({"crm": "123456"}, "body"),
        ({"email": "a@mail.example", "crm_state": "SP"}, "body"),
        ({"email": "nobody"}, "body/email"),
        ({"cpf": "529.982.247"}, "body/cpf"),
        ({"crm": "123", "crm_state": "SP"}, "body/crm"),
        ({"crm": "123456", "crm_state": "XX"}, "body/crm_state"),
        ({"email": "a@mail.example", "otp": "1"}, "body/otp"),
    ],
)
def test_exactly_one_way_to_say_who_one_is(sign_in: SignIn, reason: Reason, name: dict[str, str], at: str) -> None:
    answer = sign_in("guess", **name)
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert answer.json()["errors"][0]["at"] == at
    assert "guess" not in answer.text


def test_a_wrong_password_and_an_unknown_account_are_refused_alike(
    sign_in: SignIn, patient: Any, doctor: Any, sql: Any, reason: Reason
) -> None:
    (known,) = sql("SELECT email, cpf FROM patients WHERE id = $1", patient.id)
    (of_doctor,) = sql("SELECT crm, crm_state FROM doctors WHERE id = $1", doctor.id)
    refusals = [
        sign_in("guess", email=known["email"]),
        sign_in("guess", email="nobody@mail.example"),
        sign_in("guess", cpf=known["cpf"]),
        sign_in("guess", cpf="00000000000"),
        sign_in("guess", **of_doctor),
        sign_in("guess", crm="0000000", crm_state="SP"),
    ]
    assert {(answer.status_code, reason(answer)) for answer in refusals} == {(401, "unauthenticated")}
    assert len({answer.text for answer in refusals}) == 1


def test_tokens_can_be_checked_with_the_published_key(api: httpx.Client, patient: Any) -> None:
    (key,) = api.get("/.well-known/jwks.json").json()["keys"]
    claims = jwt.decode(patient.token, jwt.PyJWK(key), ["EdDSA"], audience="booking")
    assert claims["sub"] == patient.id


def test_a_refresh_gives_another_session_of_the_same_account(
    api: httpx.Client, session: dict[str, Any], refresh: Callable[[str], httpx.Response], bearer: Bearer, patient: Any
) -> None:
    assert (session["expires_in"], session["refresh_expires_in"]) == (900, 30 * 86_400)
    tokens = [session["refresh_token"]]
    for _ in range(3):
        renewed = refresh(tokens[-1])
        assert set(renewed.json()) == set(session)
        assert renewed.json()["role"] == "patient"
        assert api.get("/v1/me", headers=bearer(renewed)).json()["id"] == patient.id
        tokens.append(renewed.json()["refresh_token"])
    assert len(set(tokens)) == 4


def test_a_refresh_token_that_comes_again_ends_its_whole_session(
    sign_in: SignIn,
    session: dict[str, Any],
    refresh: Callable[[str], httpx.Response],
    reason: Reason,
    sql: Any,
    attack: Attacks,
) -> None:
    (row,) = sql("SELECT email FROM accounts JOIN refresh_tokens ON account_id = id ORDER BY expires_at DESC LIMIT 1")
    other = sign_in(PASSWORD, email=row["email"]).json()["refresh_token"]
    first = session["refresh_token"]
    second = refresh(first).json()["refresh_token"]
    third = refresh(second).json()["refresh_token"]
    for token in (first, third, third):
        answer = refresh(token)
        attack("spent refresh tokens").tried(f"{answer.status_code}")
        assert (answer.status_code, reason(answer)) == (401, "refresh-reused")
    assert refresh(other).status_code == 201, "another session of the same account goes on"


def test_a_token_whose_answer_was_lost_is_good_for_a_moment_longer(
    session: dict[str, Any], refresh: Callable[[str], httpx.Response], attack: Attacks
) -> None:
    spent = session["refresh_token"]
    lost = refresh(spent).json()["refresh_token"]
    again = refresh(spent).json()["refresh_token"]
    assert refresh(again).status_code == 201
    assert refresh(lost).status_code == 401, "what was given in vain is good no more"
    attack("spent refresh tokens").tried("401")


def test_a_spent_token_is_not_good_for_ever(
    session: dict[str, Any],
    refresh: Callable[[str], httpx.Response],
    reason: Reason,
    patient: Any,
    sql: Any,
    attack: Attacks,
) -> None:
    spent = session["refresh_token"]
    for _ in range(2):  # and its second use does not give it more time
        assert refresh(spent).status_code == 201
        sql("UPDATE refresh_tokens SET spent_at = spent_at - interval '6 s' WHERE account_id = $1", UUID(patient.id))
    answer = refresh(spent)
    attack("spent refresh tokens").tried(f"{answer.status_code}")
    assert (answer.status_code, reason(answer)) == (401, "refresh-reused")


def test_of_refreshes_at_once_one_answer_is_good(
    stack: Any, session: dict[str, Any], sql: Any, attack: Attacks
) -> None:
    async def all_at_once() -> list[str]:
        async with httpx.AsyncClient(timeout=30) as client:
            body = {"refresh_token": session["refresh_token"]}
            urls = [f"{url}/v1/sessions/refresh" for url in stack.replica_urls * 4]
            answers = await asyncio.gather(*(client.post(url, json=body) for url in urls))
            return [answer.json()["refresh_token"] for answer in answers]

    tokens = [urlsafe_b64decode(token) for token in asyncio.run(all_at_once())]
    good = {bytes(row["token_hash"]) for row in sql("SELECT token_hash FROM refresh_tokens")}
    still_good = [hashlib.sha256(token).digest() in good for token in tokens]
    attack("spent refresh tokens").tried("good no more", still_good.count(False))
    assert still_good.count(True) == 1


def test_a_refresh_token_expires(
    session: dict[str, Any], refresh: Callable[[str], httpx.Response], reason: Reason, patient: Any, sql: Any
) -> None:
    sql("UPDATE refresh_tokens SET expires_at = now() WHERE account_id = $1", UUID(patient.id))
    answer = refresh(session["refresh_token"])
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")


def test_signing_in_clears_expired_sessions_away(
    sign_in: SignIn, session: dict[str, Any], patient: Any, sql: Any
) -> None:
    assert session
    sql("UPDATE refresh_tokens SET expires_at = now() WHERE account_id = $1", UUID(patient.id))
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    sign_in(PASSWORD, email=row["email"])
    (kept,) = sql("SELECT expires_at > now() AS good FROM refresh_tokens WHERE account_id = $1", UUID(patient.id))
    assert kept["good"]


def test_refresh_tokens_are_stored_as_hashes_only(session: dict[str, Any], patient: Any, sql: Any) -> None:
    (row,) = sql("SELECT * FROM refresh_tokens WHERE account_id = $1", UUID(patient.id))
    token = urlsafe_b64decode(session["refresh_token"])
    assert row["token_hash"] == hashlib.sha256(token).digest()
    stored = bytes(row["family"]) + bytes(row["token_hash"])
    assert not any(token[start : start + 8] in stored for start in range(len(token) - 7))


def test_signing_out_ends_the_session_and_may_be_repeated(
    api: httpx.Client, session: dict[str, Any], refresh: Callable[[str], httpx.Response], reason: Reason
) -> None:
    latest = refresh(session["refresh_token"]).json()["refresh_token"]
    for token in (latest, latest, session["refresh_token"]):
        assert api.post("/v1/sessions/logout", json={"refresh_token": token}).status_code == 204
    answer = refresh(latest)
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")


def test_what_is_no_refresh_token_is_named(api: httpx.Client, reason: Reason) -> None:
    for path in ("refresh", "logout"):
        answer = api.post(f"/v1/sessions/{path}", json={"refresh_token": "abc"})
        assert (answer.status_code, reason(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["at"] == "body/refresh_token"


def test_without_a_token_nothing_opens(api: httpx.Client, doctor: Any, reason: Reason) -> None:
    for method, path in (
        ("GET", "/v1/doctors"),
        ("GET", f"/v1/doctors/{doctor.id}/agenda"),
        ("POST", "/v1/slots"),
        ("POST", "/v1/appointments"),
        ("GET", "/v1/appointments"),
        ("POST", f"/v1/appointments/{doctor.id}/cancel"),
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("DELETE", "/v1/me"),
    ):
        answer = api.request(method, path, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, reason(answer)) == (401, "unauthenticated"), path
