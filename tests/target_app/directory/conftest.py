from collections.abc import Callable
from random import SystemRandom
from typing import Any
from uuid import uuid4

import httpx
import pytest


@pytest.fixture
def specialty() -> str:
    """One that no doctor of another test has."""
    return f"specialty {uuid4()}"


@pytest.fixture
def register(sql: Callable[..., list[Any]], specialty: str) -> Callable[..., str]:
    """Add a doctor of the specialty and return the id."""

    def register(name: str, state: str = "SP", price_cents: int = 20_000) -> str:
        crm, email = f"{SystemRandom().randrange(10**6, 10**7)}", f"{uuid4()}@clinic.example"
        [account] = sql(
            "INSERT INTO accounts (role, email, password_hash) VALUES ('doctor', $1, '') RETURNING id", email
        )
        sql(
            "INSERT INTO doctors (id, name, crm, crm_state, specialty, price_cents, email)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *(account["id"], name, crm, state, specialty, price_cents, email),
        )
        return str(account["id"])

    return register


@pytest.fixture
def search(api: httpx.Client, patient: Any) -> Callable[..., Any]:
    """The page that these filters find."""

    def search(**filters: Any) -> Any:
        answer = api.get("/v1/doctors", params=filters, headers=patient.headers())
        assert answer.status_code == 200, answer.text
        return answer.json()

    return search


@pytest.fixture
def found(search: Callable[..., Any], specialty: str) -> Callable[..., list[str]]:
    """The names of the specialty's doctors whom these filters find."""

    def found(**filters: Any) -> list[str]:
        return [doctor["name"] for doctor in search(specialty=specialty, **filters)["doctors"]]

    return found
