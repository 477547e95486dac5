"""Sending e-mails over a few lasting SMTP connections."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from target_app.notifications.letters import SENDER, Letter

log = logging.getLogger(__name__)
TRIES_MAX: Final = 5
BACK_OFF_S: Final = 0.2
BACK_OFF_MAX_S: Final = 15.0
_AWAY: Final = (
    aiosmtplib.SMTPConnectError,
    aiosmtplib.SMTPServerDisconnected,
    aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPAuthenticationError,
    TimeoutError,
    OSError,
)


@dataclass(frozen=True)
class Failure:
    """Why an e-mail was not delivered, without its recipient. `final`: no later attempt can do better."""

    reason: str
    final: bool


@dataclass(frozen=True)
class Overtaken:
    """An e-mail was not sent, as what it tells is not so any more."""


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
        """Send them all, but of the perishable ones only those that are not overtaken right before.

        A server that is away or lets nobody in, or that says "later" (4xx), is tried again with growing pauses: the
        first without end, because no letter is to blame for it, the second TRIES_MAX times.
        """
        return list(await asyncio.gather(*(self._deliver(letter, is_overtaken) for letter in letters)))

    async def close(self) -> None:
        while not self._idle.empty():
            client = self._idle.get_nowait()
            if client.is_connected:
                with suppress(*_AWAY):
                    await client.quit()

    async def _deliver(self, letter: Letter, is_overtaken: IsOvertaken) -> Delivery:
        try:
            message = letter.message()
        except ValueError as error:
            return _failure(letter, f"this cannot be written as an e-mail: {error}", final=True)
        tries, away = 0, 0
        while True:
            client = await self._idle.get()
            try:
                if not client.is_connected:
                    await client.connect()
                if letter.perishable and await is_overtaken(letter):
                    return Overtaken()
                await client.sendmail(SENDER, [letter.recipient], message)
                return None
            except _AWAY as error:
                client.close()
                away += 1
                pause_s = _pause_s(away)
                log.warning("the mail server is away (%s), next try in %.1f s", type(error).__name__, pause_s)
            except aiosmtplib.SMTPException as error:
                tries += 1
                final = _is_final(error)
                if final or tries >= TRIES_MAX:
                    return _failure(letter, _words(error), final)
                pause_s = _pause_s(tries)
            except ValueError as error:
                return _failure(letter, f"the address is none: {error}", final=True)
            finally:
                self._idle.put_nowait(client)
            await asyncio.sleep(pause_s)


def _pause_s(tries: int) -> float:
    return float(min(BACK_OFF_S * 2 ** (tries - 1), BACK_OFF_MAX_S))


def _is_final(error: aiosmtplib.SMTPException) -> bool:
    """Whether the server said that trying again is of no use (5xx, RFC 5321 section 4.2.1)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(500 <= refused.code < 600 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return 500 <= error.code < 600
    return isinstance(error, aiosmtplib.SMTPNotSupported)


def _words(error: aiosmtplib.SMTPException) -> str:
    """What the server said."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(_words(refused) for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error)


def _failure(letter: Letter, reason: str, final: bool) -> Failure:
    """Servers like to repeat the address, which is neither for logs nor for dead letters."""
    return Failure(re.sub(re.escape(letter.recipient), f"<{letter.role}>", reason, flags=re.IGNORECASE), final)


def _client(url: str) -> aiosmtplib.SMTP:
    parts = urlsplit(url)
    return aiosmtplib.SMTP(
        hostname=parts.hostname or "127.0.0.1",
        port=parts.port or 25,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        timeout=20,
    )
