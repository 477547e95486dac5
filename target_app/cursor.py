"""Where a page ends, as a text that clients give back for the next one."""

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from target_app.encoding import to_json
from target_app.problems import invalid

Place = TypeVar("Place")


def write(*parts: object) -> str:
    return base64.urlsafe_b64encode(to_json(parts)).decode().rstrip("=")


def read(cursor: str, place: Callable[[list[Any]], Place]) -> Place:
    """What `place` makes of the parts, of which it knows nothing: it raises ValueError when they are none of its own.

    Raises Problem 422 for such parts and for what is no cursor at all.
    """
    try:
        parts = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        return place(parts)
    except ValueError:
        problem = "must be the 'next' of the former page, with the same filters"
        raise invalid([{"at": "query/after", "problem": problem}]) from None
