"""Searching doctors, with answers that are remembered for a bounded time."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from target_app.database import sql
from target_app.encoding import to_json
from target_app.problems import Problem

STALENESS_S: Final = 5.0
REMEMBERED_MAX: Final = 2_000
_SEARCH: Final = sql(__package__, "search")


class Search(NamedTuple):
    """`after` is the cursor that the former page gave, or empty."""

    specialty: str | None
    limit: int
    after: str


class Directory:
    def __init__(self, pool: asyncpg.Pool, now_s: Callable[[], float]) -> None:
        self._pool, self._now_s = pool, now_s
        self._remembered: dict[Search, tuple[float, asyncio.Future[bytes]]] = {}

    async def doctors(self, search: Search) -> bytes:
        """A page of doctors as JSON. Raises Problem 422 for a cursor that is none."""
        found = self._remembered.get(search)
        if found is None or self._now_s() - found[0] > STALENESS_S or _failed(found[1]):
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            found = (self._now_s(), asyncio.ensure_future(self._find(search)))
            self._remembered[search] = found
        return await asyncio.shield(found[1])

    async def _find(self, search: Search) -> bytes:
        name, doctor_id = _read_cursor(search.after)
        rows = await self._pool.fetch(_SEARCH, search.specialty, name, doctor_id, search.limit + 1)
        page = rows[: search.limit]
        return to_json(
            {
                "doctors": [_doctor(row) for row in page],
                "next": _cursor(page[-1]["name"], page[-1]["id"]) if len(rows) > search.limit else None,
            }
        )


def _failed(answer: "asyncio.Future[bytes]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)


def _doctor(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "crm": f"{row['crm']}/{row['crm_state']}",
        "specialty": row["specialty"],
        "price_cents": row["price_cents"],
    }


def _cursor(name: str, doctor_id: UUID) -> str:
    return base64.urlsafe_b64encode(to_json([name, doctor_id])).decode()


def _read_cursor(cursor: str) -> tuple[str | None, UUID | None]:
    if not cursor:
        return None, None
    try:
        name, doctor_id = orjson.loads(base64.urlsafe_b64decode(cursor))
        return str(name), UUID(doctor_id)
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise Problem(
            422, "invalid-request", "The cursor is not valid", "Use the 'next' of the former page as 'after'."
        ) from error
