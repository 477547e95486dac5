"""The connection pools."""

import asyncio
import logging
from importlib.resources import files
from typing import Any, Final

import asyncpg

from target_app.logs import words
from target_app.settings import Settings

log = logging.getLogger(__name__)
CLOSE_TIMEOUT_S: Final = 2.0
AGAIN_AFTER_S: Final = 1.0
TROUBLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises of a server that is away; the last of a connection which the server was just closing."""
SERVER_HANGS_S: Final = 1.0
"""A server that has not ended a statement so long after its time will not."""


async def connect(settings: Settings) -> asyncpg.Pool:
    """A pool whose connections go back without asyncpg's usual reset query.

    Nothing here changes a session's state, and the reset would make two round trips of each booking's one.
    """
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=min(2, settings.database_connections),
        max_size=settings.database_connections,
        max_inactive_connection_lifetime=0,
        command_timeout=settings.request_deadline_s + SERVER_HANGS_S,
        reset=_leave_as_it_is,
        server_settings=_server_settings(settings),
    )


async def connect_once_there(settings: Settings) -> asyncpg.Pool:
    """As `connect`, for a worker that nobody restarts: a server that is just starting or ending is waited for."""
    while True:
        try:
            return await connect(settings)
        except (ConnectionError, asyncpg.CannotConnectNowError) as error:
            log.warning("the database is away: %s; trying again in %.0f s", words(error), AGAIN_AFTER_S)
            await asyncio.sleep(AGAIN_AFTER_S)


async def connect_replica(settings: Settings) -> asyncpg.Pool | None:
    """A pool for the read replica, None when there is none. No connection is made yet: the replica may be away."""
    if settings.database_read_url is None:
        return None
    return await asyncpg.create_pool(
        settings.database_read_url,
        min_size=0,
        max_size=settings.database_connections,
        max_inactive_connection_lifetime=0,
        reset=_leave_as_it_is,
        server_settings=_server_settings(settings) | {"default_transaction_read_only": "on"},
    )


def _server_settings(settings: Settings) -> dict[str, str]:
    """The server ends a statement that nobody waits for any more, even when the process that asked has died."""
    return {"application_name": "target_app", "statement_timeout": f"{settings.request_deadline_s}s"}


async def close_replica(pool: asyncpg.Pool | None) -> None:
    """Also when the replica does not answer."""
    if pool is not None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.close()
        except (OSError, TimeoutError, *TROUBLE):
            pool.terminate()


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    return None


async def all_or_nothing(connection: asyncpg.Connection, statement: str, *arguments: object) -> Any:
    """What the statement answers, in a transaction of its own; None when that is nothing: all that it did is then
    undone. Thus a conflict is no error, whose words would tell the database's log whom it is about."""
    try:
        async with connection.transaction():
            answer = await connection.fetchval(statement, *arguments)
            if answer is None:
                raise _NothingError
            return answer
    except _NothingError:
        return None


class _NothingError(Exception):
    """Undoes a transaction."""


def sql(package: str, name: str) -> str:
    """The text of `name`.sql, which lies beside its caller in `package`."""
    return files(package).joinpath(f"{name}.sql").read_text()
