"""Counts the SQL statements of the target's database, where it has `pg_stat_statements`, into the run record."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import asyncpg

from slotrush.errors import BadInputError
from slotrush.runs import record

_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 10
_COUNT_SQL: Final = """
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class StatementCounter:
    """Notes about once a second, from a thread of its own, how many statements were executed so far.

    A database that does not count leaves no events: nothing ends a run, and a gate says that it does not know.
    """

    def __init__(self, database_url: str, record_path: Path) -> None:
        self._url, self._record_path = database_url, record_path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statement-counter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Note the last count, and end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, sqlite3.Error, BadInputError
        ):
            asyncio.run(self._count())

    async def _count(self) -> None:
        database = await asyncpg.connect(self._url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
        try:
            await database.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            with closing(record.open_record(self._record_path)) as run:
                over = False
                while not over:
                    over = await asyncio.to_thread(self._stopping.wait, _EVERY_S)
                    total = await database.fetchval(_COUNT_SQL)
                    record.add_event(run, time.time_ns() // 1000, record.STATEMENTS_EVENT, json.dumps({"total": total}))
        finally:
            await database.close()
