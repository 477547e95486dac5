"""How replicas hear of each other's changes: one Redis channel, changes gathered for some milliseconds.

Each replica also hears its own beat. When it has not for a while, the channel is broken somewhere and the replica
knows itself deaf; once it hears again, it forgets what it may have missed.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from target_app.agenda.board import Board
from target_app.encoding import to_json

log = logging.getLogger(__name__)
GATHER_S: Final = 0.05
BEAT_S: Final = 1.0
DEAF_AFTER_S: Final = 3.0
WAITING_MAX: Final = 100_000


class Feed:
    """Tells the other replicas what changed here and the board of this one what changed there."""

    def __init__(self, redis: Redis, channel: str, now_s: Callable[[], float]) -> None:
        self._redis, self._channel, self._now_s = redis, channel, now_s
        self._origin = secrets.token_hex(8)
        self._heard_at_s = float("-inf")
        self._waiting: list[tuple[str, UUID, UUID | None, UUID | None]] = []
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
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(board))
            tasks.create_task(self._speak())

    def _say(self, what: str, doctor_id: UUID, slot_id: UUID | None, patient_id: UUID | None) -> None:
        if len(self._waiting) >= WAITING_MAX:  # the server is away; the listeners are deaf and know it
            self._waiting.clear()
        self._waiting.append((what, doctor_id, slot_id, patient_id))
        self._more.set()

    async def _speak(self) -> None:
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._more.wait()
                    await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass  # nothing to say is said too: it is the beat
            changes, self._waiting = self._waiting, []
            self._more.clear()
            try:
                await self._redis.publish(self._channel, to_json([self._origin, changes]))
            except (RedisError, OSError) as error:
                log.warning("the other replicas do not hear this one: %s", error)
                self._waiting = changes + self._waiting
                await asyncio.sleep(BEAT_S)

    async def _listen(self, board: Board) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=DEAF_AFTER_S)
                        if message is not None:
                            self._hear(board, message["data"])
            except (RedisError, OSError) as error:
                log.warning("this replica does not hear the others: %s", error)
                await asyncio.sleep(BEAT_S)

    def _hear(self, board: Board, data: bytes) -> None:
        if not self.hears():
            board.forget()
        self._heard_at_s = self._now_s()
        origin, changes = orjson.loads(data)
        if origin == self._origin:
            return
        for what, doctor, slot, patient in changes:
            match what:
                case "took":
                    board.took(UUID(doctor), UUID(slot), UUID(patient))
                case "freed":
                    board.freed(UUID(doctor), UUID(slot))
                case "published":
                    board.published(UUID(doctor))
