"""A database of our own on a PostgreSQL server, and the words for a server that will not have us."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from slotrush.errors import BadInputError

OLDEST_VERSION: Final = 18
_CONNECT_TIMEOUT_S: Final = 10


def with_database(url: str, name: str) -> str:
    """The same server, user and options, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def masked(url: str) -> str:
    """The URL with its password hidden, to be shown to people."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    before, at, host = parts.netloc.rpartition("@")
    user, colon, _ = before.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{':***' if colon else ''}{at}{host}"))


def primary_of(urls: Sequence[str]) -> str:
    """The one of several servers that takes writes, whichever it is when somebody connects. They are alike but for
    their addresses."""
    url = at(urls[0], [address for url in urls for address in addresses(url)])
    return urlunsplit(urlsplit(url)._replace(query="target_session_attrs=primary"))


def addresses(url: str) -> list[tuple[str, int]]:
    """Hosts and ports of a URL that names both, of one server or of several."""
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    return [(host, int(port)) for host, _, port in (each.rpartition(":") for each in hosts)]


def at(url: str, servers: Sequence[tuple[str, int]]) -> str:
    """The same URL for other servers."""
    user = urlsplit(url).netloc.rpartition("@")[0]
    hosts = ",".join(f"{host}:{port}" for host, port in servers)
    return urlunsplit(urlsplit(url)._replace(netloc=f"{user}@{hosts}"))


def execute(server_url: str, statement: str) -> None:
    """Raises asyncpg's errors, OSError and TimeoutError."""
    asyncio.run(_execute(server_url, statement))


def create(server_url: str, name: str) -> str:
    """Create the database `name` and return its URL. Raises asyncpg's errors, OSError, ValueError, BadInputError."""
    asyncio.run(_create(server_url, name))
    return with_database(server_url, name)


def create_for_user(server_url: str, name: str) -> str:
    """As `create`, on a server that the user named: everything that can be wrong is a BadInputError."""
    thing = f"DATABASE_URL {masked(server_url)}"
    try:
        return create(server_url, name)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BadInputError(
            thing, f"the server refuses to create a database for the run ({error})", "Give the role CREATEDB"
        ) from error
    except asyncpg.DuplicateDatabaseError as error:
        raise BadInputError(
            thing, f"it already has a database {name}", f"Drop it, if no run uses it: DROP DATABASE {name}"
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise BadInputError(
            thing, f"it cannot be reached ({reason})", "Start that server, correct the URL, or unset DATABASE_URL"
        ) from error


def drop(server_url: str, name: str) -> None:
    """Drop the database `name`, with whoever is still connected to it."""
    execute(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def answers(server_url: str) -> bool:
    try:
        execute(server_url, "SELECT 1")
    except (asyncpg.PostgresError, asyncpg.InternalClientError, OSError, TimeoutError):
        return False
    return True


async def _create(server_url: str, name: str) -> None:
    connection = await _connect(server_url)
    try:
        major = connection.get_server_version().major
        if major < OLDEST_VERSION:
            raise BadInputError(
                f"DATABASE_URL {masked(server_url)}",
                f"the server is PostgreSQL {major}",
                f"Name a server of version {OLDEST_VERSION} or later, or unset DATABASE_URL",
            )
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def _execute(server_url: str, statement: str) -> None:
    connection = await _connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _connect(server_url: str) -> Any:
    return await asyncpg.connect(server_url, timeout=_CONNECT_TIMEOUT_S)
