"""The whole stack: which parts there are, in which order they start and stop, and whether they all live."""

import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from slotrush import REPOSITORY
from slotrush.errors import BadInputError
from slotrush.stack import app, database, envoy, mailbox, postgres, process, valkey
from slotrush.stack.janitor import Database, Duty, Folder, Janitor, Keys
from slotrush.stack.ports import HOST, Ports, is_socket_path
from slotrush.stack.process import Command, Process

_DATABASE: Final = "slotrush"
_IDENTIFIER_CHARACTERS_MAX: Final = 63
_START_TIMEOUT_S: Final = 60.0
_MIGRATE_TIMEOUT_S: Final = 120.0
_CONNECTIONS_PER_REPLICA: Final = 40
_OTHER_CONNECTIONS: Final = 60
"""For the notifier, the audit, the measurement of the floor, and a person with psql."""

_STOP_ORDER: Final = (
    (("proxy",), 3.0),
    (("app", "notifier"), 15.0),
    (("postgres", "valkey", "mailbox"), 5.0),
)
"""Components that stop together, and the seconds they have for it: nobody loses what it depends on."""


@dataclass(frozen=True)
class StackOptions:
    """`port` is the proxies', None for a free one. Logs go to `run_dir`/logs; data to a folder that `stop` removes."""

    run_dir: Path
    replicas: int = 2
    proxies: int = 2
    database_url: str | None = None
    redis_url: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class StackUrls:
    base_url: str
    replica_urls: tuple[str, ...]
    database_url: str
    redis_url: str
    redis_key_prefix: str
    smtp_url: str
    mailbox_path: Path
    jwt_key_file: Path

    def environment(self) -> dict[str, str]:
        """What any process of the booking system needs, beside our own environment."""
        return app.environment(
            DATABASE_URL=self.database_url,
            REDIS_URL=self.redis_url,
            REDIS_KEY_PREFIX=self.redis_key_prefix,
            SMTP_URL=self.smtp_url,
            JWT_KEY_FILE=str(self.jwt_key_file),
        )


