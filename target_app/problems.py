"""Errors as problem details (RFC 9457). A problem's `type` ends in a stable reason that clients may rely on."""

import logging
import traceback
from typing import Any, Final

import asyncpg
import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from target_app.logs import Seldom

log = logging.getLogger(__name__)
MEDIA_TYPE: Final = "application/problem+json"
_DATABASE_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that the server was just closing
    OSError,  # a TimeoutError and a ConnectionError too
)
_DATABASE_RETRY_AFTER_S: Final = 2
away: Final = Seldom(pause_s=1.0)
"""A database that is away refuses hundreds of requests each second."""
SCHEMA: Final = {
    "title": "Problem",
    "description": "Problem details (RFC 9457). Some reasons say more than this.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {
            "type": "string",
            "pattern": "^/problems/[a-z0-9-]+$",
            "description": "Ends in the stable reason",
            "examples": ["/problems/invalid-request"],
        },
        "title": {"type": "string", "minLength": 1, "examples": ["The request is not valid"]},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [422]},
        "detail": {"type": "string", "minLength": 1, "examples": ["Try again in a moment."]},
        "errors": {
            "type": "array",
            "description": "What is wrong with the request, and where",
            "items": {
                "type": "object",
                "required": ["at", "problem"],
                "additionalProperties": False,
                "properties": {"at": {"type": "string"}, "problem": {"type": "string"}},
            },
            "examples": [[{"at": "body/slot_id", "problem": "Field required"}]],
        },
    },
}
"""Of every problem, among the components of the OpenAPI document."""
_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "Problem details (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": _REFERENCE,
                "example": {
                    "type": "/problems/slot-taken",
                    "title": "The slot is taken",
                    "status": 409,
                    "detail": "Another patient holds this slot. Read the agenda again and choose another.",
                    "free": 3,
                },
            }
        },
    },
    "503": {
        "description": "Too much to do at the moment; the Retry-After header says when to come back",
        "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
        "content": {
            MEDIA_TYPE: {
                "schema": _REFERENCE,
                "example": {
                    "type": "/problems/sign-in-busy",
                    "title": "Too many people are signing in",
                    "status": 503,
                    "detail": "Try again in a moment.",
                },
            }
        },
    },
}


class Problem(Exception):
    """A refusal with its HTTP status and reason; raised anywhere, answered as problem details.

    `retry_after_s`: for 429 and 503, when it makes sense to ask again.
    """

    def __init__(
        self, status: int, reason: str, title: str, detail: str = "", *, retry_after_s: int = 1, **extra: Any
    ) -> None:
        super().__init__(title)
        self.status, self.reason, self.title, self.detail, self.extra = status, reason, title, detail, extra
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        if status in (429, 503):
            self.headers = ((b"retry-after", b"%d" % retry_after_s),)

    def body(self) -> bytes:
        content = {"type": f"/problems/{self.reason}", "title": self.title, "status": self.status}
        if self.detail:
            content["detail"] = self.detail
        return orjson.dumps(content | self.extra)

    def response(self) -> Response:
        headers = {name.decode(): value.decode() for name, value in self.headers}
        return Response(self.body(), self.status, headers, MEDIA_TYPE)


def unexpected() -> Problem:
    return Problem(500, "internal-error", "Something went wrong on our side")


def invalid(errors: list[dict[str, str]]) -> Problem:
    """`errors`: what is wrong, each with where it is (`at`) and the `problem`."""
    return Problem(422, "invalid-request", "The request is not valid", errors=errors)


def doctor_not_found() -> Problem:
    return Problem(404, "doctor-not-found", "There is no such doctor")


def slot_not_found() -> Problem:
    return Problem(404, "slot-not-found", "There is no such slot")


def appointment_not_found() -> Problem:
    return Problem(404, "appointment-not-found", "You have no such appointment")


def unregistered(wish: str) -> Problem:
    """Who has a patient's token, but is no patient here (any more)."""
    return Problem(403, "forbidden", f"Only a registered patient may {wish}")


def contended(title: str, detail: str = "Try again with the same Idempotency-Key.") -> Problem:
    """Others were quicker, time and again."""
    return Problem(503, "contended", title, detail)


def overloaded(retry_after_s: int) -> Problem:
    detail = "Try again in a moment; a write with the same Idempotency-Key."
    return Problem(503, "overloaded", "Too much to do at the moment", detail, retry_after_s=retry_after_s)


def too_late() -> Problem:
    """The deadline of a request has passed; a write may have been done or not."""
    title, detail = "The answer took too long", "Try again in a moment; a write with the same Idempotency-Key."
    return Problem(503, "too-late", title, detail, retry_after_s=_DATABASE_RETRY_AFTER_S)


def from_error(error: Exception) -> Problem:
    """What a client is told about an error that nobody expected; a NUL in a text is the client's own, and a database
    that is away may come back."""
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return Problem(422, "invalid-request", "The request is not valid", "A text holds a character that is none.")
    if isinstance(error, asyncpg.QueryCanceledError):
        return too_late()
    if is_of_database(error):
        away.warn(log, "the database is away: %r", error)
        title, detail = "The database does not answer", "Try again in a moment, with the same Idempotency-Key."
        return Problem(503, "database-away", title, detail, retry_after_s=_DATABASE_RETRY_AFTER_S)
    return unexpected()


def is_of_database(error: Exception) -> bool:
    """Whether the database did not answer. A wrong use of it is a ValueError, and files and sockets of others fail with
    an OSError too, but not within asyncpg."""
    return (
        isinstance(error, _DATABASE_AWAY)
        and not isinstance(error, ValueError)
        and any(
            frame.f_globals.get("__name__", "").startswith("asyncpg.")
            for frame, _ in traceback.walk_tb(error.__traceback__)
        )
    )


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem, those of the framework included."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def on_http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        reason = error.detail.lower().replace(" ", "-")
        response = Problem(error.status_code, reason, error.detail).response()
        response.headers.update(error.headers or {})
        return response

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"at": "/".join(str(part) for part in each["loc"]), "problem": each["msg"]} for each in error.errors()
        ]
        return invalid(errors).response()

    async def on_unexpected(_: Request, error: Exception) -> Response:
        return from_error(error).response()

    async def on_trouble(_: Request, error: Exception) -> Response:
        if is_of_database(error):
            return from_error(error).response()
        raise error  # which is then logged as what it is

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(asyncpg.CharacterNotInRepertoireError, on_unexpected)
    app.add_exception_handler(asyncpg.QueryCanceledError, on_unexpected)
    for trouble in _DATABASE_AWAY:
        app.add_exception_handler(trouble, on_trouble)
    app.add_exception_handler(Exception, on_unexpected)
