"""The Idempotency-Key that every write carries (draft-ietf-httpapi-idempotency-key-header)."""

from typing import Annotated, Final, Generic, NamedTuple, TypeVar

from fastapi import Depends, Header, Response

from target_app.front_door import Call, Headers
from target_app.problems import Problem

KEY_LENGTH_MAX: Final = 255
REPLAYED: Final = (b"idempotency-replayed", b"true")
Told = TypeVar("Told")


class Outcome(NamedTuple, Generic[Told]):
    """What a write came to. `replayed`: it is the answer to an earlier request with the same key."""

    answer: Told
    replayed: bool


def checked(key: str | None) -> str:
    """Raises Problem 400 when there is no usable key."""
    if not key or len(key) > KEY_LENGTH_MAX or not key.isprintable():
        raise Problem(
            400,
            "idempotency-key-missing",
            "The request needs an Idempotency-Key",
            f"Send a header 'Idempotency-Key' of 1 to {KEY_LENGTH_MAX} printable characters, new for each"
            " intended change and the same for each retry of it.",
        )
    return key


def of(call: Call) -> str:
    """The key of a hot route's request. Raises Problem 400."""
    return checked((call.header(b"idempotency-key") or b"").decode("latin-1"))


def reused() -> Problem:
    return Problem(422, "idempotency-key-reused", "The Idempotency-Key was used for something else", "Use a new key.")


def headers(*, replayed: bool) -> Headers:
    """What marks an answer that is an earlier one's again."""
    return (REPLAYED,) if replayed else ()


def tell(response: Response, *, replayed: bool) -> None:
    """The same, of a route that is not hot."""
    response.raw_headers.extend(headers(replayed=replayed))


async def _key(
    idempotency_key: Annotated[str | None, Header(description="New for each change, the same for its retries")] = None,
) -> str:
    return checked(idempotency_key)


Key = Annotated[str, Depends(_key)]
PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for each change, the same for its retries",
    "schema": {"type": "string", "maxLength": KEY_LENGTH_MAX},
}
"""For the OpenAPI document of hot routes."""
