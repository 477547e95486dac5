"""Sending e-mails over a few lasting SMTP connections."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from target_app.notifications.letters import SENDER, Letter

log = logging.getLogger(__name__)
TRIES_MAX: Final = 5
BACK_OFF_S: Final = 0.2
BACK_OFF_MAX_S: Final = 15.0
ANSWER_MAX_S: Final = 20.0
ACCEPTANCE_MAX_S: Final = 600.0
"""A server that has all of a mail may take so long to accept it (RFC 5321, 4.5.3.2.6): who waits less sends twice."""
_TROUBLE: Final = (aiosmtplib.SMTPException, OSError)


@dataclass(frozen=True)
class Failure:
    """Why an e-mail was not delivered, without its recipient. `final`: no later attempt can do better."""

    reason: str
    final: bool


@dataclass(frozen=True)
class Overtaken:
    """An e-mail was not sent, as what it tells is not so any more or its recipient is gone."""


Delivery = Failure | Overtaken | None
"""What became of an e-mail: None when the server has it."""
IsOvertaken = Callable[[Letter], Awaitable[bool]]


class Mailer:
    """`url`: smtp://user:password@host:port, or smtps:// for TLS from the start."""

    def __init__(self, url: str, connections: int = 4) -> None:
        self._idle: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(_client(url))

    async def send(self, letters: Sequence[Letter], is_overtaken: IsOvertaken) -> list[Delivery]:
        """Send all that are not overtaken, which is asked right before each try.

        A server that is away or lets nobody in is tried again without end, with growing pauses, because no letter is
        to blame for it. What it does once it has let us in may be for a letter's sake: who is told "later" (4xx) or
        loses the connection has TRIES_MAX tries, and who gets no answer in time has had long enough.
        """
        return list(await asyncio.gather(*(self._deliver(letter, is_overtaken) for letter in letters)))

    async def close(self) -> None:
        while not self._idle.empty():
            client = self._idle.get_nowait()
            if client.is_connected:
                with suppress(*_TROUBLE):
                    await client.quit()

    async def _deliver(self, letter: Letter, is_overtaken: IsOvertaken) -> Delivery:
        try:
            message = letter.message()
        except ValueError as error:
            return _failure(letter, f"this cannot be written as an e-mail: {error}", final=True)
        tries = 0
        while True:
            try:
                async with self._connected() as client:
                    if await is_overtaken(letter):
                        return Overtaken()
                    await client.sendmail(SENDER, [letter.recipient], message)
                    return None
            except _TROUBLE as error:
                tries += 1
                final = _is_final(error)
                if final or tries >= TRIES_MAX or isinstance(error, TimeoutError):
                    return _failure(letter, _words(error), final)
            except ValueError as error:
                return _failure(letter, f"the address is none: {error}", final=True)
            await asyncio.sleep(_pause_s(tries))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """One of the connections, for oneself."""
        client = await self._idle.get()
        try:
            if not client.is_connected:
                await _connect(client)
            yield client
        finally:
            self._idle.put_nowait(client)


async def _connect(client: aiosmtplib.SMTP) -> None:
    """Return once the server is there and lets us in."""
    for tries in count(1):
        try:
            await client.connect()
            await client.noop()  # greets where connecting does not: over TLS without a login
            return
        except _TROUBLE as error:
            client.close()
            pause_s = _pause_s(tries)
            log.warning("the mail server is away (%s), next try in %.1f s", type(error).__name__, pause_s)
            await asyncio.sleep(pause_s)


def _pause_s(tries: int) -> float:
    doublings = min(tries - 1, 10)  # what is away for hours would be beyond any float
    return float(min(BACK_OFF_S * 2**doublings, BACK_OFF_MAX_S))


def _is_final(error: Exception) -> bool:
    """Whether the server said that trying again is of no use (5xx, RFC 5321 section 4.2.1)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(500 <= refused.code < 600 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return 500 <= error.code < 600
    return isinstance(error, aiosmtplib.SMTPNotSupported)


def _words(error: Exception) -> str:
    """What the server said, or what became of the connection."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(_words(refused) for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error)


def _failure(letter: Letter, reason: str, final: bool) -> Failure:
    """Servers like to repeat the address, which is neither for logs nor for dead letters."""
    return Failure(re.sub(re.escape(letter.recipient), f"<{letter.role}>", reason, flags=re.IGNORECASE), final)


class _Client(aiosmtplib.SMTP):
    """Waits longer for the acceptance of a mail than for other answers."""

    async def data(self, message: str | bytes, /, **_: object) -> aiosmtplib.SMTPResponse:
        return await super().data(message, timeout=ACCEPTANCE_MAX_S)


def _client(url: str) -> aiosmtplib.SMTP:
    parts = urlsplit(url)
    return _Client(
        hostname=parts.hostname or "127.0.0.1",
        port=parts.port or 25,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        timeout=ANSWER_MAX_S,
    )
