"""Runs the notifier: `python -m target_app.notifications.worker`. The environment configures it, see settings.py.

Any number of workers may run at once.
"""

import asyncio
import os
import socket
from typing import Final

import asyncpg
from redis.asyncio import Redis

from target_app import database
from target_app.agenda.feed import STREAM, announce
from target_app.appointments import expiry
from target_app.notifications import metrics, notifier, relay, reminders
from target_app.notifications.mailer import Mailer
from target_app.notifications.notifier import Notifier
from target_app.settings import Settings
from target_app.steps import Step, for_ever, main

RUSH_PAUSE_S: Final = 0.25


def steps(settings: Settings, pool: asyncpg.Pool, redis: Redis, mailer: Mailer) -> list[Step]:
    """All that a worker does, each beside the others."""
    stream = f"{settings.key_prefix}events"
    member = Notifier(pool, redis, mailer, stream, f"{socket.gethostname()}-{os.getpid()}")

    async def hand_on() -> bool:
        if await relay.should_wait(pool):
            await asyncio.sleep(RUSH_PAUSE_S)
            return False
        return await relay.relay(pool, redis, stream) == relay.BATCH

    async def regain() -> bool:
        lost = await relay.regain(pool, redis, stream)
        metrics.LOST.inc(lost)
        return lost == relay.BATCH

    async def send() -> bool:
        await member.join()
        while True:
            await member.work()

    async def rescue() -> bool:
        await member.join()
        return await member.rescue() > 0

    async def put_off() -> bool:
        return await member.again() == notifier.BATCH

    async def remind() -> bool:
        added = await reminders.remind(pool, 3600.0 * settings.reminder_h)
        metrics.REMINDERS.inc(added)
        return added == reminders.BATCH

    async def expire() -> bool:
        freed = await expiry.expire(pool, settings.offer_s)
        if freed:
            changes = [("freed", doctor, slot, None) for doctor, slot in freed]
            await announce(redis, f"{settings.key_prefix}{STREAM}", changes)
        return len(freed) >= expiry.EXPIRED_MAX

    async def measure() -> bool:
        metrics.OUTBOX_LAG.set(await relay.lag_s(pool))
        return False

    return [
        Step("outbox to stream", hand_on, pause_s=0.25),
        Step("what the stream has lost", regain, pause_s=300.0),
        Step("stream to e-mails", send, pause_s=0.0),
        Step("what dead workers left", rescue, pause_s=15.0),
        Step("e-mails that were put off", put_off, pause_s=5.0),
        Step("reminders", remind, pause_s=5.0),
        Step("offers and requests that expire", expire, pause_s=2.0),
        Step("measurements", measure, pause_s=5.0),
    ]


async def run(settings: Settings) -> None:
    """Until cancelled."""
    pool = await database.connect_once_there(settings)
    redis = Redis.from_url(settings.redis_url, health_check_interval=10)
    mailer = Mailer(settings.smtp_url)
    try:
        with metrics.served(settings.notifier_metrics_port):
            await for_ever(steps(settings, pool, redis, mailer))
    finally:
        await mailer.close()
        await redis.aclose()
        await pool.close()


if __name__ == "__main__":
    main(lambda: run(Settings.from_environment()))
