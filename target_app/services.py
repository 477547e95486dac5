"""What the endpoints work with: built when a replica starts, closed when it ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from redis.asyncio import Redis

from target_app import database
from target_app.agenda import queries as agenda_queries
from target_app.agenda.board import Board
from target_app.agenda.feed import Feed
from target_app.directory.search import Directory
from target_app.identity import keys
from target_app.identity.passwords import Passwords
from target_app.identity.tokens import Tokens
from target_app.settings import Settings


@dataclass
class Services:
    settings: Settings
    pool: asyncpg.Pool
    redis: Redis
    key: keys.SigningKey
    tokens: Tokens
    passwords: Passwords
    board: Board
    feed: Feed
    directory: Directory
    draining: bool = False
    being_booked: dict[Any, asyncio.Future[None]] = field(default_factory=dict)
    """By slot: done when the booking that is under way in this process has been decided."""


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    key = keys.load(settings.jwt_key_file)
    pool = await database.connect(settings)
    redis: Redis = Redis.from_url(settings.redis_url, socket_connect_timeout=5, health_check_interval=10)
    feed = Feed(redis, f"{settings.key_prefix}agenda", time.monotonic)
    board = Board(lambda doctor_id: agenda_queries.load(pool, doctor_id), feed.hears, time.monotonic)
    passwords = Passwords()
    listening = asyncio.create_task(feed.run(board))
    try:
        yield Services(settings, pool, redis, key, Tokens(key), passwords, board, feed, Directory(pool, time.monotonic))
    finally:
        listening.cancel()
        passwords.close()
        await asyncio.gather(listening, return_exceptions=True)
        await redis.aclose()
        await pool.close()


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request)  # FastAPI runs dependencies that are not coroutines in threads


Use = Annotated[Services, Depends(_services)]
"""A parameter of an endpoint that is given the services."""
