"""PgBouncer, which is not here: what it is asked for at a start, and what holds behind it."""

import asyncio
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from slotrush.stack.database import execute
from target_app import database
from target_app.settings import Settings
from tests.databases import Databases
from tests.k8s.rendering import ROOT, named, rendered
from tests.target_app.statements import rows_of

TRACKED = {
    "application_name",
    "client_encoding",
    "datestyle",
    "intervalstyle",
    "standard_conforming_strings",
    "timezone",
}
"""What PgBouncer keeps for each client. Source: its documentation, ignore_startup_parameters and
track_extra_parameters."""
OF_THE_PROTOCOL = {"user", "database"}
DIRECT = re.compile(r"DATABASE_DIRECT_URL: \S+\?(\S+)")


async def asked_for() -> set[str]:
    """The start-up parameters of the pool that goes through the pooler, as a server reads them."""
    found: set[str] = set()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(4))
        version_and_words = await reader.readexactly(length - 4)
        found.update(name.decode() for name in version_and_words[4:].split(b"\0")[:-2:2])
        writer.close()

    async with await asyncio.start_server(read, "127.0.0.1", 0) as server:
        url = f"postgresql://booking:-@127.0.0.1:{server.sockets[0].getsockname()[1]}/booking?sslmode=disable"
        with suppress(OSError, *database.TROUBLE):
            await database.connect(Settings(url, "redis://-", "smtp://-", Path("-")))
    return found


def test_the_pooler_knows_every_parameter_that_a_connection_starts_with() -> None:
    """It refuses the connection otherwise."""
    parameters = named(rendered("overlays/kind"), "Pooler", "postgres-pooler-rw")["spec"]["pgbouncer"]["parameters"]
    ignored = set(parameters["ignore_startup_parameters"].split(","))

    asked = asyncio.run(asked_for())

    assert "application_name" in asked
    assert asked - OF_THE_PROTOCOL - TRACKED == ignored


def test_a_statement_ends_in_time_behind_the_pooler_too_and_a_migration_may_last(databases: Databases) -> None:
    """The pooler ignores the limit of a connection, so the role has it; who goes past the pooler lifts it."""
    initdb = named(rendered("overlays/kind"), "Cluster", "postgres")["spec"]["bootstrap"]["initdb"]
    role = f"role_{uuid4().hex}"
    direct = DIRECT.search((ROOT / "scripts" / "k8s-up").read_text())
    assert direct is not None
    with databases.migrated("pooler") as url:
        execute(url, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'secret'")
        try:
            for statement in initdb["postInitApplicationSQL"]:
                execute(url, re.sub(rf"\b{initdb['owner']}\b", role, statement))
            parts = urlsplit(url)
            pooled = parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}", query="sslmode=disable")
            past_it = pooled._replace(query=f"sslmode=disable&{direct[1]}").geturl()

            limits = [rows_of(one, "SHOW statement_timeout")[0][0] for one in (pooled.geturl(), past_it)]
            migrated = subprocess.run(
                [sys.executable, "-m", "target_app.migrate"],
                env=os.environ | {"DATABASE_URL": past_it},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            execute(url, f"DROP ROLE {role}")

    assert limits == [f"{Settings.request_deadline_s}s", "0"]
    assert migrated.returncode == 0, migrated.stderr
