"""A run for other tools: its figures and its course by the second, as JSON, CSV or OpenMetrics."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from slotrush.export import as_csv, as_json, as_openmetrics

FORMATS: Final[Mapping[str, Callable[[sqlite3.Connection], Iterator[str]]]] = {
    "json": as_json.lines,
    "csv": as_csv.lines,
    "openmetrics": as_openmetrics.lines,
}
"""By name: from the open record to the text, piece by piece."""
