"""The replicas behind the proxies: started with or without a CPU quota, and more or fewer of them while clients ask.

No client notices: a replica gets requests once it is ready, and one that leaves first gets no more, then has time for
those that it has, and is then told to end. The proxies keep their connections to clients throughout.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Final

from slotrush import machine
from slotrush.errors import BadInputError, StackError
from slotrush.stack import app, envoy, quota
from slotrush.stack.envoy import Envoy
from slotrush.stack.janitor import Duty
from slotrush.stack.ports import HOST, Ports, is_socket_path
from slotrush.stack.process import Command, Process
from slotrush.stack.quota import Group, Parent, Throttling

START_TIMEOUT_S: Final = 60.0
START_CPU_S: Final = 3.0
"""A replica needs about half of it to get ready, and so so many times longer with a quota, which holds for it too."""
PRE_STOP_S: Final = 1.0
"""How long a replica serves on once no proxy sends it anything new, as a pod's preStop hook would have it."""
PROXIES_TIMEOUT_S: Final = 10.0
"""After so long a replica leaves even if a proxy has not said that it knows; it may have died."""
STOP_TIMEOUT_S: Final = 25.0
"""More than the 20 s that a replica gives the requests that it has."""
_POLL_S: Final = 0.05


class Stage(Enum):
    """Where in its life a replica is, in this order."""

    STARTING = auto()  # not ready yet, gets nothing
    SERVING = auto()
    LEAVING = auto()  # gets nothing new
    STOPPING = auto()  # was told to end


@dataclass(frozen=True)
class Replica:
    """`url` is where anybody reaches it, `address` where the proxies do. `since_s`: in its stage, monotonic."""

    number: int
    url: str
    address: str
    process: Process
    group: Group | None
    stage: Stage
    since_s: float


@dataclass(frozen=True)
class Place:
    """What replicas are started with. `parent` holds their groups and is None without a quota of `cpu_m`."""

    folder: Path
    endpoints: Path
    environment: Mapping[str, str]
    code: app.Code
    parent: Parent | None = None
    cpu_m: int | None = None


