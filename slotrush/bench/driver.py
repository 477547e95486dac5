"""A small HTTP/1.1 client for benchmarks: bytes that were made beforehand, over connections that stay."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_LAST: Final = b"\r\nconnection: close\r\n"


class Answer(NamedTuple):
    status: int
    body: bytes
    response_ms: float
    """From the intended start."""


def request(method: str, path: str, token: str = "", key: str = "", body: bytes = b"") -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if key:
        lines.append(f"Idempotency-Key: {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    stays: bool = True
    """Until an answer says that it was the last."""

    async def ask(self, request: bytes, intended_s: float) -> Answer:
        self.writer.write(request)
        head = await self.reader.readuntil(_HEAD_END)
        lowered = head.lower()
        at = lowered.find(_LENGTH)
        self.stays = _LAST not in lowered
        length = 0 if at < 0 else int(head[at + len(_LENGTH) :].partition(b"\r\n")[0])
        body = await self.reader.readexactly(length)
        return Answer(int(head[9:12]), body, (time.perf_counter() - intended_s) * 1e3)


async def closed(url: str, requests: Sequence[bytes], connections: int) -> list[Answer]:
    """Ask everything, one after the other on each of the connections; answers in the order of the requests."""
    answers: list[Answer | None] = [None] * len(requests)
    numbers = iter(range(len(requests)))

    async def work(connection: _Connection) -> None:
        for number in numbers:
            answers[number] = await connection.ask(requests[number], time.perf_counter())

    several = [await _connect(url) for _ in range(connections)]
    try:
        await asyncio.gather(*map(work, several))
    finally:
        for connection in several:
            connection.writer.close()
    return [answer for answer in answers if answer is not None]


async def opened(url: str, requests: Sequence[bytes], rate_per_s: float, connections: int) -> list[Answer]:
    """Ask everything at a constant rate, whatever the answers do; a request that must wait for a connection waits on
    its own clock."""
    idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
    for _ in range(connections):
        idle.put_nowait(await _connect(url))

    async def ask(request: bytes, intended_s: float) -> Answer:
        connection = await idle.get()
        try:
            return await connection.ask(request, intended_s)
        finally:
            idle.put_nowait(connection)

    began_s = time.perf_counter()
    asked = []
    for number, each in enumerate(requests):
        intended_s = began_s + number / rate_per_s
        await asyncio.sleep(intended_s - time.perf_counter())
        asked.append(asyncio.ensure_future(ask(each, intended_s)))
    answers = await asyncio.gather(*asked)
    while not idle.empty():
        idle.get_nowait().writer.close()
    return answers


class Patience(NamedTuple):
    """`status` is 0 for a client that gave up; times in ms from when the request was due, `sent_ms` being how late the
    driver itself was."""

    status: int
    response_ms: float
    sent_ms: float


async def impatient(url: str, requests: Sequence[bytes], due_s: Sequence[float], patience_s: float) -> list[Patience]:
    """Ask each when it is due, in seconds from now and ascending, whatever the answers do; each on a connection that is
    its own until it is answered. Who has waited for `patience_s` gives up, and closes the connection."""
    idle: list[_Connection] = []

    async def ask(request: bytes, intended_s: float) -> Patience:
        sent_ms = (time.perf_counter() - intended_s) * 1e3
        connection = None
        try:
            async with asyncio.timeout(intended_s + patience_s - time.perf_counter()):
                connection = idle.pop() if idle else await _connect(url)
                answer = await connection.ask(request, intended_s)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            if connection is not None:
                connection.writer.close()
            return Patience(0, patience_s * 1e3, sent_ms)
        if connection.stays:
            idle.append(connection)
        else:
            connection.writer.close()
        return Patience(answer.status, answer.response_ms, sent_ms)

    gc.disable()  # looking through a hundred thousand answers takes longer than the answers did
    try:
        began_s = time.perf_counter()
        asked = []
        for each, at_s in zip(requests, due_s, strict=True):
            ahead_s = began_s + at_s - time.perf_counter()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            asked.append(asyncio.ensure_future(ask(each, began_s + at_s)))
        answers = await asyncio.gather(*asked)
    finally:
        gc.enable()
    for connection in idle:
        connection.writer.close()
    return answers


async def _connect(url: str) -> _Connection:
    parts = urlsplit(url)
    return _Connection(*await asyncio.open_connection(parts.hostname, parts.port))
