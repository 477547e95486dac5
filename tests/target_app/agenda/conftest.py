"""The clinic's reception, beside the doctors and patients of every test, and what doctors see of their slots."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from target_app.identity import keys
from target_app.identity.tokens import Tokens


class Receptionist:
    """Staff of a clinic of their own, where `employs` puts doctors."""

    def __init__(self, stack: Any, sql: Any) -> None:
        self.id, self.clinic, self._sql = uuid4(), uuid4(), sql
        email = f"{self.id}@clinic.example"
        sql("INSERT INTO clinics (id, name) VALUES ($1, $2)", self.clinic, f"Clinic {self.clinic}")
        sql("INSERT INTO accounts (id, role, email, password_hash) VALUES ($1, 'staff', $2, '-')", self.id, email)
        sql("INSERT INTO staff (id, clinic_id, name, email) VALUES ($1, $2, 'Rita', $3)", self.id, self.clinic, email)
        self._token = Tokens(keys.load(stack.jwt_key_file)).issue(self.id, "staff", 600)

    def employs(self, doctor: Any) -> None:
        self._sql("UPDATE doctors SET clinic_id = $1 WHERE id = $2", self.clinic, UUID(doctor.id))

    def headers(self, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._token}"}
        return headers if key is None else headers | {"Idempotency-Key": key}


@pytest.fixture
def receptionist(stack: Any, sql: Any, doctor: Any) -> Receptionist:
    """Staff of the doctor's clinic."""
    receptionist = Receptionist(stack, sql)
    receptionist.employs(doctor)
    return receptionist


@pytest.fixture
def stranger(stack: Any, sql: Any) -> Receptionist:
    """Staff of another clinic."""
    return Receptionist(stack, sql)


@pytest.fixture
def desk(stack: Any) -> Iterator[httpx.Client]:
    """The reception's way into the system, which does not lead through the public proxy."""
    with httpx.Client(base_url=stack.replica_urls[0], timeout=30) as client:
        yield client


@pytest.fixture
def kept(api: httpx.Client, doctor: Any) -> Callable[[], list[dict[str, Any]]]:
    """All slots of the doctor, as the doctor sees them."""

    def kept() -> list[dict[str, Any]]:
        answer = api.get(f"/v1/doctors/{doctor.id}/slots", headers=doctor.headers())
        assert answer.status_code == 200, answer.text
        slots: list[dict[str, Any]] = answer.json()["slots"]
        return slots

    return kept
