"""Stream to e-mail: a member of the consumer group turns each event into one e-mail per recipient.

Delivery is at least once; the table `notifications` makes it once, except when the process dies between the mail
server's acceptance and the row that says so. The second copy then has the first one's Message-ID.
"""

import logging
from typing import Any, Final
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from target_app.database import sql
from target_app.notifications.letters import letters
from target_app.notifications.mailer import Mailer

log = logging.getLogger(__name__)
GROUP: Final = "notifier"
BATCH: Final = 100
BLOCK_MS: Final = 1_000
ABANDONED_MS: Final = 60_000
"""An entry that a member took this long ago without finishing belongs to whoever claims it."""
_EVENTS: Final = sql(__package__, "events")
_CLAIM: Final = sql(__package__, "claim")

Entry = tuple[bytes, dict[bytes, bytes]]


class Notifier:
    def __init__(self, pool: asyncpg.Pool, redis: Redis, mailer: Mailer, stream: str, member: str) -> None:
        self._pool, self._redis, self._mailer = pool, redis, mailer
        self._stream, self._dead, self._member = stream, f"{stream}:dead", member

    async def join(self) -> None:
        """Become a member of the group, which exists from then on."""
        try:
            await self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def work(self) -> int:
        """Wait shortly for new events, send their e-mails, and return how many events there were."""
        answer: Any = await self._redis.xreadgroup(
            GROUP, self._member, {self._stream: ">"}, count=BATCH, block=BLOCK_MS
        )
        return await self._handle(_entries(answer))

    async def rescue(self) -> int:
        """Finish what members that died had begun."""
        answer: Any = await self._redis.xautoclaim(
            self._stream, GROUP, self._member, min_idle_time=ABANDONED_MS, count=BATCH
        )
        return await self._handle([(entry, fields) for entry, fields in answer[1] if fields])

    async def _handle(self, entries: list[Entry]) -> int:
        if not entries:
            return 0
        events = [UUID(fields[b"event"].decode()) for _, fields in entries]
        failures = await self._send(events)
        async with self._redis.pipeline(transaction=True) as pipeline:
            for event, recipient, error in failures:
                pipeline.xadd(self._dead, {"event": str(event), "recipient": recipient, "error": error})
            ids = [entry for entry, _ in entries]
            pipeline.xack(self._stream, GROUP, *ids)
            pipeline.xdel(self._stream, *ids)
            await pipeline.execute()
        return len(entries)

    async def _send(self, events: list[UUID]) -> list[tuple[UUID, str, str]]:
        """Send what is still to be sent about the events, and return what can never be."""
        rows = await self._pool.fetch(_EVENTS, events)
        due = {(letter.event, letter.recipient): letter for row in rows for letter in letters(row)}
        claimed = await self._pool.fetch(_CLAIM, [event for event, _ in due], [recipient for _, recipient in due])
        sending = [due[row["event_id"], row["recipient"]] for row in claimed]
        errors = await self._mailer.send(sending)
        await self._pool.execute(
            """
            UPDATE notifications
            SET state = CASE WHEN outcome.error IS NULL THEN 'sent' ELSE 'failed' END,
                error = outcome.error,
                sent_at = CASE WHEN outcome.error IS NULL THEN now() END
            FROM unnest($1::uuid[], $2::text[], $3::text[]) AS outcome (event_id, recipient, error)
            WHERE notifications.event_id = outcome.event_id AND notifications.recipient = outcome.recipient
            """,
            [letter.event for letter in sending],
            [letter.recipient for letter in sending],
            errors,
        )
        failures = [
            (letter.event, letter.recipient, error)
            for letter, error in zip(sending, errors, strict=True)
            if error is not None
        ]
        for event, recipient, error in failures:
            log.error("the e-mail about event %s to %s cannot be delivered: %s", event, recipient, error)
        return failures


def _entries(answer: Any) -> list[Entry]:
    """The entries of one stream, in either protocol version's shape."""
    if not answer:
        return []
    of_stream = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    while of_stream and isinstance(of_stream[0], list):
        of_stream = of_stream[0]
    return list(of_stream)
