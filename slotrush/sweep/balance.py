"""Little's law on a run's bookings: two records of the same requests, made apart, must agree.

The histograms have how many there were and how long they took; the ledger has when each began and ended, and so how
many were under way at once.
"""

import sqlite3
from typing import Final

from slotrush.capacity import laws
from slotrush.gate.window import Window
from slotrush.runs.distribution import Distribution

ENDPOINT, ACTION = "POST /v1/appointments", "request"
"""What both records have in full."""
US_PER_S: Final = 1_000_000
_TIMES_SQL: Final = "SELECT response_hdr FROM latency WHERE endpoint = ? AND second BETWEEN ? AND ?"
_UNDER_WAY_SQL: Final = """
SELECT sum(min(answered_us, :end_us) - max(intended_us, :begin_us)) FROM ledger
WHERE action = :action AND answered_us > :begin_us AND intended_us < :end_us
"""


def little(connection: sqlite3.Connection, window: Window) -> laws.Check | None:
    """The check over the window; None without bookings in it. It holds for a run in balance: not for an overload."""
    blobs = [blob for (blob,) in connection.execute(_TIMES_SQL, (ENDPOINT, window.first_s, window.last_s))]
    begin_us, end_us = window.first_s * US_PER_S, (window.last_s + 1) * US_PER_S
    times = Distribution(blobs) if blobs else None
    values = {"action": ACTION, "begin_us": begin_us, "end_us": end_us}
    (under_way_us,) = connection.execute(_UNDER_WAY_SQL, values).fetchone()
    if times is None or not times.count or not under_way_us:
        return None
    throughput_per_s = times.count / window.seconds
    return laws.check_little(throughput_per_s, times.sum_s / times.count, under_way_us / (end_us - begin_us))
