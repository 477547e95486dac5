"""The least CPU that a booking attempt can cost, measured from its three unavoidable parts on this machine.

The drain of a race cannot be shorter than attempts * cost / cores: a report states how close it came. So each part is
measured with all cores busy, as they are in a drain: where cores share anything, work costs more then.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Final

from slotrush import machine
from slotrush.floor.booking import BookingCost, BookingSizes, measure_booking
from slotrush.floor.requests import RequestCost, measure_requests

__all__ = ["DEFAULT_SIZES", "BookingSizes", "Floor", "combine", "mean", "measure"]

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
    cores = machine.cores()
    requests = measure_requests(requests_s, pairs=cores)
    on_step("floor: the booking statement with pgbench")
    return combine(requests, measure_booking(database_url, sizes), cores)


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


def mean(measured: Sequence[Floor]) -> Floor:
    """Of one machine at several times: its speed changes with what else runs on it. The notes say each total."""
    servers = [one.booking_server_us for one in measured if one.booking_server_us is not None]
    totals = ", ".join(f"{one.attempt_us:.1f}" for one in measured)
    notes = dict.fromkeys(note for one in measured for note in one.notes)
    return replace(
        measured[0],
        request_us=fmean(one.request_us for one in measured),
        hello_us=fmean(one.hello_us for one in measured),
        booking_us=fmean(one.booking_us for one in measured),
        booking_client_us=fmean(one.booking_client_us for one in measured),
        booking_server_us=fmean(servers) if servers else None,
        notes=(*notes, f"the mean of {len(measured)} measurements: {totals} µs an attempt"),
    )
