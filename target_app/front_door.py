"""The door in front of the framework: what a rush asks for most is answered without the framework's work per request.

A `HotRoute` is an ordinary FastAPI route in every listing and in the OpenAPI document, but its endpoint gets the bare
`Call` and gives a finished `Answer`. Routing, validation by signature and the middleware stack cost more than a
cached answer itself; everything that is asked less often goes through FastAPI as usual.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import cycle
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from target_app import logs
from target_app.deadlines import InFlight
from target_app.problems import MEDIA_TYPE, RESPONSES, Problem, from_error, invalid, overloaded, too_late
from target_app.shedding import Overload, age_s

Model = TypeVar("Model", bound=BaseModel)
log = logging.getLogger(__name__)
BODY_BYTES_MAX: Final = 65_536
JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", MEDIA_TYPE.encode())
SECURITY: Final[list[dict[str, list[str]]]] = [{"HTTPBearer": []}]
Headers = tuple[tuple[bytes, bytes], ...]
NO_STORE: Final = (b"cache-control", b"no-store")
BARE_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of an answer that is no page: a browser that shows it runs and loads nothing."""
SAFE_HEADERS: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
)
"""On every answer; NO_STORE and BARE_POLICY too, unless the endpoint says something else itself."""
SEPARATE: Final = ("/livez", "/readyz", "/metrics", "/v1/sessions")
"""Paths that begin so are never turned away for the length of the queue: they are for who looks after replicas, or have
a queue of their own."""
SHED: Final = "shed"
"""In place of the route of a request that was turned away."""
_SHED_RETRY_AFTER_S: Final = (1, 2, 3)
"""In turns, so that those who were turned away together do not come back together."""
_SAFE: Final[dict[tuple[bool, bool], Headers]] = {
    (False, False): (*SAFE_HEADERS, NO_STORE, BARE_POLICY),
    (False, True): (*SAFE_HEADERS, NO_STORE),
    (True, False): (*SAFE_HEADERS, BARE_POLICY),
    (True, True): SAFE_HEADERS,
}


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
                raise too_large()
            if not message.get("more_body", False):
                return bytes(chunks)


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Headers = ()


Endpoint = Callable[[Call], Awaitable[Answer]]


class HotRoute(APIRoute):
    from_memory = False
    """Mostly answered at once: to keep a deadline would then cost more than it is worth. What such a route does ask of
    the database, for all who wait, ends by the deadline of the statement."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What FastAPI's own routing calls."""
        if scope["method"] in (self.methods or ()):
            await self.answer(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer and return the status."""
        endpoint: Endpoint = self.endpoint
        content_type = JSON
        try:
            status, body, headers = await endpoint(Call(scope, receive))
        except Exception as error:
            problem = error if isinstance(error, Problem) else from_error(error)
            if problem is not error and problem.status == 500:
                logs.failure(log, error, "%s %s failed", scope["method"], self.path)
            status, body, headers = problem.status, problem.body(), problem.headers
            content_type = PROBLEM
        headers = (*headers, *_safe_headers(headers))
        if status != 304:  # which says nothing of the body that it saves
            headers = (content_type, (b"content-length", b"%d" % len(body)), *headers)
        await send({"type": "http.response.start", "status": status, "headers": headers})
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
        route.from_memory = method == "GET"
        router.routes.append(route)
        return endpoint

    return add


class FrontDoor:
    """The ASGI application: `hot` routes at once, all else through `app`; every answer is observed.

    `observe(method, route, status, seconds)` gets the route's template, never the path. What `overload` refuses is
    turned away before anything else is known of it, retries like all others; what is overdue `in_flight` ends.
    """

    def __init__(
        self,
        app: FastAPI,
        hot: Sequence[HotRoute],
        observe: Callable[[str, str, int, float], None],
        overload: Overload,
        in_flight: InFlight,
    ) -> None:
        self.app, self._observe, self._overload, self._in_flight = app, observe, overload, in_flight
        self._refusals = cycle([_messages(overloaded(retry_after_s)) for retry_after_s in _SHED_RETRY_AFTER_S])
        self._fixed = {(method, r.path): r for r in hot if "{" not in r.path for method in r.methods or ()}
        self._patterns: list[tuple[str, re.Pattern[str], HotRoute]] = [
            (method, route.path_regex, route) for route in hot if "{" in route.path for method in route.methods or ()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        if started_s >= self._overload.look_s and self._refuses(scope, started_s):
            for message in next(self._refusals):
                await send(message)
            self._observe(scope["method"], SHED, 503, time.perf_counter() - started_s)
            return
        route = self.hot_route(scope)
        if route is not None and route.from_memory:
            template, scope["app"] = route.path, self.app
            status = await route.answer(scope, receive, send)
        else:
            template, status = await self._in_time(route, scope, receive, send, started_s)
        self._observe(scope["method"], template, status, time.perf_counter() - started_s)

    async def _in_time(
        self, route: HotRoute | None, scope: Scope, receive: Receive, send: Send, started_s: float
    ) -> tuple[str, int]:
        """Answer within the deadline, and return the route's template and the status."""
        task = asyncio.current_task()
        assert task is not None
        self._in_flight.since_s[task] = started_s
        try:
            if route is None:
                return await self._through_the_framework(scope, receive, send)
            scope["app"] = self.app
            return route.path, await route.answer(scope, receive, send)
        except asyncio.CancelledError:
            if not self._in_flight.was_overdue(task):
                raise
            await _send_if_unanswered(_messages(too_late()), send)
            return route.path if route else _template(scope), 503
        finally:
            del self._in_flight.since_s[task]

    def _refuses(self, scope: Scope, now_s: float) -> bool:
        waited_s = age_s(reversed(scope["headers"]), time.time())  # proxies add theirs at the end
        return (
            waited_s is not None and self._overload.refuses(waited_s, now_s) and not scope["path"].startswith(SEPARATE)
        )

    async def _through_the_framework(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        status, received_bytes = 500, 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                headers.extend(_safe_headers(headers))
            await send(message)

        async def limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > BODY_BYTES_MAX:
                raise HTTPException(413, "Too large")  # the framework hides every other error of a body
            return message

        try:
            await self.app(scope, limited, watched)
        except Exception as error:  # which the framework has answered
            logs.failure(log, error, "%s %s failed", scope["method"], _template(scope))
        return _template(scope), status

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


def _messages(problem: Problem) -> tuple[Message, Message]:
    """A whole answer."""
    body = problem.body()
    headers = (PROBLEM, (b"content-length", b"%d" % len(body)), *problem.headers, *_safe_headers(problem.headers))
    start = {"type": "http.response.start", "status": problem.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


async def _send_if_unanswered(messages: Iterable[Message], send: Send) -> None:
    try:
        for message in messages:
            await send(message)
    except RuntimeError:  # an answer had begun, which nobody can finish: the server closes the connection
        log.warning("a request was ended at its deadline in the middle of its answer")


def _template(scope: Scope) -> str:
    """The route that the framework found, without what the path says of anybody."""
    return getattr(scope.get("route"), "path", "unmatched")


def too_large() -> Problem:
    return Problem(413, "too-large", f"The request is larger than {BODY_BYTES_MAX} bytes")


def _safe_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What an answer with these headers still needs."""
    is_cached = has_policy = False
    for name, _ in headers:
        if name == b"cache-control":
            is_cached = True
        elif name == b"content-security-policy":
            has_policy = True
    return _SAFE[is_cached, has_policy]


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
