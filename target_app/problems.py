"""Errors as problem details (RFC 9457). A problem's `type` ends in a stable reason that clients may rely on."""

from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "Problem details (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "example": {
                    "type": "/problems/slot-taken",
                    "title": "The slot is taken",
                    "status": 409,
                    "detail": "Another patient holds this slot. Read the agenda again and choose another.",
                    "free": 3,
                }
            }
        },
    }
}


class Problem(Exception):
    """A refusal with its HTTP status and reason; raised anywhere, answered as problem details."""

    def __init__(self, status: int, reason: str, title: str, detail: str = "", **extra: Any) -> None:
        super().__init__(title)
        self.status, self.reason, self.title, self.detail, self.extra = status, reason, title, detail, extra
        self.headers: tuple[tuple[bytes, bytes], ...] = ((b"retry-after", b"1"),) if status in (429, 503) else ()

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

    async def on_unexpected(_: Request, __: Exception) -> Response:
        return unexpected().response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_unexpected)