class Replicas:
    """All of them. Use it from the one thread that the stack was started from; what only reads may be used from any."""

    def __init__(
        self, place: Place, ports: Ports, spawn: Callable[[Command], Process], tell: Callable[[Duty], None]
    ) -> None:
        self._place, self._ports, self._spawn, self._tell = place, ports, spawn, tell
        self._all: tuple[Replica, ...] = ()
        self._gone = Throttling()
        self._started = 0
        self.proxies: Sequence[Envoy] = ()

    def start(self, urls: Sequence[str]) -> None:
        """The first ones, for proxies that start beside them: they see for themselves who is ready."""
        for url in urls:
            self._start(url, Stage.SERVING)
        self._tell_proxies()

    def ask_for(self, replicas: int) -> None:
        """Begin to start or remove as many as are too few or too many; the newest leave first. See `tend`."""
        wanted = [one for one in self._all if one.stage in (Stage.STARTING, Stage.SERVING)]
        for _ in range(replicas - len(wanted)):
            self._start(f"http://{HOST}:{self._ports.free()}", Stage.STARTING)
        for one in sorted(wanted, key=lambda one: one.number)[replicas:]:
            if one.stage is Stage.STARTING:
                self._stop(one)
            else:
                self._move(one, Stage.LEAVING)
        if replicas < len(wanted):
            self._tell_proxies()

    def requests(self) -> dict[int, int]:
        """How many requests each has answered so far, by its number, as the proxies count them."""
        everybody = self._all
        of_proxies = [proxy.answered([one.address for one in everybody]) for proxy in self.proxies]
        return {one.number: sum(counts) for one, *counts in zip(everybody, *of_proxies, strict=True)}

    def tend(self) -> bool:
        """Do what is due now, without waiting for anything; tells whether all there are serve, and no others.

        Call it again and again. Raises StackError when one died that nobody had told to.
        """
        for one in self._all:
            aged_s = time.monotonic() - one.since_s
            match one.stage:
                case Stage.STARTING:
                    self._take_in(one, aged_s)
                case Stage.LEAVING if (aged_s > PRE_STOP_S and self._proxies_know()) or aged_s > PROXIES_TIMEOUT_S:
                    self._stop(one)
                case Stage.STOPPING:
                    self._bury(one, aged_s)
        return all(one.stage is Stage.SERVING for one in self._all)

    def scale_to(self, replicas: int) -> None:
        """Have so many, and return when they all serve and the others are gone. Raises StackError."""
        self.ask_for(replicas)
        self._settle()

    def restart(self) -> None:
        """Put a new replica in the place of each, one after the other, and each only once its successor serves: what
        Kubernetes does to a few replicas (RollingUpdate: maxSurge 1, maxUnavailable 0). Raises StackError."""
        for old in self.at(Stage.SERVING):
            self._start(f"http://{HOST}:{self._ports.free()}", Stage.STARTING)
            self._settle()
            self._move(old, Stage.LEAVING)
            self._tell_proxies()
            self._settle()

    def _settle(self) -> None:
        while not self.tend():
            time.sleep(_POLL_S)

    def at(self, stage: Stage) -> tuple[Replica, ...]:
        return tuple(one for one in self._all if one.stage is stage)

    def processes(self) -> list[Process]:
        return [one.process for one in self._all]

    def expected(self) -> list[Process]:
        """Those that have no reason to end."""
        return [one.process for one in self._all if one.stage is not Stage.STOPPING]

    def succeed(self, successor: Callable[[Process], Process]) -> None:
        """Put each process' successor in its place, where it serves by the same addresses."""
        self._all = tuple(replace(one, process=successor(one.process)) for one in self._all)

    def throttling(self) -> Throttling:
        """Of all that there have been."""
        return sum((quota.throttling(one.group) for one in self._all if one.group), self._gone)

    def _start(self, url: str, stage: Stage) -> None:
        place = self._place
        self._started += 1
        number = self._started
        path = place.folder / f"app-{number}.sock"
        unix_socket = path if is_socket_path(path) else None
        address = url if unix_socket is None else f"unix://{unix_socket}"
        port = int(url.rpartition(":")[2])
        group = self._make_group(f"{place.folder.name}-app-{number}")
        command = app.replica(number, port, unix_socket, place.environment, place.code)
        process = self._spawn(replace(command, group=group))
        self._all = (*self._all, Replica(number, url, address, process, group, stage, time.monotonic()))

    def _make_group(self, name: str) -> Group | None:
        if self._place.parent is None or self._place.cpu_m is None:
            return None
        group = quota.name_group(self._place.parent, name)
        self._tell(group)
        try:
            quota.make(self._place.parent, group, self._place.cpu_m)
        except OSError as error:
            raise StackError(f"the control group {group.path} cannot be made: {error.strerror or error}") from error
        return group

    def _take_in(self, one: Replica, aged_s: float) -> None:
        if one.process.exit_status() is not None:
            raise StackError(one.process.post_mortem())
        if app.ready(one.url):
            self._move(one, Stage.SERVING)
            self._tell_proxies()
        elif aged_s > start_timeout_s(self._place.cpu_m):
            raise StackError(f"{one.process.command.name} is not ready after {aged_s:.0f} s")

    def _stop(self, one: Replica) -> None:
        one.process.ask_to_stop()
        self._move(one, Stage.STOPPING)

    def _bury(self, one: Replica, aged_s: float) -> None:
        if one.process.exit_status() is None and aged_s < STOP_TIMEOUT_S:
            return
        one.process.kill()
        self._all = tuple(other for other in self._all if other.number != one.number)
        if one.group is not None:
            self._gone += quota.throttling(one.group)
            quota.remove(one.group)

    def _move(self, one: Replica, stage: Stage) -> None:
        moved = replace(one, stage=stage, since_s=time.monotonic())
        self._all = tuple(moved if other.number == one.number else other for other in self._all)

    def _tell_proxies(self) -> None:
        envoy.write_endpoints(self._place.endpoints, [one.address for one in self.at(Stage.SERVING)])

    def _proxies_know(self) -> bool:
        serving = len(self.at(Stage.SERVING))
        return all(proxy.known_replicas() == serving for proxy in self.proxies)


def start_timeout_s(cpu_m: int | None) -> float:
    """How long replicas with this quota may take to get ready."""
    return START_TIMEOUT_S + (0.0 if cpu_m is None else START_CPU_S * 1000 / cpu_m)


def check_quota(cpu_m: int | None, replicas: int) -> Parent | None:
    """Where the groups of replicas with a quota go; None without a quota. Raises BadInputError.

    Quotas that together are more than there is would not be kept, and so would mean nothing.
    """
    if cpu_m is None:
        return None
    cores = machine.cores()
    if cpu_m * replicas > cores * 1000:
        raise BadInputError(
            f"--cpu {cpu_m}m",
            f"{replicas} replicas would have {cpu_m * replicas}m, and this machine has {cores * 1000}m",
            f"Use --cpu {cores * 1000 // replicas}m or less, or fewer replicas",
        )
    return quota.find_parent()
