"""Hot routes behave the same through the front door and through FastAPI's own routing."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Response

from target_app import problems
from target_app.app import create_app
from target_app.deadlines import InFlight
from target_app.front_door import BODY_BYTES_MAX, Answer, Call, FrontDoor, HotRoute
from target_app.problems import Problem
from target_app.settings import Settings
from target_app.shedding import Overload

Observed = list[tuple[str, str, int]]


def of_a_row() -> asyncpg.PostgresError:
    error = asyncpg.UniqueViolationError("duplicate key value")
    error.detail, error.constraint_name = "Key (email)=(maria@mail.example) already exists.", "accounts_email_key"
    return error


async def echo(call: Call) -> Answer:
    if call.scope["path_params"]["name"] == "nobody":
        raise Problem(404, "not-found", "There is nobody")
    if call.scope["path_params"]["name"] == "bug":
        raise RuntimeError("a bug")
    if call.scope["path_params"]["name"] == "away":
        raise ConnectionRefusedError
    if call.scope["path_params"]["name"] == "row":
        raise of_a_row()
    if call.scope["path_params"]["name"] == "worse":
        raise RuntimeError("it is so") from of_a_row()
    return Answer(200, b'"%b"' % (await call.whole_body() or b"empty"), ((b"x-seen", b"yes"),))


NEVER = Overload(math.inf, 0.0)
IN_FLIGHT = InFlight(math.inf, time.perf_counter)
HOT = HotRoute("/echo/{name}", echo, methods=["POST"])


def application() -> FastAPI:
    router = APIRouter()
    router.routes.append(HOT)

    @router.get("/cold/{name}")
    async def cold(name: str, response: Response) -> str:
        if name == "bug":
            raise RuntimeError("a bug")
        if name == "away":
            raise ConnectionRefusedError
        if name == "row":
            raise of_a_row()
        if name == "worse":
            raise RuntimeError("it is so") from of_a_row()
        if name == "page":
            response.headers["content-security-policy"] = "script-src 'self'"
        if name == "lasting":
            response.headers["cache-control"] = "max-age=60"
        return name

    @router.post("/cold")
    async def received(words: Annotated[list[str], Body()]) -> int:
        return len(words)

    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    return app


def ask(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(go())


@pytest.fixture
def observed() -> Observed:
    return []


@pytest.fixture
def door(observed: Observed) -> FrontDoor:
    def observe(method: str, route: str, status: int, _: float) -> None:
        observed.append((method, route, status))

    return FrontDoor(application(), [HOT], observe, NEVER, IN_FLIGHT)


def test_a_hot_route_answers_alike_through_the_door_and_through_fastapi(door: FrontDoor) -> None:
    for path, body in (("/echo/me", b"hello"), ("/echo/me", b""), ("/echo/nobody", b"")):
        through_door = ask(door, "POST", path, content=body)
        through_fastapi = ask(door.app, "POST", path, content=body)
        assert through_door.status_code == through_fastapi.status_code
        assert through_door.content == through_fastapi.content
        assert through_door.headers == through_fastapi.headers


def test_every_answer_is_observed_under_its_route(door: FrontDoor, observed: Observed) -> None:
    ask(door, "POST", "/echo/me")
    ask(door, "POST", "/echo/nobody")
    ask(door, "GET", "/cold/me")
    ask(door, "GET", "/nowhere")
    assert observed == [
        ("POST", "/echo/{name}", 200),
        ("POST", "/echo/{name}", 404),
        ("GET", "/cold/{name}", 200),
        ("GET", "unmatched", 404),
    ]


def test_a_bug_is_a_problem_and_tells_nothing_of_the_inside(door: FrontDoor, observed: Observed) -> None:
    answer = ask(door, "POST", "/echo/bug")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "a bug" not in answer.text
    assert observed == [("POST", "/echo/{name}", 500)]


def test_the_wrong_method_is_a_problem(door: FrontDoor) -> None:
    answer = ask(door, "DELETE", "/echo/me")
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")


def test_a_hot_route_costs_nothing_of_the_framework() -> None:
    class Unwanted(FastAPI):
        async def __call__(self, *_: Any) -> None:
            raise AssertionError("the framework was asked")

    past_fastapi = FrontDoor(Unwanted(), [HOT], lambda *_: None, NEVER, IN_FLIGHT)
    assert ask(past_fastapi, "POST", "/echo/me").status_code == 200


def test_the_booking_systems_hottest_questions_are_hot(tmp_path: Path) -> None:
    settings = Settings("postgresql://unused", "redis://unused", "smtp://unused", tmp_path / "key")
    scopes = [
        {"method": "GET", "path": f"/v1/doctors/{uuid4()}/agenda"},
        {"method": "POST", "path": "/v1/appointments"},
    ]
    door = create_app(settings)
    assert [route.path for scope in scopes if (route := door.hot_route(scope))] == [
        "/v1/doctors/{doctor_id}/agenda",
        "/v1/appointments",
    ]


@pytest.mark.parametrize("path", ["/echo/me", "/cold"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_wherever_it_goes(door: FrontDoor, path: str, announced: bool) -> None:
    body = b'["' + b"x" * BODY_BYTES_MAX + b'"]'

    async def piece_by_piece() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 10_000):
            yield body[begin : begin + 10_000]

    answer = ask(door, "POST", path, content=body if announced else piece_by_piece())
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize(("method", "path"), [("POST", "/echo/me"), ("POST", "/echo/bug"), ("GET", "/cold/me")])
def test_every_answer_has_the_safe_headers_and_stays_out_of_caches(door: FrontDoor, method: str, path: str) -> None:
    headers = ask(door, method, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "max-age" in headers["strict-transport-security"]
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_an_endpoint_may_say_how_its_answer_is_cached(door: FrontDoor) -> None:
    assert ask(door, "GET", "/cold/lasting").headers.get_list("cache-control") == ["max-age=60"]


def test_a_page_has_a_policy_of_its_own(door: FrontDoor) -> None:
    assert ask(door, "GET", "/cold/page").headers.get_list("content-security-policy") == ["script-src 'self'"]


def test_a_file_or_a_socket_that_fails_is_not_the_database(door: FrontDoor, caplog: pytest.LogCaptureFixture) -> None:
    for method, path in (("POST", "/echo/away"), ("GET", "/cold/away")):
        answer = ask(door, method, path)
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert len([record for record in caplog.records if record.exc_info]) == 2


def test_nobody_is_redirected_to_a_host_that_the_request_names(tmp_path: Path) -> None:
    settings = Settings("postgresql://unused", "redis://unused", "smtp://unused", tmp_path / "key")
    answer = ask(create_app(settings), "GET", "/v1/doctors/", headers={"host": "elsewhere.example"})
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize(("method", "path"), [("POST", "/echo"), ("GET", "/cold")])
def test_a_log_tells_where_a_statement_failed_and_not_about_whom(
    door: FrontDoor, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    for name in ("row", "worse"):
        assert ask(door, method, f"{path}/{name}").status_code == 500
    assert "maria" not in caplog.text
    row, worse = caplog.messages
    assert row.startswith(f"{method} {path}/{{name}} failed: UniqueViolationError 23505 accounts_email_key\n")
    assert worse.startswith(f"{method} {path}/{{name}} failed: it is so\n")
    assert __file__ in row


def test_a_log_never_tells_what_a_path_says(door: FrontDoor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="target_app"):
        for method, path in (("POST", "/echo/bug?cpf=12345678909"), ("GET", "/cold/bug?cpf=12345678909")):
            assert ask(door, method, path).status_code == 500
    assert [record.getMessage() for record in caplog.records] == [
        "POST /echo/{name} failed",
        "GET /cold/{name} failed",
    ]
