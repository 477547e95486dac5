import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from target_app import identity
from target_app.database import all_or_nothing
from target_app.database import sql as statement_of

Reason = Callable[[httpx.Response], str]
SignUp = Callable[..., httpx.Response]
Person = Callable[..., dict[str, Any]]


def test_a_patient_signs_up_and_in_with_either_name(
    api: httpx.Client, sign_up: SignUp, sign_in: Any, bearer: Any, new_patient: Person
) -> None:
    person = new_patient(name="  João da Silva  ", locale="en")
    written = f"{person['cpf'][:9]}-{person['cpf'][9:]}"
    answer = sign_up(person | {"cpf": written, "email": person["email"].upper()})
    assert answer.status_code == 201
    for name in ({"cpf": person["cpf"]}, {"email": person["email"]}):
        mine = api.get("/v1/me", headers=bearer(sign_in(**name))).json()
        assert mine == {
            "id": answer.json()["id"],
            "role": "patient",
            "name": "João da Silva",
            "email": person["email"],
            "locale": "en",
            "cpf": person["cpf"],
        }


def test_a_doctor_signs_up_and_is_found(
    api: httpx.Client, sign_up: SignUp, sign_in: Any, bearer: Any, new_doctor: Person, eventually: Any
) -> None:
    person = new_doctor(specialty=f"specialty {uuid4()}")
    doctor_id = sign_up(person).json()["id"]
    session = bearer(sign_in(crm=person["crm"], crm_state=person["crm_state"]))
    mine = api.get("/v1/me", headers=session).json()
    assert (mine["id"], mine["role"], mine["crm"], mine["price_cents"]) == (doctor_id, "doctor", person["crm"], 25_000)

    def found() -> list[str]:
        doctors = api.get("/v1/doctors", params={"specialty": person["specialty"]}, headers=session).json()["doctors"]
        return [one["id"] for one in doctors]

    eventually(lambda: found() == [doctor_id])


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"cpf": "52998224724"}, "cpf"),
        ({"cpf": "11111111111"}, "cpf"),
        ({"email": "maria@"}, "email"),
        ({"email": "maria souza@mail.example"}, "email"),
        ({"email": "maria@mail.example\nBcc: all@mail.example"}, "email"),
        ({"email": "removed-1@removed.invalid"}, "email"),
        ({"password": "123456789"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"name": "   "}, "name"),
        ({"name": "Maria\nSouza"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"locale": "fr"}, "locale"),
        ({"role": "staff"}, "role"),
    ],
)
def test_what_is_wrong_with_a_patient_is_named_and_nothing_is_stored(
    sign_up: SignUp, new_patient: Person, reason: Reason, sql: Any, wrong: dict[str, str], at: str
) -> None:
    (before,) = sql("SELECT count(*) FROM accounts")
    answer = sign_up(new_patient(**wrong))
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert [error["at"] for error in answer.json()["errors"]] == [f"body/{at}"]
    assert sql("SELECT count(*) FROM accounts") == [before]


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"crm": "123"}, "crm"),
        ({"crm": "12345678"}, "crm"),
        ({"crm_state": "XX"}, "crm_state"),
        ({"specialty": ""}, "specialty"),
        ({"price_cents": -1}, "price_cents"),
        ({"price_cents": 2**40}, "price_cents"),
        ({"price_cents": "25000"}, "price_cents"),
    ],
)
def test_what_is_wrong_with_a_doctor_is_named(
    sign_up: SignUp, new_doctor: Person, reason: Reason, wrong: dict[str, str], at: str
) -> None:
    answer = sign_up(new_doctor(**wrong))
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert [error["at"] for error in answer.json()["errors"]] == [f"body/{at}"]


