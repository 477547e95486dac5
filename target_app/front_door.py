"""The door in front of the framework: what a rush asks for most is answered without the framework's work per request.

A `HotRoute` is an ordinary FastAPI route in every listing and in the OpenAPI document, but its endpoint gets the bare
`Call` and gives a finished `Answer`. Routing, validation by signature and the middleware stack cost more than a
cached answer itself; everything that is asked less often goes through FastAPI as usual.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive, Scope, Send

from target_app.problems import MEDIA_TYPE, RESPONSES, Problem, invalid, unexpected

Model = TypeVar("Model", bound=BaseModel)
log = logging.getLogger(__name__)
BODY_BYTES_MAX: Final = 65_536
JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", MEDIA_TYPE.encode())
SECURITY: Final[list[dict[str, list[str]]]] = [{"HTTPBearer": []}]


class Call(Request):
    """A request, with what hot endpoints need read directly from the scope."""

    def header(self, name: bytes) -> bytes | None:
        for key, value in self.scope["headers"]:
            if key == name:
                return bytes(value)
        return None

    def path_id(self, name: str) -> UUID:
        """An id in the path. Raises Problem 404 when it is none."""
        return as_id(self.scope["path_params"][name])

    async def whole_body(self) -> bytes:
        """Raises Problem 413 when the body is larger than any valid one."""
        chunks = bytearray()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "disconnected", "The client left before its request was complete")
            chunks += message.get("body", b"")
            if len(chunks) > BODY_BYTES_MAX:
                raise Problem(413, "too-large", f"The request is larger than {BODY_BYTES_MAX} bytes")
            if not message.get("more_body", False):
                return bytes(chunks)


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


Endpoint = Callable[[Call], Awaitable[Answer]]


class HotRoute(APIRoute):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What FastAPI's own routing calls."""
        if scope["method"] in (self.methods or ()):
            await self.answer(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer and return the status."""
        endpoint: Endpoint = self.endpoint
        try:
            status, body, headers = await endpoint(Call(scope, receive))
        except Problem as problem:
            status, body, headers = problem.status, problem.body(), problem.headers
            content_type = PROBLEM
        else:
            content_type = JSON
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [content_type, (b"content-length", b"%d" % len(body)), *headers],
            }
        )
        await send({"type": "http.response.body", "body": body})
        return status


def hot(
    router: APIRouter,
    method: str,
    path: str,
    *,
    model: type[BaseModel],
    summary: str,
    status_code: int = 200,
    **documentation: Any,
) -> Callable[[Endpoint], Endpoint]:
    """Put a hot route for signed-in callers on the router. `model` is the answer's, `documentation` all else that the
    OpenAPI operation needs, as FastAPI reads no parameters and no body from a hot endpoint's signature."""

    def add(endpoint: Endpoint) -> Endpoint:
        route = HotRoute(
            path,
            endpoint,
            response_model=model,
            status_code=status_code,
            methods=[method],
            tags=list(router.tags),
            summary=summary,
            responses=RESPONSES,
            openapi_extra={"security": SECURITY, **documentation},
        )
        router.routes.append(route)
        return endpoint

    return add


class FrontDoor:
    """The ASGI application: `hot` routes at once, all else through `app`; every answer is observed.

    `observe(method, route, status, seconds)` gets the route's template, never the path.
    """

    def __init__(self, app: FastAPI, hot: Sequence[HotRoute], observe: Callable[[str, str, int, float], None]) -> None:
        self.app, self._observe = app, observe
        self._fixed = {(method, r.path): r for r in hot if "{" not in r.path for method in r.methods or ()}
        self._patterns: list[tuple[str, re.Pattern[str], HotRoute]] = [
            (method, route.path_regex, route) for route in hot if "{" in route.path for method in route.methods or ()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        route = self.hot_route(scope)
        if route is None:
            template, status = await self._through_the_framework(scope, receive, send)
        else:
            template, scope["app"] = route.path, self.app
            try:
                status = await route.answer(scope, receive, send)
            except Exception:
                log.exception("%s %s failed", scope["method"], scope["path"])
                status = 500
                await unexpected().response()(scope, receive, send)
        self._observe(scope["method"], template, status, time.perf_counter() - started_s)

    async def _through_the_framework(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:  # which the framework has answered
            log.exception("%s %s failed", scope["method"], scope["path"])
        return getattr(scope.get("route"), "path", "unmatched"), status

    def hot_route(self, scope: Scope) -> HotRoute | None:
        """The hot route that answers, whose path parameters are then in the scope."""
        method, path = scope["method"], scope["path"]
        if route := self._fixed.get((method, path)):
            scope["path_params"] = {}
            return route
        for pattern_method, pattern, route in self._patterns:
            if pattern_method == method and (match := pattern.match(path)):
                scope["path_params"] = match.groupdict()
                return route
        return None


def as_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem(404, "not-found", "There is no such thing", f"{text!r} is not an id.") from error


def body_as(model: type[Model], body: bytes) -> Model:
    """The request's body as what it must be. Raises Problem 422 with everything that is wrong with it."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(
            [
                {"at": "/".join(str(part) for part in ("body", *each["loc"])), "problem": each["msg"]}
                for each in error.errors()
            ]
        ) from error


def body_of(model: type[BaseModel], example: object) -> dict[str, Any]:
    """The body of a hot route for the OpenAPI document, self-contained: FastAPI lists only models that it parses."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inlined(definitions[part["$ref"].removeprefix("#/$defs/")])
        return {name: inlined(each) for name, each in part.items()}

    return {"required": True, "content": {"application/json": {"schema": inlined(schema), "example": example}}}
