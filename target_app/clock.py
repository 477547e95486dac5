"""The time of day, from one place."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """In UTC."""
    return datetime.fromtimestamp(time.time(), UTC)
