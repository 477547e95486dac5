"""Recorded arrivals: a CSV file with one timestamp a row, played back at its own pace or faster."""

import csv
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError
from slotrush.swarm.load.arrivals import Step

HEADER: Final = "timestamp"
LATEST_S: Final = 100_000_000_000.0
"""The year 5138 in epoch seconds; a larger number is in milliseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORM: Final = (
    "Write one timestamp a row in the first column, ascending: epoch seconds (1764579600.25) or ISO 8601"
    f" (2025-12-01T09:00:00.25Z); the first row may be the header `{HEADER}`"
)


@dataclass(frozen=True)
class RecordedArrivals:
    """Times in µs after the first of them, ascending: 8 bytes each."""

    recorded_us: "array[int]"

    @property
    def duration_s(self) -> float:
        """Until just after the last arrival."""
        return (self.recorded_us[-1] + 1) / 1e6

    def rate_per_s(self, at_s: float) -> float:
        """How many were recorded in the full second that this time falls into."""
        second_us = int(at_s // 1) * 1_000_000
        return float(bisect_left(self.recorded_us, second_us + 1_000_000) - bisect_left(self.recorded_us, second_us))

    def offsets_us(self, seed: int) -> Iterator[int]:  # noqa: ARG002
        """The same for any seed."""
        return iter(self.recorded_us)

    def steps(self) -> tuple[Step, ...]:
        return ()


def read_trace(path: Path, speed: float, end_s: float) -> RecordedArrivals:
    """The arrivals of a file, `speed` times as fast, as far as they come before `end_s`.

    Raises BadInputError, which names the file and the line, when a row cannot be read or is not in order.
    """
    thing = f"trace {path}"
    recorded_us: array[int] = array("q")
    start_us = last_us = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            for row in rows:
                if not row or (rows.line_num == 1 and row[0].strip().lower() == HEADER):
                    continue
                line = f"{thing}, line {rows.line_num}"
                at_us = _timestamp_us(line, row[0].strip())
                if last_us is not None and at_us < last_us:
                    raise BadInputError(line, f"{row[0]!r} is earlier than the row before it", "Sort the rows by time")
                start_us = at_us if start_us is None else start_us
                last_us = at_us
                recorded_us.append(round((at_us - start_us) / speed))
    except OSError as error:
        raise BadInputError(thing, f"it cannot be read ({error.strerror})", "Name a readable file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"{thing}, after line {rows.line_num}", f"it is no text in UTF-8 ({error})", _FORM
        ) from error
    del recorded_us[bisect_left(recorded_us, end_s * 1e6) :]
    if not recorded_us:
        raise BadInputError(thing, "it has no timestamp", _FORM)
    return RecordedArrivals(recorded_us)


def _timestamp_us(line: str, text: str) -> int:
    """Epoch µs. A time without its offset from UTC is taken to be UTC."""
    try:
        seconds = float(text)
    except ValueError:
        return _iso_us(line, text)
    if not 0 <= seconds <= LATEST_S:
        raise BadInputError(line, f"{text!r} is not in seconds since 1970", _FORM)
    return round(seconds * 1e6)


def _iso_us(line: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(line, f"{text!r} is no timestamp", _FORM) from None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
