"""Statements on a running system's database."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import asyncpg

CONNECTIONS_MAX = 4


def rows_of(database_url: str, statement: str, *arguments: Any) -> list[Any]:
    """What one statement answers, over a connection of its own."""
    with statements(database_url) as sql:
        return sql(statement, *arguments)


class Statements:
    """Called with a statement and its arguments it returns the rows. Connections are kept; any thread may call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database_url: str) -> None:
        self._loop = loop
        self._pool = self._wait(_pool(database_url))

    def __call__(self, statement: str, *arguments: Any) -> list[Any]:
        rows: list[Any] = self._wait(self._pool.fetch(statement, *arguments))
        return rows

    def close(self) -> None:
        self._wait(self._pool.close())

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _pool(database_url: str) -> Any:
    return await asyncpg.create_pool(database_url, min_size=0, max_size=CONNECTIONS_MAX, statement_cache_size=0)


@contextmanager
def statements(database_url: str) -> Iterator[Statements]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        sql = Statements(loop, database_url)
        try:
            yield sql
        finally:
            sql.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
