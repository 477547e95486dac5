"""What support sees of the e-mails, and sending one again."""

from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from target_app import cursor, idempotency
from target_app.database import sql
from target_app.problems import Problem

_PAGE: Final = sql(__package__, "page")
_RETRY: Final = sql(__package__, "retry")
_REFUSAL: Final = sql(__package__, "retry_refusal")


class Filter(NamedTuple):
    """Each that is None lets all e-mails pass."""

    state: str | None
    recipient: str | None
    appointment_id: UUID | None


async def page(pool: asyncpg.Pool, staff: UUID, wanted: Filter, after: str, limit: int) -> list[Any]:
    """Up to `limit` e-mails about the appointments of the clinic. Raises Problem 422 for a cursor that is none."""
    event, recipient = cursor.read(after, _place) if after else (None, None)
    rows: list[Any] = await pool.fetch(_PAGE, staff, *wanted, event, recipient, limit)
    return rows


async def retry(pool: asyncpg.Pool, staff: UUID, event: UUID, recipient: str, key: str) -> bool:
    """Have a failed e-mail sent again; return whether this key had done so before. Raises Problem."""
    with suppress(asyncpg.UniqueViolationError):
        if await pool.fetchval(_RETRY, staff, event, recipient, key) is not None:
            return False
    why = await pool.fetchrow(_REFUSAL, staff, event, recipient, key)
    if why["used_event"] is not None:
        if (why["used_event"], why["used_recipient"]) != (event, recipient):
            raise idempotency.reused()
        return True
    if why["state"] is None:
        raise Problem(404, "notification-not-found", "Your clinic sent no such e-mail")
    if why["state"] != "failed":
        raise Problem(409, "not-failed", f"The e-mail's state is {why['state']}", "Only a failed one is sent again.")
    raise Problem(409, "recipient-gone", "Nobody has that address any more", "There is nobody to send it to.")


def next_page(row: Any) -> str:
    """The `after` of the page that follows `row`."""
    return cursor.write(row["event_id"], row["recipient"])


def _place(parts: list[Any]) -> tuple[UUID, str]:
    match parts:
        case [str(event), str(recipient)] if "\0" not in recipient:
            return UUID(event), recipient
    raise ValueError(parts)
