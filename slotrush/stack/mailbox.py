"""The mailbox: an SMTP server that keeps every mail in SQLite. `python -m slotrush.stack.mailbox --port P --path F`"""

import argparse
import asyncio
import signal
import sqlite3
import sys
import time
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP

from slotrush.stack.ports import HOST, accepts_connections
from slotrush.stack.process import BACKGROUND, Command

EVENT_HEADER: Final = "X-Event-Id"
_MAIL_BYTES_MAX: Final = 10 * 1024 * 1024
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS mails (
    event       TEXT,               -- X-Event-Id, NULL when the mail has none
    recipient   TEXT NOT NULL,      -- one row for each recipient
    received_us INTEGER NOT NULL,   -- since the epoch
    sender      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    raw         BLOB NOT NULL
)
"""

Row = tuple[str | None, str, int, str, str, bytes]


def server(python: str, port: int, path: Path) -> Command:
    arguments = [python, "-m", "slotrush.stack.mailbox", "--host", HOST, "--port", str(port), "--path", str(path)]
    return Command("mailbox", "mailbox", arguments, policy=BACKGROUND)


def ready(port: int) -> bool:
    return accepts_connections(port)


def rows_of(sender: str, recipients: list[str], raw: bytes, received_us: int) -> list[Row]:
    """What to store of one mail: a row for each recipient."""
    headers = BytesHeaderParser().parsebytes(raw)
    event = headers.get(EVENT_HEADER)
    return [
        (str(event).strip() if event else None, recipient, received_us, sender, _subject(headers), raw)
        for recipient in recipients
    ]


class Store:
    """Writes mails in batches: all that arrived while the last batch was being committed are the next one."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_SCHEMA)
        self._connection.commit()
        self._waiting: list[tuple[list[Row], asyncio.Future[None]]] = []
        self._some = asyncio.Event()

    async def put(self, rows: list[Row]) -> None:
        """Return once `rows` are committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        self._some.set()
        await done

    async def write_for_ever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            batch, self._waiting = self._waiting, []
            rows = [row for rows, _ in batch for row in rows]
            try:
                await asyncio.to_thread(self._commit, rows)
            except sqlite3.Error as error:
                print(f"mails not stored: {error}", file=sys.stderr)
                outcome: sqlite3.Error | None = error
            else:
                outcome = None
            for _, done in batch:
                if done.done():
                    continue  # the client hung up meanwhile
                if outcome is None:
                    done.set_result(None)
                else:
                    done.set_exception(outcome)

    def close(self) -> None:
        self._connection.close()

    def _commit(self, rows: list[Row]) -> None:
        with self._connection:
            self._connection.executemany("INSERT INTO mails VALUES (?, ?, ?, ?, ?, ?)", rows)


class Handler:
    """aiosmtpd's side: the answer to DATA."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        received_us = time.time_ns() // 1000
        try:
            await self._store.put(rows_of(envelope.mail_from, envelope.rcpt_tos, envelope.content, received_us))
        except sqlite3.Error:
            return "451 4.3.0 The mail could not be stored, try again"
        return "250 2.0.0 Stored"


async def serve(host: str, port: int, path: Path) -> None:
    """Receive mails until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    store = Store(path)
    handler = Handler(store)

    def session() -> Any:
        return SMTP(handler, hostname="mailbox", enable_SMTPUTF8=True, data_size_limit=_MAIL_BYTES_MAX)

    writer = asyncio.create_task(store.write_for_ever())
    listening = await loop.create_server(session, host, port)
    await stopped.wait()
    listening.close()
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="An SMTP server that keeps every mail in an SQLite file.")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port, options.path))


def _subject(headers: Message) -> str:
    subject = str(headers.get("Subject", ""))
    if "=?" not in subject:
        return subject
    try:
        return str(make_header(decode_header(subject)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return subject


if __name__ == "__main__":
    main()
