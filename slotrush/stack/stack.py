"""The whole stack: which parts there are, in which order they start and stop, and whether they all live."""

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from slotrush.errors import BadInputError, StackError
from slotrush.stack import app, database, envoy, mailbox, objects, postgres, process, relay, valkey
from slotrush.stack.janitor import Database, Duty, Folder, Janitor, Keys, Socket
from slotrush.stack.objects import ObjectStore, SeaweedFS
from slotrush.stack.options import StackOptions, StackUrls, check_options
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process
from slotrush.stack.replicas import Place, Replicas, check_quota, start_timeout_s
from slotrush.stack.supervision import Supervisor

_DATABASE: Final = "slotrush"
_IDENTIFIER_CHARACTERS_MAX: Final = 63
_START_TIMEOUT_S: Final = 60.0
_MIGRATE_TIMEOUT_S: Final = 120.0
_CONNECTIONS_PER_REPLICA: Final = 40
_OTHER_CONNECTIONS: Final = 60
"""For the notifier, the audit, the measurement of the floor, and a person with psql."""

_STOP_ORDER: Final = (
    (("proxy",), 3.0),
    (("app", "notifier", "images"), 15.0),
    (("relay", "postgres", "valkey", "mailbox", "objects"), 5.0),
)
"""Components that stop together, and the seconds they have for it: nobody loses what it depends on."""


