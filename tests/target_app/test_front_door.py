"""Hot routes behave the same through the front door and through FastAPI's own routing."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from target_app import problems
from target_app.app import create_app
from target_app.front_door import Answer, Call, FrontDoor, HotRoute
from target_app.problems import Problem
from target_app.settings import Settings

Observed = list[tuple[str, str, int]]


async def echo(call: Call) -> Answer:
    if call.scope["path_params"]["name"] == "nobody":
        raise Problem(404, "not-found", "There is nobody")
    if call.scope["path_params"]["name"] == "bug":
        raise RuntimeError("a bug")
    return Answer(200, b'"%b"' % (await call.whole_body() or b"empty"), ((b"x-seen", b"yes"),))


HOT = HotRoute("/echo/{name}", echo, methods=["POST"])


def application() -> FastAPI:
    router = APIRouter()
    router.routes.append(HOT)

    @router.get("/cold/{name}")
    async def cold(name: str) -> str:
        return name

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
    return FrontDoor(application(), [HOT], lambda method, route, status, _: observed.append((method, route, status)))


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

    past_fastapi = FrontDoor(Unwanted(), [HOT], lambda *_: None)
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
