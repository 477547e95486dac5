"""Who is registered is nobody's business: neither what is answered nor how long it takes tells."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from target_app.identity.documents import cpf_with_check_digits
from tests.attacks import Attacks

ADVANTAGE_MAX: Final = {25: 0.38, 50: 0.27}
"""By the number of pairs. Of 25 pairs from one distribution the advantage has a standard deviation of 0.082, of 50 one
of 0.058 (Mann and Whitney, 1947): it is beyond these once in 300,000 runs. An answer without a password check has 0.5.
"""
SIZES: Final = pytest.mark.parametrize("pairs", [25, pytest.param(50, marks=pytest.mark.long)])
_unknown = count(940_000_000)


@pytest.fixture
def guess(stack: Any) -> Iterator[Callable[[dict[str, str]], httpx.Response]]:
    """Try to sign in at one replica, from an address of the test's own: attempts are counted by address."""
    headers = {"X-Forwarded-For": "203.0.113.77"}
    with httpx.Client(base_url=stack.replica_urls[0], headers=headers, timeout=30) as client:
        yield lambda name: client.post("/v1/sessions", json=name | {"password": "a wrong guess"})


@pytest.fixture
def strangers_cpf() -> Callable[[], str]:
    return lambda: cpf_with_check_digits(next(_unknown))


def advantage(some: Sequence[float], others: Sequence[float]) -> float:
    """How much better than by tossing a coin one tells from their times which of a pair is which, 0 to 0.5: half the
    distance of the probability of superiority (Mann and Whitney's U over the number of pairs) from chance."""
    wins = sum((one > other) + 0.5 * (one == other) for one in some for other in others)
    return abs(wins / (len(some) * len(others)) - 0.5)


def timed(work: Callable[[], Any]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


@pytest.mark.parametrize("pairs", ADVANTAGE_MAX)
def test_the_measure_sees_what_it_is_to_see(pairs: int) -> None:
    random = Random(7)
    alike = [[random.gauss(40, 8) for _ in range(pairs)] for _ in range(2)]
    assert advantage(*alike) < ADVANTAGE_MAX[pairs] / 2
    assert advantage(alike[0], [each - 20 for each in alike[1]]) > 0.4
    assert advantage([1, 1], [1, 1]) == 0


@SIZES
def test_the_time_of_a_refusal_does_not_tell_who_is_registered(
    pairs: int,
    guess: Callable[[dict[str, str]], httpx.Response],
    sql: Any,
    strangers_cpf: Callable[[], str],
    attack: Attacks,
) -> None:
    """In pairs and in turns, so that whatever slows the machine slows both. A request that needs no password check is
    told apart by the same measure."""
    known = [
        row["cpf"] for row in sql("SELECT cpf FROM patients WHERE cpf IS NOT NULL ORDER BY id DESC LIMIT $1", pairs)
    ]
    random, times_s = Random(1), {"known": [], "unknown": [], "unchecked": []}  # type: ignore[var-annotated]
    for cpf in known:
        pair = [("known", cpf), ("unknown", strangers_cpf()), ("unchecked", "52998224")]
        random.shuffle(pair)
        for kind, name in pair:
            times_s[kind].append(timed(lambda name=name: guess({"cpf": name})))  # type: ignore[misc]
    told = advantage(times_s["known"], times_s["unchecked"])
    assert told > ADVANTAGE_MAX[pairs], "the machine is too busy to tell anything"
    attack("who is registered, by the time of the answer").tried("no better than chance", 2 * pairs)
    assert advantage(times_s["known"], times_s["unknown"]) < ADVANTAGE_MAX[pairs]


def test_a_refusal_is_the_same_to_the_last_byte(
    guess: Callable[[dict[str, str]], httpx.Response],
    patient: Any,
    doctor: Any,
    register_staff: Any,
    sql: Any,
    strangers_cpf: Callable[[], str],
    attack: Attacks,
) -> None:
    (of_patient,) = sql("SELECT email, cpf FROM patients WHERE id = $1::uuid", patient.id)
    (of_doctor,) = sql("SELECT email, crm, crm_state FROM doctors WHERE id = $1::uuid", doctor.id)
    names: list[dict[str, str]] = [
        {"cpf": of_patient["cpf"]},
        {"cpf": strangers_cpf()},
        {"email": of_patient["email"]},
        {"email": of_doctor["email"]},
        {"email": register_staff()["email"]},  # whose network is another one than the address that asks
        {"email": f"{uuid4()}@mail.example"},
        {"crm": of_doctor["crm"], "crm_state": of_doctor["crm_state"]},
        {"crm": "9999999", "crm_state": of_doctor["crm_state"]},
    ]
    answers = [guess(name) for name in names]
    for answer in answers:
        attack("who is registered, by the answer").tried(f"{answer.status_code}")
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.content, tuple(sorted(answer.headers.items()))) for answer in answers}) == 1


def test_a_sign_up_that_is_refused_does_not_say_for_what(
    sign_up: Callable[..., httpx.Response], new_patient: Callable[..., dict[str, Any]], attack: Attacks
) -> None:
    known = new_patient()
    assert sign_up(known).status_code == 201
    answers = [
        sign_up(new_patient(cpf=known["cpf"])),
        sign_up(new_patient(email=known["email"])),
        sign_up(new_patient(email=known["email"].upper())),
        sign_up(new_patient(cpf=known["cpf"], email=known["email"])),
    ]
    for answer in answers:
        attack("who is registered, by the answer").tried(f"{answer.status_code}")
    assert {answer.status_code for answer in answers} == {409}
    assert len({answer.content for answer in answers}) == 1
    assert known["cpf"] not in answers[0].text


def test_a_strangers_thing_and_nothing_at_all_are_answered_alike(
    api: httpx.Client, patient: Any, rival: Any, publish: Any, book: Any, attack: Attacks
) -> None:
    appointment = book(patient, publish()[0]).json()["id"]
    for path in ("appointments/{}", "appointments/{}/history", "records/{}", "records/{}/download"):
        answers = [api.get(f"/v1/{path.format(each)}", headers=rival.headers()) for each in (appointment, uuid4())]
        for answer in answers:
            attack("who is registered, by the answer").tried(f"{answer.status_code}")
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1, path
    answers = [
        api.get("/v1/records", params={"patient_id": str(each)}, headers=rival.headers())
        for each in (patient.id, uuid4())
    ]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
