"""The directory's queries."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from target_app.database import sql
from target_app.directory.answers import Answer, Answers
from target_app.directory.search import Place, Search, after, place
from target_app.encoding import to_json
from target_app.parameters import query_as
from target_app.reads import Reads

_SEARCH: Final = sql(__package__, "search")
_DOCTOR: Final = sql(__package__, "doctor")
_SPECIALTIES: Final = sql(__package__, "specialties")


class Directory:
    """`now_s` is the clock of `reads`."""

    def __init__(self, reads: Reads, now_s: Callable[[], float]) -> None:
        self._reads = reads
        self._searches, self._lists = Answers(now_s), Answers(now_s)

    async def doctors(self, query: bytes) -> bytes:
        """A page of doctors as JSON, for the query of the request. Raises Problem 422."""
        body = self._searches.known(query)
        if body is None:
            search = query_as(Search, query)
            start = place(search)
            body = await self._searches.once(query, lambda: self._find(search, start))
        return body

    async def specialties(self) -> bytes:
        """Those that doctors have, as JSON."""
        return self._lists.known(b"specialties") or await self._lists.once(b"specialties", self._list_specialties)

    async def doctor(self, doctor_id: UUID, since_s: float) -> dict[str, Any] | None:
        """The doctor as of `since_s` or later; None for an unknown one."""
        rows, _ = await self._reads.fetch_known(_DOCTOR, doctor_id, since_s=since_s)
        return _doctor(rows[0]) if rows else None

    async def _find(self, search: Search, start: Place | None) -> Answer:
        rows, as_of_s = await self._reads.fetch(
            _SEARCH,
            search.specialty,
            search.name,
            search.state,
            search.price_min_cents,
            search.price_max_cents,
            search.free_from,
            search.free_until,
            start.name if start else None,
            start.doctor_id if start else None,
            search.limit + 1,
        )
        page = rows[: search.limit]
        more = len(rows) > search.limit
        following = after(search, Place(page[-1]["name"], page[-1]["id"])) if more else None
        return Answer(to_json({"doctors": [_doctor(row) for row in page], "next": following}), as_of_s)

    async def _list_specialties(self) -> Answer:
        rows, as_of_s = await self._reads.fetch(_SPECIALTIES)
        return Answer(to_json({"specialties": [row["specialty"] for row in rows]}), as_of_s)


def _doctor(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "crm": f"{row['crm']}/{row['crm_state']}",
        "specialty": row["specialty"],
        "price_cents": row["price_cents"],
    }
