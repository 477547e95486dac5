"""A graceful end: not ready first, so that the proxy sends no more, then the server's own shutdown."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from target_app.services import Services


@contextmanager
def announce_drain(services: Services, drain_s: float) -> Iterator[None]:
    """While inside, SIGTERM first makes the replica not ready and goes on to the former handler `drain_s` later."""
    if threading.current_thread() is not threading.main_thread():  # an embedding program handles its own signals
        yield
        return
    loop = asyncio.get_running_loop()
    former = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        services.draining = True
        if callable(former):
            loop.call_soon_threadsafe(loop.call_later, drain_s, former, number, frame)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
