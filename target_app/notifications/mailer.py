"""Sending e-mails over a few lasting SMTP connections."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from target_app.notifications.letters import SENDER, Letter

log = logging.getLogger(__name__)
TRIES_MAX: Final = 5
BACK_OFF_S: Final = 0.2
BACK_OFF_MAX_S: Final = 15.0


class Mailer:
    """`url`: smtp://user:password@host:port, or smtps:// for TLS from the start."""

    def __init__(self, url: str, connections: int = 4) -> None:
        self._idle: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(_client(url))

    async def send(self, letters: Sequence[Letter]) -> list[str | None]:
        """Send them all; for each letter None, or why it can never be delivered.

        A server that is away, or says "later" (4xx), is tried again with growing pauses: the first without end,
        because no letter is to blame for it, the second TRIES_MAX times.
        """
        return list(await asyncio.gather(*(self._deliver(letter) for letter in letters)))

    async def close(self) -> None:
        while not self._idle.empty():
            client = self._idle.get_nowait()
            if client.is_connected:
                await client.quit()

    async def _deliver(self, letter: Letter) -> str | None:
        tries, away = 0, 0
        while True:
            client = await self._idle.get()
            try:
                if not client.is_connected:
                    await client.connect()
                await client.sendmail(SENDER, [letter.recipient], letter.message())
                return None
            except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, TimeoutError, OSError) as error:
                client.close()
                away += 1
                pause_s = _pause_s(away)
                log.warning("the mail server is away, next try in %.1f s: %s", pause_s, error)
            except aiosmtplib.SMTPException as error:
                tries += 1
                if _is_final(error) or tries >= TRIES_MAX:
                    return str(error)
                pause_s = _pause_s(tries)
            finally:
                self._idle.put_nowait(client)
            await asyncio.sleep(pause_s)


def _pause_s(tries: int) -> float:
    return float(min(BACK_OFF_S * 2 ** (tries - 1), BACK_OFF_MAX_S))


def _is_final(error: aiosmtplib.SMTPException) -> bool:
    """Whether the server said that trying again is of no use (5xx, RFC 5321 section 4.2.1)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(500 <= refused.code < 600 for refused in error.recipients)
    return isinstance(error, aiosmtplib.SMTPResponseException) and 500 <= error.code < 600


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
