"""How replicas hear of each other's changes: one Redis stream, told at once, and gathered while there are many.

A stream and no channel: a replica that reads a few times a second gets all that the others said since in one answer,
so that what listening costs grows little with their number. On a channel each message wakes everybody.

A replica whose looks are not answered for a while knows itself deaf; once it hears again, it forgets what it may have
missed.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from target_app.agenda.board import Board
from target_app.encoding import to_json
from target_app.metrics import CACHE_UNANSWERED
from target_app.steps import together

log = logging.getLogger(__name__)
GATHER_S: Final = 0.05
"""Between two messages: the first change after a pause is told at once, what follows it together."""
LOOK_S: Final = 0.1
"""Between two looks at what the others said, in the mean."""
LOOKS_AHEAD: Final = 20
"""So many may come at once: while little is said it is heard at once."""
WAIT_S: Final = 1.0
"""So long a look waits for something to be said, and the server may take over a message."""
DEAF_AFTER_S: Final = 3.0
WAITING_MAX: Final = 100_000
STREAM: Final = "agenda"
"""The stream's key, after the prefix that all keys have."""
KEPT: Final = 20_000
"""Messages: more than 300 replicas say until one that does not look for so long is deaf."""
_FIELD: Final = b"said"
Change = tuple[str, UUID, UUID | None, UUID | None]
"""What happened (took, freed or published), the doctor, the slot, and the patient who took it."""


async def announce(redis: Redis, stream: str, changes: Sequence[Change], origin: str = "") -> None:
    """Tell all replicas; the one that is the `origin` knows already."""
    await redis.xadd(stream, {_FIELD: to_json([origin, changes])}, maxlen=KEPT, approximate=True)


class Feed:
    """Tells the other replicas what changed here and the board of this one what changed there."""

    def __init__(self, redis: Redis, stream: str, now_s: Callable[[], float]) -> None:
        self._redis, self._stream, self._now_s = redis, stream, now_s
        self._origin = secrets.token_hex(8)
        self._heard_at_s = float("-inf")
        self._waiting: list[Change] = []
        self._more = asyncio.Event()

    def hears(self) -> bool:
        return self._now_s() - self._heard_at_s < DEAF_AFTER_S

    def took(self, doctor_id: UUID, slot_id: UUID, patient_id: UUID) -> None:
        self._say("took", doctor_id, slot_id, patient_id)

    def freed(self, doctor_id: UUID, slot_id: UUID) -> None:
        self._say("freed", doctor_id, slot_id, None)

    def published(self, doctor_id: UUID) -> None:
        self._say("published", doctor_id, None, None)

    async def run(self, board: Board) -> None:
        """Until cancelled."""
        await together(self._listen(board), self._speak())

    def _say(self, what: str, doctor_id: UUID, slot_id: UUID | None, patient_id: UUID | None) -> None:
        if len(self._waiting) >= WAITING_MAX:  # the server is away; the listeners are deaf and know it
            self._waiting.clear()
        self._waiting.append((what, doctor_id, slot_id, patient_id))
        self._more.set()

    async def _speak(self) -> None:
        while True:
            await self._more.wait()
            changes, self._waiting = self._waiting, []
            self._more.clear()
            try:
                async with asyncio.timeout(WAIT_S):
                    await announce(self._redis, self._stream, changes, self._origin)
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                log.warning("the other replicas do not hear this one: %r", error)
                self._waiting = changes + self._waiting
                self._more.set()
                await asyncio.sleep(WAIT_S)
            await asyncio.sleep(GATHER_S)

    async def _listen(self, board: Board) -> None:
        while True:
            try:
                heard_to, due_s = await self._newest(board), self._now_s()
                while True:
                    heard_to = await self._look(board, heard_to)
                    due_s = max(due_s, self._now_s() - LOOKS_AHEAD * LOOK_S) + LOOK_S
                    await asyncio.sleep(max(due_s - self._now_s(), 0))
            except (RedisError, OSError) as error:
                log.warning("this replica does not hear the others: %r", error)
                CACHE_UNANSWERED.inc()
                self._heard_at_s = float("-inf")  # what is said until it hears again is missed
                await asyncio.sleep(WAIT_S)

    async def _newest(self, board: Board) -> bytes:
        """The id of the last message that there is: from there on nothing is missed."""
        async with asyncio.timeout(DEAF_AFTER_S):
            answer: Any = await self._redis.xrevrange(self._stream, count=1)
        self._answered(board)
        return bytes(answer[0][0]) if answer else b"0"

    async def _look(self, board: Board, heard_to: bytes) -> bytes:
        """Hear all that was said after this message, or is within a second; the id of the last that was."""
        async with asyncio.timeout(DEAF_AFTER_S):
            answer: Any = await self._redis.xread({self._stream: heard_to}, block=round(WAIT_S * 1000))
        self._answered(board)
        if not answer:
            return heard_to
        ((_, messages),) = answer
        for _, message in messages:
            self._hear(board, message.get(_FIELD, b""))
        return bytes(messages[-1][0])

    def _answered(self, board: Board) -> None:
        if not self.hears():
            board.forget()
        self._heard_at_s = self._now_s()

    def _hear(self, board: Board, data: bytes) -> None:
        try:
            origin, changes = orjson.loads(data)
            if origin != self._origin:
                for change in changes:
                    _apply(board, *change)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.error("a message of another replica cannot be read: %s", type(error).__name__)  # it names patients
            board.forget()


def _apply(board: Board, what: str, doctor: str, slot: str | None, patient: str | None) -> None:
    """Raises ValueError, TypeError or AttributeError for what is no change."""
    match what, slot, patient:
        case "took", str(), str():
            board.took(UUID(doctor), UUID(slot), UUID(patient))
        case "freed", str(), _:
            board.freed(UUID(doctor), UUID(slot))
        case "published", _, _:
            board.published(UUID(doctor))
        case _:
            raise ValueError(what)
