"""The running booking system, as its clients see it."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.target_app.statements import statements


@pytest.fixture
def api(stack: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=30) as client:
        yield client


@pytest.fixture
def patient(accounts: Any) -> Any:
    return next(accounts.patients)


@pytest.fixture
def rival(accounts: Any) -> Any:
    return next(accounts.patients)


@pytest.fixture
def doctor(accounts: Any) -> Any:
    return next(accounts.doctors)


@pytest.fixture
def publish(api: httpx.Client, doctor: Any) -> Callable[..., list[str]]:
    """Publish `count` slots of the doctor, the first `in_hours` from now, and return their ids."""

    def publish(count: int = 1, in_hours: float = 48, by: Any = doctor) -> list[str]:
        start = datetime.now(UTC) + timedelta(hours=in_hours)
        slots = [
            {"starts_at": (start + timedelta(minutes=30 * number)).isoformat(), "minutes": 30}
            for number in range(count)
        ]
        answer = api.post("/v1/slots", json={"slots": slots}, headers=by.headers(str(uuid4())))
        assert answer.status_code == 201, answer.text
        return [slot["id"] for slot in answer.json()["slots"]]

    return publish


@pytest.fixture
def book(api: httpx.Client) -> Callable[..., httpx.Response]:
    def book(patient: Any, slot: str, key: str | None = None) -> httpx.Response:
        return api.post("/v1/appointments", json={"slot_id": slot}, headers=patient.headers(key or str(uuid4())))

    return book


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Wait until the condition holds, and return what it gave."""

    def eventually(condition: Callable[[], Any], within_s: float = 60) -> Any:
        deadline = time.monotonic() + within_s
        while not (value := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return value

    return eventually


@pytest.fixture
def reason() -> Callable[[httpx.Response], str]:
    """The stable reason of a problem, once it is one in full."""

    def reason(answer: httpx.Response) -> str:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["title"]
        return str(problem["type"].removeprefix("/problems/"))

    return reason


@pytest.fixture(scope="session")
def sql(stack: Any) -> Iterator[Callable[..., list[Any]]]:
    """Run one statement on the system's database."""
    with statements(stack.database_url) as sql:
        yield sql
