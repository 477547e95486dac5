"""Checks uploads and removes objects: `python -m target_app.records.worker`. The environment configures it, see
settings.py.

Any number of workers may run at once. What one that dies was doing, another does again.
"""

import asyncio
import logging
from typing import Final

import asyncpg

from target_app import database
from target_app.database import sql
from target_app.problems import Problem
from target_app.records.inspection import Rejection, Upload, inspect
from target_app.records.objects import Objects
from target_app.records.schemas import Reason
from target_app.settings import Settings
from target_app.steps import Step, for_ever, main

log = logging.getLogger(__name__)
ATTEMPTS_MAX: Final = 3
"""A file that so many workers did not get done with, or died of, is unreadable."""
REMOVALS: Final = 100
AWAY_S: Final = 2.0
_IN_TIME: Final = 0.9
"""Of a claim's time, so that whoever claims next never meets us at work."""
_CLAIM: Final = sql(__package__, "claim")
_CONCLUDE: Final = sql(__package__, "conclude")
_POSTPONE: Final = sql(__package__, "postpone")
_REMOVALS: Final = sql(__package__, "removals")
_FORGET: Final = sql(__package__, "forget")


async def check(pool: asyncpg.Pool, objects: Objects, check_s: float) -> bool:
    """Check one upload; False when there is none, or the store is away."""
    row = await pool.fetchrow(_CLAIM, check_s)
    if row is None:
        return False
    upload = Upload(**dict(row))
    has_preview, rejected_because = False, None
    try:
        if upload.attempts > ATTEMPTS_MAX:
            raise Rejection(Reason.UNREADABLE)
        async with asyncio.timeout(check_s * _IN_TIME):
            has_preview = await inspect(upload, objects)
    except Rejection as rejection:
        rejected_because = rejection.reason
    except Problem:
        await pool.execute(_POSTPONE, upload.id, upload.attempts, AWAY_S)
        return False
    except TimeoutError:
        log.warning("file %s is not checked in time, attempt %d", upload.id, upload.attempts)
        return True
    await pool.execute(_CONCLUDE, upload.id, upload.attempts, rejected_because, has_preview)
    return True


async def remove(pool: asyncpg.Pool, objects: Objects) -> bool:
    """Remove objects whose time has come; whether there may be more of them."""
    async with pool.acquire() as connection, connection.transaction():
        keys = [row["object_key"] for row in await connection.fetch(_REMOVALS, REMOVALS)]
        if keys:
            await objects.remove(keys)
    return len(keys) == REMOVALS


async def run(settings: Settings) -> None:
    """Until cancelled."""
    if settings.object_store is None:
        raise SystemExit("S3_ENDPOINT is not set: without a store there are no files to check")
    pool = await database.connect_once_there(settings)
    objects = Objects(settings.object_store)

    async def clear() -> bool:
        try:
            return await remove(pool, objects)
        except Problem:  # the store is away, and told the log so
            return False

    async def forget() -> bool:
        await pool.execute(_FORGET)
        return False

    steps = [
        Step("uploads to check", lambda: check(pool, objects, settings.record_check_s), pause_s=0.5),
        Step("objects to remove", clear, pause_s=1.0),
        Step("files that never came", forget, pause_s=5.0),
    ]
    try:
        await for_ever(steps)
    finally:
        await pool.close()


if __name__ == "__main__":
    main(lambda: run(Settings.from_environment()))
