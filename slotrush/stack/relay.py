"""A network link that can be made slow: a TCP relay in front of a server. `python -m slotrush.stack.relay --help`

Everything takes DELAY_MS longer in each direction from SIGUSR1 on, and passes at once again from SIGUSR2 on. In order,
and at full bandwidth: what follows a packet is under way at the same time (as netem's `delay`, which needs root and a
kernel that has it).
"""

import argparse
import asyncio
import signal
from collections import deque
from typing import Final, cast

import uvloop

from slotrush.stack.ports import HOST, accepts_connections
from slotrush.stack.process import Command

SLOW: Final = signal.SIGUSR1
FAST: Final = signal.SIGUSR2
_TICK_S: Final = 0.001
"""The grain of the loop's timers: one may come so much too early."""


def server(python: str, port: int, target_port: int, delay_ms: int) -> Command:
    """Listens on `port`, for the server on `target_port`."""
    arguments = [python, "-m", "slotrush.stack.relay", "--port", str(port)]
    arguments += ["--target-port", str(target_port), "--delay-ms", str(delay_ms)]
    return Command("relay", "relay", arguments)


def ready(port: int) -> bool:
    return accepts_connections(port)


class Link:
    """How long a packet takes now, beside what it takes anyway."""

    def __init__(self) -> None:
        self.delay_s = 0.0


class End(asyncio.Protocol):
    """One end of a connection. What it hears, the other end says, after the delay; an end that closes closes both."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._under_way: deque[tuple[float, bytes | None]] = deque()
        """Packets with the times at which they arrive; None for the end."""
        self._due_s = 0.0
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # which uvloop's own do not inherit from

    def data_received(self, data: bytes) -> None:
        self._send(data)

    def eof_received(self) -> bool:
        return False  # closes: neither side of PostgreSQL's protocol closes one direction alone

    def connection_lost(self, _: Exception | None) -> None:
        self._send(None)

    def _send(self, packet: bytes | None) -> None:
        """Never before what was sent earlier, also when the link has become quicker since."""
        loop = asyncio.get_running_loop()
        self._due_s = max(self._due_s, loop.time() + self._link.delay_s)
        self._under_way.append((self._due_s, packet))
        if self._due_s <= loop.time():
            self.arrive()
        else:
            loop.call_later(self._due_s - loop.time() + _TICK_S, self.arrive)

    def arrive(self) -> None:
        """Hand over what is due, once there is somebody to have it."""
        now_s = asyncio.get_running_loop().time()
        while self._under_way and self._under_way[0][0] <= now_s and self.other and self.other.transport:
            _, packet = self._under_way.popleft()
            if packet is None:
                self.other.transport.close()
            else:
                self.other.transport.write(packet)


class Near(End):
    """The end at the client, which has the other one made."""

    def __init__(self, link: Link, target_port: int) -> None:
        super().__init__(link)
        self._target_port = target_port
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        assert self.transport is not None
        far = End(self._link)
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, HOST, self._target_port)
        except OSError:  # nobody listens: the client hears of it as it would without us
            self.transport.abort()
            return
        self.other, far.other = far, self
        self.arrive()
        far.arrive()


async def serve(port: int, target_port: int, delay_s: float) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    link, stopped = Link(), asyncio.Event()

    def become(seconds: float) -> None:
        link.delay_s = seconds

    loop.add_signal_handler(SLOW, become, delay_s)
    loop.add_signal_handler(FAST, become, 0.0)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listening = await loop.create_server(lambda: Near(link, target_port), HOST, port)
    await stopped.wait()
    listening.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A TCP relay that SIGUSR1 makes slow, and SIGUSR2 quick again.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--target-port", type=int, required=True)
    parser.add_argument("--delay-ms", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.target_port, options.delay_ms / 1000))


if __name__ == "__main__":
    main()