def test_a_name_that_is_taken_is_refused_without_saying_which_and_leaves_nothing(
    sign_up: SignUp, new_patient: Person, new_doctor: Person, reason: Reason, sql: Any
) -> None:
    patient, doctor = new_patient(), new_doctor()
    assert {sign_up(patient).status_code, sign_up(doctor).status_code} == {201}
    refusals = [
        sign_up(new_patient(cpf=patient["cpf"])),
        sign_up(new_patient(email=patient["email"])),
        sign_up(new_patient(email=doctor["email"])),
        sign_up(new_doctor(crm=doctor["crm"])),
        sign_up(new_doctor(crm=f"0{doctor['crm']}")),
        sign_up(new_doctor(email=patient["email"].upper())),
    ]
    assert {(answer.status_code, reason(answer)) for answer in refusals} == {(409, "already-registered")}
    assert len({answer.text for answer in refusals}) == 1
    orphans = sql(
        "SELECT id FROM accounts WHERE id NOT IN"
        " (SELECT id FROM patients UNION ALL SELECT id FROM doctors UNION ALL SELECT id FROM staff)"
    )
    assert orphans == []
    assert sign_up(new_doctor(crm=doctor["crm"], crm_state="RJ")).status_code == 201, "another state, another doctor"


def test_of_many_who_sign_up_alike_at_once_exactly_one_is_registered(stack: Any, new_patient: Person, sql: Any) -> None:
    person = new_patient()

    async def attempt(client: httpx.AsyncClient, url: str) -> int:
        """Also when it is told to come back, as those are for whose password there is no time."""
        key = {"Idempotency-Key": str(uuid4())}
        while (answer := await client.post(f"{url}/v1/patients", json=person, headers=key)).status_code == 503:
            await asyncio.sleep(0.1)
        return answer.status_code

    async def rush() -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            return await asyncio.gather(*(attempt(client, url) for url in stack.replica_urls * 4))

    assert Counter(asyncio.run(rush())) == {201: 1, 409: 7}
    assert len(sql("SELECT FROM patients WHERE cpf = $1", person["cpf"])) == 1


def test_a_retry_gets_the_first_answer_again_and_only_its_sender_does(
    sign_up: SignUp, new_patient: Person, new_doctor: Person, reason: Reason
) -> None:
    for person in (new_patient(), new_doctor()):
        key = str(uuid4())
        first, again = sign_up(person, key), sign_up(person, key)
        assert (first.status_code, "idempotency-replayed" in first.headers) == (201, False)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.json() == first.json()
        guess = sign_up(person | {"password": "another password"}, key)
        assert (guess.status_code, reason(guess)) == (409, "already-registered")


def test_signing_up_needs_a_key(api: httpx.Client, new_patient: Person, reason: Reason) -> None:
    answer = api.post("/v1/patients", json=new_patient())
    assert (answer.status_code, reason(answer)) == (400, "idempotency-key-missing")


def test_passwords_are_stored_as_argon2id(sign_up: SignUp, new_patient: Person, sql: Any) -> None:
    account = UUID(sign_up(new_patient()).json()["id"])
    (row,) = sql("SELECT password_hash FROM accounts WHERE id = $1", account)
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_name_that_is_taken_is_no_error_that_the_database_would_log_with_the_name(
    stack: Any, sign_up: SignUp, new_patient: Person, new_doctor: Person
) -> None:
    patient, doctor = new_patient(), new_doctor()
    assert {sign_up(patient).status_code, sign_up(doctor).status_code} == {201}

    async def again(statement: str, *person: Any) -> Any:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return await all_or_nothing(connection, statement_of(identity.__name__, statement), *person)
        finally:
            await connection.close()

    other = "another@mail.example"
    of_doctor = ("Ana", "en", doctor["crm"], "SP", "cardiology", 1)
    for statement, *person in (
        ("sign_up_patient", patient["email"], "-", "k", "Maria", "en", new_patient()["cpf"]),
        ("sign_up_patient", other, "-", "k", "Maria", "en", patient["cpf"]),
        ("sign_up_doctor", doctor["email"], "-", "k", *of_doctor),
        ("sign_up_doctor", other, "-", "k", *of_doctor),
        ("register_staff", "Aurora", patient["email"], "-", "Rita", "en"),
    ):
        assert asyncio.run(again(statement, *person)) is None


def test_the_database_logs_no_rows_with_its_errors(sql: Any) -> None:
    assert sql("SHOW log_error_verbosity")[0]["log_error_verbosity"] == "terse"
