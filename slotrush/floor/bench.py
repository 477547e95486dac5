"""Measures the floor alone, with a stack of its own: for `slotrush limits`."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from slotrush import floor
from slotrush.stack import Stack, StackOptions


def measure_alone(on_step: Callable[[str], None]) -> floor.Floor:
    """Raises StackError when a part does not start."""
    with (
        tempfile.TemporaryDirectory(prefix="slotrush-floor-") as folder,
        Stack(StackOptions(Path(folder), replicas=1, proxies=1)) as stack,
    ):
        urls = stack.start(on_step)
        return floor.measure(urls.database_url, on_step)


def in_words(measured: floor.Floor, attempts: int) -> list[str]:
    """The floor, part by part, and what it means for so many attempts."""
    server = "unknown" if measured.booking_server_us is None else f"{measured.booking_server_us:.0f}"
    return [
        f"bare FastHttpUser request   {measured.request_us:6.0f} µs of CPU",
        f"the framework's hello       {measured.hello_us:6.0f} µs",
        f"booking statement, pgbench  {measured.booking_us:6.0f} µs"
        f" (client {measured.booking_client_us:.0f}, server {server})",
        f"floor of an attempt         {measured.attempt_us:6.0f} µs on {measured.cores} cores",
        f"so {attempts:,} attempts need at least {measured.drain_s(attempts):.2f} s",
        *(f"({note})" for note in measured.notes),
    ]
