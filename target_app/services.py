"""What the endpoints work with: built when a replica starts, closed when it ends."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from redis.asyncio import Redis

from target_app import database, logs
from target_app.agenda import queries as agenda_queries
from target_app.agenda.board import Board
from target_app.agenda.feed import STREAM, Feed
from target_app.directory.queries import Directory
from target_app.identity import keys
from target_app.identity.passwords import Passwords
from target_app.identity.throttle import Throttle
from target_app.identity.tokens import Tokens
from target_app.readiness import Readiness
from target_app.reads import Reads
from target_app.records.objects import Objects
from target_app.settings import Settings

log = logging.getLogger(__name__)


@dataclass
class Services:
    settings: Settings
    pool: asyncpg.Pool
    key: keys.SigningKey
    tokens: Tokens
    passwords: Passwords
    throttle: Throttle
    board: Board
    feed: Feed
    reads: Reads
    directory: Directory
    objects: Objects
    readiness: Readiness
    draining: bool = False
    being_booked: dict[Any, asyncio.Future[None]] = field(default_factory=dict)
    """By slot: done when the booking that is under way in this process has been decided."""


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    key = keys.load(settings.jwt_key_file)
    pool = await database.connect(settings)
    redis: Redis = Redis.from_url(settings.redis_url, socket_connect_timeout=5, health_check_interval=10)
    feed = Feed(redis, f"{settings.key_prefix}{STREAM}", time.monotonic)
    replica = await database.connect_replica(settings)
    reads = Reads(pool, replica, time.monotonic)
    board = Board(lambda doctor_id, since_s: agenda_queries.load(reads, doctor_id, since_s), feed.hears, time.monotonic)
    passwords = Passwords(settings.password_threads, settings.password_queue)
    throttle = Throttle(
        redis,
        settings.key_prefix,
        key.private.private_bytes_raw(),
        settings.login_attempts_per_address,
        settings.sign_ups_per_address,
        time.monotonic,
    )
    listening = asyncio.create_task(feed.run(board), name="feed")
    watching = asyncio.create_task(reads.watch(), name="watch over the read replica")
    for task in (listening, watching):
        task.add_done_callback(_end_with)
    try:
        async with AsyncExitStack() as elsewhere:
            external = None
            if settings.oidc_issuer:
                # Its HTTP client would be a tenth of every replica's start.
                from target_app.identity.external import external_tokens  # noqa: PLC0415

                external = await elsewhere.enter_async_context(external_tokens(settings, pool))
            tokens = Tokens(key, external=external)
            directory = Directory(reads, time.monotonic)
            objects = Objects(settings.object_store)
            yield Services(
                settings,
                pool,
                key,
                tokens,
                passwords,
                throttle,
                board,
                feed,
                reads,
                directory,
                objects,
                Readiness(lambda: pool.fetchval("SELECT 1")),
            )
    finally:
        listening.cancel()
        watching.cancel()
        passwords.close()
        await asyncio.gather(listening, watching, return_exceptions=True)
        await redis.aclose()
        await database.close_replica(replica)
        await pool.close()


def _end_with(task: "asyncio.Task[None]") -> None:
    """A replica whose `task` failed serves no longer than one that is told to stop: what it shows would grow old."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logs.failure(log, error, "the %s failed, this replica ends", task.get_name(), level=logging.CRITICAL)
        signal.raise_signal(signal.SIGTERM)


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request)  # FastAPI runs dependencies that are not coroutines in threads


Use = Annotated[Services, Depends(_services)]
"""A parameter of an endpoint that is given the services."""