class Stack:
    """Start it from a thread that lives as long as the stack: the parts die with that thread.

    Also a context manager, which stops the stack at the end but does not start it.
    """

    def __init__(self, options: StackOptions) -> None:
        check_options(options)
        self._options = options
        self._logs = options.run_dir.resolve() / "logs"
        self._ports = Ports()
        self._parts: list[Process] = []
        self._replicas: Replicas | None = None
        self._supervisor = Supervisor(self._launch)
        self._janitor: Janitor | None = None
        self._own_database: postgres.Postgres | None = None
        self._standby: postgres.Postgres | None = None
        self._local_database_url = ""
        self._local_read_url = ""

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
            stopping = [part for part in self._all_parts() if part.command.component in components]
            process.stop_all(stopping, grace_s)
            self._parts = [part for part in self._parts if part not in stopping]
        self._replicas = None
        if self._janitor is not None:
            self._janitor.finish()
            self._janitor = None
        self._ports.release()

    def pids(self) -> dict[str, list[int]]:
        """The first process of every living part, by component. Their children belong to the same component."""
        pids: dict[str, list[int]] = {}
        for part in self._all_parts():
            if part.exit_status() is None:
                pids.setdefault(part.command.component, []).append(part.pid)
        return pids

    def check(self) -> None:
        """Start anew what `end` has ended. Raises StackError that names any other parts that died, each with the end of
        its log. To be called again and again, from the thread that started the stack."""
        self._parts = [self._supervisor.successor(part) for part in self._parts]
        if self._replicas is not None:
            self._replicas.succeed(self._supervisor.successor)
        expected = self._parts + (self._replicas.expected() if self._replicas else [])
        process.raise_if_dead(self._supervisor.unexcused(expected))

    def living(self, component: str) -> list[Process]:
        """The parts of a component that run, in the order of their names."""
        parts = [part for part in self._all_parts() if part.command.component == component]
        return sorted((part for part in parts if part.exit_status() is None), key=lambda part: part.command.name)

    def end(self, part: Process, number: signal.Signals) -> None:
        """End a part by a signal, as a fault would; `check` starts it anew."""
        self._supervisor.end(part, number)

    def fail_over(self) -> str | None:
        """End the primary database for good and promote its standby; what was hit, None when no standby answers.

        Whoever connects by the URLs of this stack finds the new primary. Raises asyncpg's errors and OSError.
        """
        if self._standby is None or self._own_database is None or not self._standby.ready():
            return None
        former, self._own_database, self._standby = self._own_database.name, self._standby, None
        for part in [part for part in self._parts if part.command.name == former]:
            self._parts.remove(part)
            part.kill()
        database.execute(self._own_database.url, "SELECT pg_promote(wait => false)")
        return former

    @property
    def replicas(self) -> Replicas:
        """The replicas of a stack that runs, to `ask_for` more or fewer and `tend` to them while other things go on."""
        if self._replicas is None:
            raise StackError("the stack does not run")
        return self._replicas

    def scale_to(self, replicas: int) -> None:
        """Have so many replicas behind the proxies; return when they all serve and the others have left.

        To be called from the thread that started the stack. Raises BadInputError for more than the stack was made for.
        """
        if not 1 <= replicas <= self._options.replicas_most:
            raise BadInputError(
                f"{replicas} replicas", f"this stack is made for 1 to {self._options.replicas_most}", "Ask for as many"
            )
        self.replicas.scale_to(replicas)

    def restart_replicas(self) -> None:
        """Put a new replica in the place of each, one after the other, while clients ask; their `replica_urls` are
        others then. To be called from the thread that started the stack."""
        self.replicas.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, on_step: Callable[[str], None]) -> StackUrls:
        options = self._options
        began = time.monotonic()
        groups_in = check_quota(options.cpu_quota_m, options.replicas_most)
        port = self._ports.free() if options.port is None else self._ports.fixed(options.port)
        if options.redis_url is not None:
            valkey.check_for_user(options.redis_url)
        prefix = f"slotrush/{_plain(options.run_dir)}/"
        their_objects = objects.of_user(os.environ, prefix) if options.objects else None
        self._janitor = Janitor(self._logs / "janitor.log")
        folder = Path(tempfile.mkdtemp(prefix="slotrush-"))
        folder.chmod(0o755)  # the database may run as another user
        self._tell(Folder(str(folder)))

        on_step("starting the stores and the mailbox")
        own_objects = self._start_objects(folder, their_objects) if options.objects else None
        urls = self._start_stores(folder, f"http://{HOST}:{port}")
        urls = replace(urls, objects=own_objects.store if own_objects else their_objects)
        on_step("migrating the database")
        environment = urls.environment() | dict(options.settings)
        self._run(app.migrate(environment, options.code), _MIGRATE_TIMEOUT_S)
        if options.standby and self._own_database is not None:
            self._local_database_url = self._start_standby(self._own_database)
            urls = replace(urls, database_url=self._local_database_url)
            environment |= {"DATABASE_URL": self._local_database_url}
        on_step(f"starting {options.replicas} replicas, the notifier and {options.proxies} proxies")
        if options.slow_link_ms is not None:
            self._local_database_url = self._link(urls.database_url, options.slow_link_ms)
        local = {"DATABASE_URL": self._local_database_url, "DATABASE_READ_URL": self._local_read_url}
        place = Place(
            folder,
            envoy.endpoints_file(folder),
            environment | local,
            options.code,
            groups_in,
            options.cpu_quota_m,
        )
        self._start_front(place, port, urls)
        if own_objects is not None:
            process.wait_until("the object store", self._parts, [own_objects.ready], _START_TIMEOUT_S)
            self._run(own_objects.bucket(), _START_TIMEOUT_S)
        on_step(f"the stack is up after {time.monotonic() - began:.1f} s: {urls.base_url}")
        return urls

    def _start_objects(self, folder: Path, theirs: ObjectStore | None) -> SeaweedFS | None:
        """An object store, unless there is one already. The slowest to start, it is waited for at the end."""
        if theirs is not None:
            self._tell(theirs)
            return None
        server = objects.prepare(folder, self._ports)
        for path in server.sockets():
            self._tell(Socket(str(path)))
        self._spawn(server.server())
        return server

    def _start_stores(self, folder: Path, base_url: str) -> StackUrls:
        """PostgreSQL, Valkey and the mailbox, beside each other; an existing server takes the place of ours."""
        options = self._options
        ready: list[Callable[[], bool]] = []
        own_database: postgres.Postgres | None = None
        database_read_url: str | None = None

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
            connections = _CONNECTIONS_PER_REPLICA * options.replicas_most + _OTHER_CONNECTIONS
            self._own_database = own_database = postgres.prepare(folder, self._ports.free(), connections)
            self._run(own_database.initdb(), _START_TIMEOUT_S)
            self._spawn(own_database.server())
            ready.append(own_database.ready)
            process.wait_until("the stores", self._parts, ready, _START_TIMEOUT_S)
            database_url = database.create(own_database.url, _DATABASE)
            self._local_database_url = own_database.local_url(_DATABASE)
            if options.read_replica:
                own_replica = self._start_replica(own_database)
                database_read_url = database.with_database(own_replica.url, _DATABASE)
                self._local_read_url = own_replica.local_url(_DATABASE)
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
            database_read_url=database_read_url,
        )

    def _start_standby(self, primary: postgres.Postgres) -> str:
        """A replica that confirms every write; the URL by which the primary is found, whichever of the two it is."""
        self._standby = self._start_replica(primary)
        database.execute(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        database.execute(primary.url, "SELECT pg_reload_conf()")
        both = (primary, self._standby)
        return database.primary_of([database.with_database(server.url, _DATABASE) for server in both])

    def _link(self, database_url: str, delay_ms: int) -> str:
        """The same database behind a relay, or behind as many as it has servers."""
        ports = {address: self._ports.free() for address in database.addresses(database_url)}
        for (_, target_port), port in ports.items():
            self._spawn(relay.server(sys.executable, port, target_port, delay_ms))
        ready = [partial(relay.ready, port) for port in ports.values()]
        process.wait_until("the relay", self._parts, ready, _START_TIMEOUT_S)
        return database.at(database_url, [(HOST, port) for port in ports.values()])

    def _start_replica(self, primary: postgres.Postgres) -> postgres.Postgres:
        """A replica of the running `primary`, once it answers."""
        replica = postgres.prepare_replica(primary, self._ports.free())
        self._run(replica.copy_of(primary), _START_TIMEOUT_S)
        self._spawn(replica.server())
        process.wait_until("the replica of the database", self._parts, [replica.ready], _START_TIMEOUT_S)
        return replica

    def _start_front(self, place: Place, port: int, urls: StackUrls) -> None:
        options = self._options
        self._replicas = Replicas(place, self._ports, self._launch, self._tell)
        self._replicas.start(urls.replica_urls)
        self._spawn(app.notifier(place.environment, options.code))
        if urls.objects is not None:
            self._spawn(app.images(place.environment, options.code))
        proxies = (
            envoy.prepare(place.folder, number, port, self._ports.free(), options.replicas, options.replicas_most)
            for number in range(1, options.proxies + 1)
        )
        self._replicas.proxies = [replace(proxy, throttles=options.sheds_load) for proxy in proxies]
        for proxy in self._replicas.proxies:
            self._spawn(proxy.server())
        ready = [proxy.ready for proxy in self._replicas.proxies]  # which implies that the replicas are
        limit_s = start_timeout_s(options.cpu_quota_m)
        process.wait_until("the replicas and proxies", self._all_parts(), ready, limit_s)

    def _all_parts(self) -> list[Process]:
        return self._parts + (self._replicas.processes() if self._replicas else [])

    def _spawn(self, command: Command) -> Process:
        part = self._launch(command)
        self._parts.append(part)
        return part

    def _launch(self, command: Command) -> Process:
        part = process.spawn(command, self._logs / f"{command.name}.log", command.folder)
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
