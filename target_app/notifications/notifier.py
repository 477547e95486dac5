"""Stream to e-mail: a member of the consumer group turns each event into one e-mail per recipient.

Delivery is at least once; the table `notifications` makes it once, except when the process dies between the mail
server's acceptance and the row that says so. The second copy then has the first one's Message-ID.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from target_app.database import AGAIN_AFTER_S, TROUBLE, sql
from target_app.logs import words
from target_app.notifications import dead_letters, metrics
from target_app.notifications.dead_letters import Address
from target_app.notifications.letters import Letter, letters
from target_app.notifications.mailer import Delivery, Mailer, Overtaken

log = logging.getLogger(__name__)
GROUP: Final = "notifier"
BATCH: Final = 100
BLOCK_MS: Final = 1_000
ABANDONED_MS: Final = 60_000
"""An entry that no member has said to be working on for so long belongs to whoever claims it."""
PAUSES_S: Final = (60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)
"""After its first, second, … attempt a mail that the server wants later is put off for so long, then given up."""
_EVENTS: Final = sql(__package__, "events")
_CLAIM: Final = sql(__package__, "claim")
_LEASE: Final = sql(__package__, "lease")
_LEASED: Final = sql(__package__, "leased")
_OUTCOME: Final = sql(__package__, "outcome")
_OVERTAKEN: Final = sql(__package__, "overtaken")
_AGAIN: Final = sql(__package__, "again")

Entry = tuple[bytes, dict[bytes, bytes]]


class _Outcome(NamedTuple):
    """`state`: 'sending' for an e-mail that is put off, for `again_s`. `error`: why it is, or was given up."""

    letter: Letter
    attempt: int
    state: Literal["sent", "sending", "failed", "overtaken"]
    error: str | None = None
    again_s: float | None = None


class Notifier:
    def __init__(
        self,
        pool: asyncpg.Pool,
        redis: Redis,
        mailer: Mailer,
        stream: str,
        member: str,
        abandoned_ms: int = ABANDONED_MS,
    ) -> None:
        self._pool, self._redis, self._mailer = pool, redis, mailer
        self._stream, self._dead, self._member = stream, f"{stream}:dead", member
        self._abandoned_ms = abandoned_ms
        self._lease_s = abandoned_ms / 1_500  # over when an entry is taken for abandoned, though it is renewed before

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
            self._stream, GROUP, self._member, min_idle_time=self._abandoned_ms, count=BATCH
        )
        entries = [(entry, fields) for entry, fields in answer[1] if fields]
        rows = await self._pool.fetch(_LEASED, [_event(fields) for _, fields in entries])
        leased = {row["event_id"] for row in rows}  # somebody works on them unseen: they come again if that one dies
        return await self._handle([(entry, fields) for entry, fields in entries if _event(fields) not in leased])

    async def again(self) -> int:
        """Put the events of e-mails that were put off into the outbox, and return how many e-mails there were."""
        count: int = await self._pool.fetchval(_AGAIN, BATCH)
        return count

    async def _handle(self, entries: list[Entry]) -> int:
        if not entries:
            return 0
        ids = [entry for entry, _ in entries]
        async with self._working_on(ids):
            await self._send([_event(fields) for _, fields in entries])
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(self._stream, GROUP, *ids)
            pipeline.xdel(self._stream, *ids)
            await pipeline.execute()
        return len(entries)

    @asynccontextmanager
    async def _working_on(self, ids: list[Any]) -> AsyncIterator[None]:
        """Meanwhile nobody takes the entries for abandoned, however long the mail server is away."""

        async def claim() -> None:
            await self._redis.xclaim(self._stream, GROUP, self._member, 0, ids, justid=True)

        async with self._renewing(claim):
            yield

    @asynccontextmanager
    async def _sending(self, events: list[UUID], recipients: list[str]) -> AsyncIterator[None]:
        """Meanwhile nobody else sends the e-mails, who may have got another copy of their events."""

        async def lease() -> None:
            await self._pool.execute(_LEASE, events, recipients, self._lease_s)

        async with self._renewing(lease):
            yield

    @asynccontextmanager
    async def _renewing(self, renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(self._abandoned_ms / 3_000)
                try:
                    await renew()
                except (RedisError, OSError, *TROUBLE) as error:
                    log.warning("the other members cannot see that this one works: %s", error)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _send(self, events: list[UUID]) -> None:
        """Send what is now to be sent about the events. A dead letter is written before the table says that it is
        one, so that whoever asks for it to be sent again finds it in its place."""
        rows = await self._pool.fetch(_EVENTS, events)
        due = {(letter.event, letter.recipient): letter for row in rows for letter in letters(row)}
        claimed = await self._pool.fetch(
            _CLAIM, [event for event, _ in due], [recipient for _, recipient in due], self._lease_s
        )
        sending = [due[row["event_id"], row["recipient"]] for row in claimed]
        async with self._sending([row["event_id"] for row in claimed], [row["recipient"] for row in claimed]):
            deliveries = await self._mailer.send(sending, self._is_overtaken)
        outcomes = [
            _outcome(letter, row["attempts"], delivery)
            for letter, row, delivery in zip(sending, claimed, deliveries, strict=True)
        ]
        await dead_letters.replace(
            self._redis,
            self._dead,
            tried=[_address(outcome) for outcome in outcomes if outcome.attempt > 1],
            failed=[(_address(each), each.error) for each in outcomes if each.error and each.state == "failed"],
        )
        await self._pool.execute(
            _OUTCOME,
            [outcome.letter.event for outcome in outcomes],
            [outcome.letter.recipient for outcome in outcomes],
            [outcome.state for outcome in outcomes],
            [outcome.error for outcome in outcomes],
            [outcome.again_s for outcome in outcomes],
        )
        _tell(outcomes)

    async def _is_overtaken(self, letter: Letter) -> bool:
        """Waits for a database that is away, in which it could not be written either what became of the letter."""
        while True:
            try:
                return bool(await self._pool.fetchval(_OVERTAKEN, letter.event, letter.recipient))
            except (OSError, *TROUBLE) as error:
                log.warning("it is not known whether an e-mail is overtaken: %s", words(error))
                await asyncio.sleep(AGAIN_AFTER_S)


def _outcome(letter: Letter, attempt: int, delivery: Delivery) -> _Outcome:
    if delivery is None:
        return _Outcome(letter, attempt, "sent")
    if isinstance(delivery, Overtaken):
        return _Outcome(letter, attempt, "overtaken")
    if delivery.final or attempt > len(PAUSES_S):
        return _Outcome(letter, attempt, "failed", delivery.reason)
    return _Outcome(letter, attempt, "sending", delivery.reason, PAUSES_S[attempt - 1])


def _address(outcome: _Outcome) -> Address:
    return Address(outcome.letter.event, outcome.letter.role)


def _tell(outcomes: Sequence[_Outcome]) -> None:
    """Logs and metrics; they name nobody."""
    for letter, attempt, state, error, _ in outcomes:
        if attempt > 1:
            metrics.RETRIED.inc()
        metrics.EMAILS.labels("put_off" if state == "sending" else state).inc()
        if state == "failed":
            log.error("the e-mail about event %s to the %s cannot be delivered: %s", letter.event, letter.role, error)


def _event(fields: dict[bytes, bytes]) -> UUID:
    return UUID(fields[b"event"].decode())


def _entries(answer: Any) -> list[Entry]:
    """The entries of one stream, in either protocol version's shape."""
    if not answer:
        return []
    of_stream = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    while of_stream and isinstance(of_stream[0], list):
        of_stream = of_stream[0]
    return list(of_stream)