class Stack:
    """Start it from a thread that lives as long as the stack: the parts die with that thread.

    Also a context manager, which stops the stack at the end but does not start it.
    """

    def __init__(self, options: StackOptions) -> None:
        _check(options)
        self._options = options
        self._logs = options.run_dir.resolve() / "logs"
        self._ports = Ports()
        self._parts: list[Process] = []
        self._janitor: Janitor | None = None
        self._local_database_url = ""

    def start(self, on_step: Callable[[str], None]) -> StackUrls:
        """Start everything; return when a request to `base_url` can succeed.

        Raises BadInputError for a busy port or a server of the user's that cannot be used, and StackError when a
        part does not come up. Nothing is left running then.
        """
        try:
            return self._start(on_step)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and remove the data. May be called at any time, and again."""
        for components, grace_s in _STOP_ORDER:
            stopping = [part for part in self._parts if part.command.component in components]
            process.stop_all(stopping, grace_s)
            self._parts = [part for part in self._parts if part not in stopping]
        if self._janitor is not None:
            self._janitor.finish()
            self._janitor = None
        self._ports.release()

    def pids(self) -> dict[str, list[int]]:
        """The first process of every living part, by component. Their children belong to the same component."""
        pids: dict[str, list[int]] = {}
        for part in self._parts:
            if part.exit_status() is None:
                pids.setdefault(part.command.component, []).append(part.pid)
        return pids

    def check(self) -> None:
        """Raises StackError that names the parts that died, each with the end of its log."""
        process.raise_if_dead(self._parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, on_step: Callable[[str], None]) -> StackUrls:
        options = self._options
        began = time.monotonic()
        port = self._ports.free() if options.port is None else self._ports.fixed(options.port)
        if options.redis_url is not None:
            valkey.check_for_user(options.redis_url)
        self._janitor = Janitor(self._logs / "janitor.log")
        folder = Path(tempfile.mkdtemp(prefix="slotrush-"))
        folder.chmod(0o755)  # the database may run as another user
        self._tell(Folder(str(folder)))

        on_step("starting the stores and the mailbox")
        urls = self._start_stores(folder, f"http://{HOST}:{port}")
        on_step("migrating the database")
        environment = urls.environment()
        self._run(app.migrate(environment), _MIGRATE_TIMEOUT_S)
        on_step(f"starting {options.replicas} replicas, the notifier and {options.proxies} proxies")
        self._start_front(folder, port, urls, environment | {"DATABASE_URL": self._local_database_url})
        on_step(f"the stack is up after {time.monotonic() - began:.1f} s: {urls.base_url}")
        return urls

    def _start_stores(self, folder: Path, base_url: str) -> StackUrls:
        """PostgreSQL, Valkey and the mailbox, beside each other; an existing server takes the place of ours."""
        options = self._options
        ready: list[Callable[[], bool]] = []
        own_database: postgres.Postgres | None = None

        if options.redis_url is None:
            own_cache = valkey.prepare(folder, self._ports.free())
            redis_url, prefix = own_cache.url, ""
            self._spawn(own_cache.server())
            ready.append(own_cache.ready)
        else:
            redis_url, prefix = options.redis_url, f"slotrush:{_plain(options.run_dir)}:"
            self._tell(Keys(redis_url, prefix))

        smtp_port = self._ports.free()
        mailbox_path = folder / "mailbox.sqlite"
        self._spawn(mailbox.server(sys.executable, smtp_port, mailbox_path))
        ready.append(lambda: mailbox.ready(smtp_port))

        if options.database_url is None:
            connections = _CONNECTIONS_PER_REPLICA * options.replicas + _OTHER_CONNECTIONS
            own_database = postgres.prepare(folder, self._ports.free(), connections)
            self._run(own_database.initdb(), _START_TIMEOUT_S)
            self._spawn(own_database.server())
            ready.append(own_database.ready)
            process.wait_until("the stores", self._parts, ready, _START_TIMEOUT_S)
            database_url = database.create(own_database.url, _DATABASE)
            self._local_database_url = own_database.local_url(_DATABASE)
        else:
            name = f"slotrush_{_plain(options.run_dir)}"[:_IDENTIFIER_CHARACTERS_MAX]
            database_url = self._local_database_url = database.create_for_user(options.database_url, name)
            self._tell(Database(options.database_url, name))
            process.wait_until("the stores", self._parts, ready, _START_TIMEOUT_S)

        return StackUrls(
            base_url=base_url,
            replica_urls=tuple(f"http://{HOST}:{self._ports.free()}" for _ in range(options.replicas)),
            database_url=database_url,
            redis_url=redis_url,
            redis_key_prefix=prefix,
            smtp_url=f"smtp://{HOST}:{smtp_port}",
            mailbox_path=mailbox_path,
            jwt_key_file=folder / "jwt.pem",
        )

    def _start_front(self, folder: Path, port: int, urls: StackUrls, environment: dict[str, str]) -> None:
        ready: list[Callable[[], bool]] = []
        addresses: list[str] = []
        for number, url in enumerate(urls.replica_urls, start=1):
            path = folder / f"app-{number}.sock"
            unix_socket = path if is_socket_path(path) else None
            addresses.append(url if unix_socket is None else f"unix://{unix_socket}")
            self._spawn(app.replica(number, int(url.rpartition(":")[2]), unix_socket, environment))
        self._spawn(app.notifier(environment))
        for number in range(1, self._options.proxies + 1):
            proxy = envoy.prepare(folder, number, port, self._ports.free(), self._options.replicas)
            if number == 1:
                envoy.write_endpoints(proxy.endpoints, addresses)
            self._spawn(proxy.server())
            ready.append(proxy.ready)  # which implies that the replicas are
        process.wait_until("the replicas and proxies", self._parts, ready, _START_TIMEOUT_S)

    def _spawn(self, command: Command) -> Process:
        part = process.spawn(command, self._logs / f"{command.name}.log", REPOSITORY)
        self._parts.append(part)
        self._tell(part.trace)
        return part

    def _run(self, command: Command, timeout_s: float) -> None:
        """Start a part that ends by itself, and wait for its good end."""
        part = self._spawn(command)
        process.wait_exit(part, timeout_s)
        self._parts.remove(part)

    def _tell(self, duty: Duty) -> None:
        assert self._janitor is not None
        self._janitor.tell(duty)


def _plain(run_dir: Path) -> str:
    """The run's id in characters that mean nothing special in SQL or in a pattern of keys."""
    return re.sub(r"[^a-z0-9]+", "_", run_dir.resolve().name.lower())


def _check(options: StackOptions) -> None:
    for thing, count in (("replicas", options.replicas), ("proxies", options.proxies)):
        if count < 1:
            raise BadInputError(thing, f"{count} is too few", "Ask for at least 1")
