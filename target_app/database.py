"""The connection pool."""

from importlib.resources import files

import asyncpg

from target_app.settings import Settings


async def connect(settings: Settings) -> asyncpg.Pool:
    """A pool whose connections go back without asyncpg's usual reset query.

    Nothing here changes a session's state, and the reset would make two round trips of each booking's one.
    """
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=min(2, settings.database_connections),
        max_size=settings.database_connections,
        max_inactive_connection_lifetime=0,
        command_timeout=30,
        reset=_leave_as_it_is,
        server_settings={"application_name": "target_app"},
    )


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    return None


def sql(package: str, name: str) -> str:
    """The text of `name`.sql, which lies beside its caller in `package`."""
    return files(package).joinpath(f"{name}.sql").read_text()
