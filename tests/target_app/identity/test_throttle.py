"""Limits on guessing, in a real Valkey and over the API."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from target_app.identity.throttle import (
    ATTEMPTS_WINDOW_S,
    AWAY_S,
    FAILURES_MAX,
    FAILURES_WINDOW_S,
    SIGN_UPS_WINDOW_S,
    Throttle,
)
from target_app.problems import Problem
from target_app.seed import PASSWORD
from target_app.settings import Settings
from tests.attacks import Attacks
from tests.target_app.identity import replica

Reason = Callable[[httpx.Response], str]
HERE = ip_address("198.51.100.7")
NETWORK_ONE = ip_address("2001:db8:0:1::1")
ATTEMPTS_MAX = 5
SIGN_UPS_MAX = 3


def with_throttle(
    url: str, story: Callable[[Throttle, Redis, str], Awaitable[None]], now_s: Callable[[], float] = lambda: 0.0
) -> None:
    async def told() -> None:
        redis: Redis = Redis.from_url(url)
        prefix = f"{uuid4()}:"
        try:
            await story(Throttle(redis, prefix, b"secret", ATTEMPTS_MAX, SIGN_UPS_MAX, now_s), redis, prefix)
        finally:
            await redis.aclose()

    asyncio.run(told())


async def refusal(attempt: Awaitable[None], reason: str = "too-many-attempts") -> Problem:
    with pytest.raises(Problem) as refused:
        await attempt
    assert (refused.value.status, refused.value.reason) == (429, reason)
    return refused.value


def retry_after_s(problem: Problem) -> int:
    return int(dict(problem.headers)[b"retry-after"])


def test_an_account_bears_so_many_failures(stack: Any) -> None:
    async def story(throttle: Throttle, redis: Redis, prefix: str) -> None:
        for _ in range(FAILURES_MAX):
            await throttle.attempt(None, "maria@mail.example")
        refused = await refusal(throttle.attempt(None, "maria@mail.example"))
        (key,) = [key async for key in redis.scan_iter(f"{prefix}*")]
        left_s = await redis.pttl(key) / 1000
        assert left_s <= retry_after_s(refused) <= FAILURES_WINDOW_S
        await throttle.attempt(None, "ana@mail.example")
        await redis.pexpire(key, 1)
        while await redis.exists(key):
            await asyncio.sleep(0.001)
        await throttle.attempt(None, "maria@mail.example")

    with_throttle(stack.redis_url, story)


def test_what_did_not_fail_does_not_count(stack: Any) -> None:
    async def story(throttle: Throttle, redis: Redis, prefix: str) -> None:
        for _ in range(3 * FAILURES_MAX):
            await throttle.attempt(None, "maria@mail.example")
            await throttle.take_back("maria@mail.example")
        await throttle.take_back("nobody@mail.example")
        values = {await redis.get(key) async for key in redis.scan_iter(f"{prefix}*")}
        assert values == {b"0"}, "and none below"

    with_throttle(stack.redis_url, story)


def test_guesses_that_come_at_once_are_no_way_around(stack: Any, attack: Attacks) -> None:
    async def story(throttle: Throttle, _: Redis, __: str) -> None:
        attempts = (throttle.attempt(None, "maria@mail.example") for _ in range(5 * FAILURES_MAX))
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        refused = sum(isinstance(outcome, Problem) for outcome in outcomes)
        attack("guessing passwords").tried("429", refused)
        assert Counter(type(outcome) for outcome in outcomes) == {type(None): FAILURES_MAX, Problem: 4 * FAILURES_MAX}

    with_throttle(stack.redis_url, story)


def test_an_address_has_so_many_attempts_whoever_they_are_on(stack: Any) -> None:
    async def story(throttle: Throttle, _: Redis, __: str) -> None:
        for number in range(ATTEMPTS_MAX):
            await throttle.attempt(HERE, f"patient.{number}@mail.example")
        refused = await refusal(throttle.attempt(HERE, "one.more@mail.example"))
        assert 0 < retry_after_s(refused) <= ATTEMPTS_WINDOW_S
        await throttle.attempt(ip_address("198.51.100.8"), "one.more@mail.example")

    with_throttle(stack.redis_url, story)


def test_a_subscriber_is_one_address_however_many_they_have(stack: Any) -> None:
    async def story(throttle: Throttle, _: Redis, __: str) -> None:
        for number in range(SIGN_UPS_MAX):
            await throttle.sign_up(NETWORK_ONE + number)
        await refusal(throttle.sign_up(NETWORK_ONE + 2**63), "too-many-sign-ups")
        await throttle.sign_up(NETWORK_ONE + 2**64)

    with_throttle(stack.redis_url, story)


def test_an_address_has_a_few_sign_ups_besides(stack: Any) -> None:
    async def story(throttle: Throttle, _: Redis, __: str) -> None:
        for _attempt in range(SIGN_UPS_MAX):
            await throttle.sign_up(HERE)
        refused = await refusal(throttle.sign_up(HERE), "too-many-sign-ups")
        assert ATTEMPTS_WINDOW_S < retry_after_s(refused) <= SIGN_UPS_WINDOW_S
        await throttle.sign_up(ip_address("198.51.100.8"))
        await throttle.attempt(HERE, "maria@mail.example")
        await throttle.sign_up(None)

    with_throttle(stack.redis_url, story)


def test_keys_have_the_prefix_and_say_nothing_of_anybody(stack: Any) -> None:
    async def story(throttle: Throttle, redis: Redis, prefix: str) -> None:
        await throttle.attempt(HERE, "52998224725")
        keys = [key.decode() async for key in redis.scan_iter(f"{prefix}*")]
        assert len(keys) == 2
        assert not any("52998224725" in key or str(HERE) in key for key in keys)
        other = Throttle(redis, prefix, b"another secret", ATTEMPTS_MAX, SIGN_UPS_MAX, lambda: 0.0)
        await other.attempt(HERE, "52998224725")
        assert len([key async for key in redis.scan_iter(f"{prefix}*")]) == 4, (
            "hashes cannot be made without the secret"
        )

    with_throttle(stack.redis_url, story)


def test_without_the_cache_nobody_is_throttled_and_it_is_left_alone_for_a_while(
    free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = 0.0

    async def story(throttle: Throttle, _: Redis, __: str) -> None:
        nonlocal now_s
        for _attempt in range(3 * FAILURES_MAX):
            await throttle.attempt(HERE, "maria@mail.example")
        assert len(caplog.records) == 1
        assert "not throttled" in caplog.text
        now_s += AWAY_S
        await throttle.attempt(HERE, "maria@mail.example")
        assert len(caplog.records) == 2

    with_throttle(f"redis://127.0.0.1:{free_port}/0", story, lambda: now_s)
    assert "maria" not in caplog.text


def test_without_the_cache_everybody_can_still_sign_in(
    stack: Any, sign_in: Any, patient: Any, sql: Any, free_port: int
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    with replica.running(stack, REDIS_URL=f"redis://127.0.0.1:{free_port}/0") as client:
        for _ in range(FAILURES_MAX + 1):
            assert sign_in("guess", client, email=row["email"]).status_code == 401
        assert sign_in(PASSWORD, client, email=row["email"]).status_code == 201


def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(
    sign_in: Any, patient: Any, rival: Any, sql: Any, reason: Reason, attack: Attacks
) -> None:
    (row,) = sql("SELECT email, cpf FROM patients WHERE id = $1", patient.id)
    for _ in range(3):
        assert sign_in(PASSWORD, email=row["email"]).status_code == 201, "this does not count"
    for _ in range(FAILURES_MAX):
        assert sign_in("guess", email=row["email"]).status_code == 401
    for password in ("guess", PASSWORD):
        answer = sign_in(password, email=row["email"])
        attack("guessing passwords").tried(f"{answer.status_code}")
        assert (answer.status_code, reason(answer)) == (429, "too-many-attempts")
        assert 0 < int(answer.headers["retry-after"]) <= FAILURES_WINDOW_S
    (other,) = sql("SELECT email FROM patients WHERE id = $1", rival.id)
    assert sign_in(PASSWORD, email=other["email"]).status_code == 201


def test_an_unknown_account_is_throttled_like_a_known_one(sign_in: Any, new_patient: Any, attack: Attacks) -> None:
    email = new_patient()["email"]
    statuses = [sign_in("guess", email=email).status_code for _ in range(FAILURES_MAX + 1)]
    for status in statuses:
        attack("guessing passwords").tried(f"{status}")
    assert statuses == [401] * FAILURES_MAX + [429]


def test_signing_in_from_one_address_is_limited(
    stack: Any, sign_in: Any, patient: Any, sql: Any, reason: Reason
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", patient.id)
    with replica.running(stack, LOGIN_ATTEMPTS_PER_ADDRESS="3") as client:
        client.headers["X-Forwarded-For"] = "203.0.113.9"
        assert [sign_in(PASSWORD, client, email=row["email"]).status_code for _ in range(3)] == [201] * 3
        answer = sign_in(PASSWORD, client, email=row["email"])
        assert (answer.status_code, reason(answer)) == (429, "too-many-attempts")
        assert 0 < int(answer.headers["retry-after"]) <= ATTEMPTS_WINDOW_S
        client.headers["X-Forwarded-For"] = "203.0.113.10"
        assert sign_in(PASSWORD, client, email=row["email"]).status_code == 201


def test_who_asks_by_signing_up_who_is_registered_is_soon_told_no_more(
    stack: Any, sign_in: Any, new_patient: Any, reason: Reason
) -> None:
    """Nor do they go on to take names from their owners."""
    known = new_patient()
    with replica.running(stack, SIGN_UPS_PER_ADDRESS="3") as client:

        def sign_up(person: dict[str, Any]) -> httpx.Response:
            return client.post("/v1/patients", json=person, headers={"Idempotency-Key": str(uuid4())})

        client.headers["X-Forwarded-For"] = "203.0.113.11"
        assert sign_up(known).status_code == 201
        assert sign_up(new_patient(cpf="11111111111")).status_code == 422, "this says nothing, and does not count"
        assert [sign_up(new_patient(cpf=known["cpf"])).status_code for _ in range(2)] == [409] * 2
        for person in (new_patient(cpf=known["cpf"]), new_patient()):
            answer = sign_up(person)
            assert (answer.status_code, reason(answer)) == (429, "too-many-sign-ups")
            assert ATTEMPTS_WINDOW_S < int(answer.headers["retry-after"]) <= SIGN_UPS_WINDOW_S
        assert sign_in(at=client, cpf=known["cpf"]).status_code == 201
        client.headers["X-Forwarded-For"] = "203.0.113.12"
        assert sign_up(new_patient()).status_code == 201


def test_a_storm_is_sent_away_and_bookings_go_on(
    stack: Any, publish: Any, patient: Any, rival: Any, sql: Any, reason: Reason
) -> None:
    (row,) = sql("SELECT email FROM accounts WHERE id = $1", rival.id)
    (slot,) = publish()
    with replica.running(stack, PASSWORD_QUEUE="2", LOGIN_ATTEMPTS_PER_ADDRESS="1000") as client:

        async def storm() -> tuple[list[httpx.Response], httpx.Response]:
            async with httpx.AsyncClient(base_url=client.base_url, timeout=30) as many:

                async def guess(number: int) -> httpx.Response:
                    body = {"email": f"{number % 4}{row['email']}", "password": "guess"}
                    return await many.post("/v1/sessions", json=body)

                guesses = [asyncio.create_task(guess(number)) for number in range(36)]
                booked = await many.post(
                    "/v1/appointments", json={"slot_id": slot}, headers=patient.headers(str(uuid4()))
                )
                return await asyncio.gather(*guesses), booked

        answers, booked = asyncio.run(storm())
        sent_away = [answer for answer in answers if answer.status_code == 503]
        assert sent_away
        assert {reason(answer) for answer in sent_away} == {"sign-in-busy"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in sent_away)
        assert {answer.status_code for answer in answers} == {401, 503}
        assert booked.status_code == 201
        first = {"email": f"0{row['email']}", "password": "guess"}
        assert client.post("/v1/sessions", json=first).status_code == 401, "who was sent away has not failed"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"PASSWORD_THREADS": "0"}, "PASSWORD_THREADS"),
        ({"PASSWORD_QUEUE": "many"}, "PASSWORD_QUEUE"),
        ({"LOGIN_ATTEMPTS_PER_ADDRESS": "-1"}, "LOGIN_ATTEMPTS_PER_ADDRESS"),
        ({"SIGN_UPS_PER_ADDRESS": "0"}, "SIGN_UPS_PER_ADDRESS"),
        ({"OIDC_ISSUER": "login.clinic.example"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://login.clinic.example"}, "OIDC_AUDIENCE"),
    ],
)
def test_a_setting_that_is_none_is_named(
    stack: Any, settings: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (stack.environment() | settings).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=name):
        Settings.from_environment()
