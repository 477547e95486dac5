"""Fills an empty database with clinics, their staff and doctors, slots and patients, and writes sessions for them.

`python -m target_app.seed --patients 20000 --doctors 250 --seed 1 --sessions sessions.json`

DATABASE_URL names the database, JWT_KEY_FILE the key that signs the sessions. The same seed gives the same people, and
on the same day the same slots. All of them are there in the end, or nobody. Sessions are signed beforehand, as a race
is about slots, not about logins.

Exit codes: 0 done, 2 bad input, which the last line on standard error names with its mend.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from target_app.identity import keys
from target_app.identity.tokens import Tokens
from target_app.seeding.bank import Bank
from target_app.seeding.fill import PASSWORD, fill
from target_app.seeding.plan import BadInput, Plan, plan

__all__ = ["PASSWORD"]
EXIT_BAD_INPUT: Final = 2
_CONNECT_TIMEOUT_S: Final = 10.0


async def seed(asked: Plan, sessions: Path | None, valid_s: int, say: Callable[[str], None]) -> None:
    """Fill the database and write the file of sessions, if any. Raises BadInput, and then nothing was changed."""
    asked.check()
    if sessions is None:
        await _seed(asked, None, say)
        return
    tokens = Tokens(keys.load(Path(_variable("JWT_KEY_FILE"))))
    try:
        bank = Bank(sessions, tokens, valid_s)
    except OSError as error:
        raise BadInput(f"--sessions {sessions}", f"it cannot be written ({error.strerror})", "Name another") from error
    with bank:
        await _seed(asked, bank, say)
        bank.keep()
    say(f"sessions in {sessions}")


async def _seed(asked: Plan, bank: Bank | None, say: Callable[[str], None]) -> None:
    connection = await _connect(_variable("DATABASE_URL"))
    try:
        await fill(connection, asked, (lambda *_: None) if bank is None else bank.add, say)
    finally:
        await connection.close()


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise BadInput(
            f"DATABASE_URL {_without_password(url)}", f"no connection ({error})", "Name a PostgreSQL database that runs"
        ) from error


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _variable(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise BadInput(name, "it is not set", "Set it in the environment")


def _steps() -> Callable[[str], None]:
    """Tells what is done, with the seconds since the start."""
    began_s = time.monotonic()
    return lambda step: print(f"{time.monotonic() - began_s:6.1f} s  {step}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m target_app.seed", description=__doc__)
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--doctors", type=int, required=True)
    parser.add_argument("--slots", type=int, default=0)
    parser.add_argument("--clinics", type=int, help="one for twenty doctors when not given")
    parser.add_argument("--staff", type=int, help="two for a clinic when not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=Path, help="JSON file to write")
    parser.add_argument("--valid-s", type=int, default=14_400, help="how long the sessions last")
    given = parser.parse_args()
    asked = plan(given.patients, given.doctors, given.slots, given.clinics, given.staff, given.seed)
    try:
        asyncio.run(seed(asked, given.sessions, given.valid_s, _steps()))
    except BadInput as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main()
