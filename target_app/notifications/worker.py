"""Runs the notifier: `python -m target_app.notifications.worker`. The environment configures it, see settings.py."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import asyncpg
import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from target_app import database
from target_app.notifications.mailer import Mailer
from target_app.notifications.notifier import Notifier
from target_app.notifications.relay import BATCH, relay, should_wait
from target_app.settings import Settings

log = logging.getLogger(__name__)
RELAY_EVERY_S: Final = 0.25
RUSH_PAUSE_S: Final = 0.5
RESCUE_EVERY_S: Final = 15.0
AGAIN_AFTER_S: Final = 1.0


async def for_ever(step: Callable[[], Awaitable[float]]) -> None:
    """Repeat `step`, which returns how long to pause; a server that is away is waited for."""
    while True:
        try:
            pause_s = await step()
        except (RedisError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("%s; trying again in %.0f s", error, AGAIN_AFTER_S)
            pause_s = AGAIN_AFTER_S
        await asyncio.sleep(pause_s)


async def run(settings: Settings) -> None:
    """Until cancelled."""
    stream = f"{settings.key_prefix}events"
    pool = await database.connect(settings)
    redis = Redis.from_url(settings.redis_url, health_check_interval=10)
    mailer = Mailer(settings.smtp_url)
    notifier = Notifier(pool, redis, mailer, stream, f"{socket.gethostname()}-{os.getpid()}")

    async def hand_on() -> float:
        if await should_wait(pool):
            return RUSH_PAUSE_S
        return 0.0 if await relay(pool, redis, stream) == BATCH else RELAY_EVERY_S

    async def notify() -> float:
        await notifier.join()
        while True:
            await notifier.work()

    async def rescue() -> float:
        await asyncio.sleep(RESCUE_EVERY_S)
        await notifier.join()
        await notifier.rescue()
        return 0.0

    try:
        async with asyncio.TaskGroup() as tasks:
            for step in (hand_on, notify, rescue):
                tasks.create_task(for_ever(step))
    finally:
        await mailer.close()
        await redis.aclose()
        await pool.close()


async def until_terminated(settings: Settings) -> None:
    work = asyncio.create_task(run(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvloop.run(until_terminated(Settings.from_environment()))


if __name__ == "__main__":
    main()
