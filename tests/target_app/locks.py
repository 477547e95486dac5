"""Who waits for whom in the database."""

import asyncio
from typing import Any

WAITED_FOR = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"


async def until(connection: Any, *, waited_for: bool) -> None:
    """Return once somebody waits for a lock of the connection, or nobody any more. Raises TimeoutError after 20 s."""
    async with asyncio.timeout(20):
        while await connection.fetchval(WAITED_FOR) != waited_for:
            await asyncio.sleep(0.02)
