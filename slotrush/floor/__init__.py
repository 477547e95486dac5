"""The least CPU that a booking attempt can cost, measured from its three unavoidable parts on this machine.

The drain of a race cannot be shorter than attempts * cost / cores: a report states how close it came.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from slotrush.floor.booking import BookingCost, BookingSizes, measure_booking
from slotrush.floor.requests import RequestCost, measure_requests

__all__ = ["DEFAULT_SIZES", "BookingSizes", "Floor", "combine", "measure"]

REQUESTS_S: Final = 3.0
DEFAULT_SIZES: Final = BookingSizes()


@dataclass(frozen=True)
class Floor:
    """CPU in µs per booking attempt.

    `request_us` is a bare Locust FastHttpUser's, `hello_us` that of the app's framework answering "hello", `booking_us`
    that of the booking statement: `booking_client_us` in pgbench and `booking_server_us` in PostgreSQL.
    """

    request_us: float
    hello_us: float
    booking_us: float
    booking_client_us: float
    booking_server_us: float | None
    cores: int
    notes: tuple[str, ...]

    @property
    def attempt_us(self) -> float:
        return self.request_us + self.hello_us + self.booking_us

    def drain_s(self, attempts: int) -> float:
        """The shortest possible drain of `attempts`, when all cores do nothing else."""
        return attempts * self.attempt_us / self.cores / 1e6

    def as_meta(self) -> dict[str, Any]:
        """For the run record."""
        return asdict(self) | {"attempt_us": self.attempt_us}


def measure(
    database_url: str,
    on_step: Callable[[str], None],
    sizes: BookingSizes = DEFAULT_SIZES,
    requests_s: float = REQUESTS_S,
) -> Floor:
    """Takes about 10 s on two idle cores. The server behind `database_url` should have nothing else to do meanwhile."""
    on_step("floor: bare FastHttpUser against the framework's hello")
    requests = measure_requests(requests_s)
    on_step("floor: the booking statement with pgbench")
    return combine(requests, measure_booking(database_url, sizes), available_cores())


def combine(requests: RequestCost, booking: BookingCost, cores: int) -> Floor:
    notes = [f"booking: {booking.attempts} attempts, {booking.booked} booked; requests: {requests.requests}"]
    if booking.server_us is None:
        notes.append("PostgreSQL runs elsewhere: its CPU is not part of this machine's floor")
    return Floor(
        request_us=requests.request_us,
        hello_us=requests.hello_us,
        booking_us=booking.client_us + (booking.server_us or 0.0),
        booking_client_us=booking.client_us,
        booking_server_us=booking.server_us,
        cores=cores,
        notes=tuple(notes),
    )


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
