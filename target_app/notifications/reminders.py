"""The scheduler of reminders: one for every accepted appointment, as soon as it is near.

An appointment that is accepted when it is near already gets its reminder at once, but none gets one when so little
time is left that the confirmation has only just come.
"""

from typing import Final

import asyncpg

from target_app.database import sql

BATCH: Final = 500
LEFT_MIN_S: Final = 7_200.0
_REMIND: Final = sql(__package__, "remind")


async def remind(pool: asyncpg.Pool, within_s: float) -> int:
    """Add up to BATCH reminders of appointments that start within `within_s`, and return how many there were.

    None for those that start within LEFT_MIN_S, or half of `within_s` when that is less. Any number of schedulers may
    do this at once.
    """
    added: int = await pool.fetchval(_REMIND, within_s, min(LEFT_MIN_S, within_s / 2), BATCH)
    return added
