"""Counts what the booking system says to PostgreSQL: a relay that reads along.

Messages by the PostgreSQL documentation, "Message Formats": a byte for the kind, four for the length that counts
itself. A statement is an Execute ('E') or a Query ('Q'); a round trip is a Sync ('S') or a Query.
"""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

_START_UP_HEAD: Final = 4
_CHUNK: Final = 65_536


class Wiretap:
    """An async context manager; `url` is the database by way of the relay, which listens at `port`, or a free one."""

    def __init__(self, database_url: str, port: int = 0) -> None:
        self._parts = urlsplit(database_url)
        self._port = port
        self._kinds: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable"))

    @property
    def statements(self) -> int:
        return self._kinds["E"] + self._kinds["Q"]

    @property
    def round_trips(self) -> int:
        return self._kinds["S"] + self._kinds["Q"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        there = await asyncio.open_connection(self._parts.hostname, self._parts.port or 5432)
        try:
            await asyncio.gather(self._listen(reader, there[1]), _copy(there[0], writer))
        finally:
            writer.close()
            there[1].close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _pass_on(reader, writer, await reader.readexactly(_START_UP_HEAD))
            while True:
                kind = await reader.readexactly(1)
                length = await reader.readexactly(4)
                self._kinds[kind.decode("latin-1")] += 1
                writer.write(kind)
                await _pass_on(reader, writer, length)
        except asyncio.IncompleteReadError:
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: bytes) -> None:
    writer.write(length)
    writer.write(await reader.readexactly(int.from_bytes(length) - len(length)))
    await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.close()
