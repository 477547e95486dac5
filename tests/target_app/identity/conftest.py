"""People who sign up and in."""

import asyncio
import os
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from target_app.identity import staff
from target_app.identity.documents import cpf_with_check_digits

PASSWORD = "correct horse battery staple"
_numbers = count(Random(os.getpid()).randrange(10**8))
_crms = count(1_000 + Random(os.getpid()).randrange(8_000))


@pytest.fixture
def new_patient() -> Callable[..., dict[str, Any]]:
    """The body of a sign-up that nobody has sent yet."""

    def new_patient(**changes: Any) -> dict[str, Any]:
        number = next(_numbers)
        person = {
            "name": "Maria Souza",
            "cpf": cpf_with_check_digits(900_000_000 + number),
            "email": f"maria.{number}@mail.example",
            "password": PASSWORD,
        }
        return person | changes

    return new_patient


@pytest.fixture
def new_doctor() -> Callable[..., dict[str, Any]]:
    def new_doctor(**changes: Any) -> dict[str, Any]:
        number = next(_crms)
        person = {
            "name": "Dra. Ana Lima",
            "crm": str(number),
            "crm_state": "SP",
            "specialty": "cardiology",
            "price_cents": 25_000,
            "email": f"ana.{number}@clinic.example",
            "password": PASSWORD,
        }
        return person | changes

    return new_doctor


@pytest.fixture
def register_staff(stack: Any) -> Callable[..., dict[str, str]]:
    """As the command would, and give who was registered."""

    def register_staff(clinic: str = "Clínica Aurora") -> dict[str, str]:
        person = {"clinic": clinic, "name": "Rita Lima", "email": f"rita.{next(_numbers)}@clinic.example"}
        account = asyncio.run(
            staff.register(stack.database_url, staff.NewStaff.model_validate(person | {"password": PASSWORD}))
        )
        return person | {"id": str(account)}

    return register_staff


@pytest.fixture
def inside(stack: Any) -> Iterator[httpx.Client]:
    """A client at a replica itself, which sees its address as it is."""
    with httpx.Client(base_url=stack.replica_urls[0], timeout=30) as client:
        yield client


@pytest.fixture
def sign_up(api: httpx.Client) -> Callable[..., httpx.Response]:
    """POST it to /v1/patients, or to /v1/doctors when it is one."""

    def sign_up(person: dict[str, Any], key: str | None = None) -> httpx.Response:
        path = "/v1/doctors" if "crm" in person else "/v1/patients"
        return api.post(path, json=person, headers={"Idempotency-Key": key or str(uuid4())})

    return sign_up


@pytest.fixture
def sign_in(api: httpx.Client) -> Callable[..., httpx.Response]:
    def sign_in(password: str = PASSWORD, at: httpx.Client = api, **name: str) -> httpx.Response:
        return at.post("/v1/sessions", json=name | {"password": password})

    return sign_in


@pytest.fixture
def bearer() -> Callable[[httpx.Response], dict[str, str]]:
    """The header that a new session's requests carry."""

    def bearer(session: httpx.Response) -> dict[str, str]:
        assert session.status_code == 201, session.text
        return {"Authorization": f"Bearer {session.json()['token']}"}

    return bearer
