"""What this machine allows: open files, local ports, memory. Checked before anything starts."""

import math
import resource
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slotrush.errors import BadInputError

KIB: Final = 1024
MIB: Final = 1024 * KIB

OPEN_FILES_MAX: Final = 1 << 20
"""Where the hard limit is a thousand times higher, as in some containers, programs that walk it take seconds."""
SPARE_FILES: Final = 500
"""Open files of a worker or proxy other than its patients' sockets: libraries, logs, its own protocol, upstreams."""
UNEVENNESS: Final = 1.06
"""The kernel spreads connections over proxies by a hash: one of them gets a little more than its share."""
SPARE_PORTS: Final = 200
"""Local ports that other programs of this machine may hold towards the same address."""

BASE_BYTES: Final = 600 * MIB
"""PostgreSQL, Valkey, notifier, mailbox and harness, before the first patient."""
WORKER_BYTES: Final = 90 * MIB
PROXY_BYTES: Final = 40 * MIB
REPLICA_BYTES: Final = 110 * MIB
PATIENT_BYTES: Final = 75 * KIB
"""A patient in the generator (15 KB), in a proxy (15 KB, and 30 KB when a request of everybody waits there) and in the
kernel (7 KB): 37 KB in a soak of 100,000, 60 KB in a race, and something to spare. scripts/bench-memory measures it."""

_DEFAULT_PORTS: Final = (32_768, 60_999)
_CGROUPS: Final = Path("/sys/fs/cgroup")
_MEMORY_FILES: Final = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    2: ("memory.max", "memory.current"),
}


@dataclass(frozen=True)
class Limits:
    """`open_files_soft` and `_hard` are per process; None for memory is unlimited, or not known."""

    open_files_soft: int
    open_files_hard: int
    port_first: int
    port_last: int
    memory_available_bytes: int | None
    cgroup_memory_limit_bytes: int | None
    cgroup_memory_left_bytes: int | None

    @property
    def ports(self) -> int:
        return self.port_last - self.port_first + 1

    @property
    def memory_left_bytes(self) -> int | None:
        bounds = (self.memory_available_bytes, self.cgroup_memory_left_bytes)
        return min((bound for bound in bounds if bound is not None), default=None)

    def as_meta(self) -> dict[str, Any]:
        """For the run record."""
        return asdict(self)


@dataclass(frozen=True)
class Load:
    """What is to run on this machine. A foreign target has no `proxies` and no `replicas` here.

    `one_address`: all patients connect from the same address, as they do to any target but those on this machine.
    """

    patients: int
    workers: int
    proxies: int
    replicas: int
    one_address: bool = False


def check(patients: int, workers: int, proxies: int, replicas: int, one_address: bool = False) -> Limits:
    """Raise the soft limit of open files as far as it goes (children inherit it), then check the load.

    Raises BadInputError, which names the limit, its value, how many patients it allows and the mend.
    """
    raise_open_files()
    limits = read_limits()
    check_load(limits, Load(patients, workers, proxies, replicas, one_address))
    return limits


def check_load(limits: Limits, load: Load) -> None:
    for name, count in (("--patients", load.patients), ("--workers", load.workers)):
        if count < 1:
            raise BadInputError(name, f"{count} is less than 1", "Give a positive whole number")
    _check_open_files(limits, load)
    _check_ports(limits, load)
    _check_memory(limits, load)


def patients_by_files(limits: Limits, load: Load) -> int:
    """How many patients' sockets the workers, and the proxies, may hold together."""
    per_process = max(0, limits.open_files_hard - SPARE_FILES)
    by_workers = per_process * load.workers
    by_proxies = int(per_process * load.proxies / (UNEVENNESS if load.proxies > 1 else 1.0))
    return min(by_workers, by_proxies) if load.proxies else by_workers


def patients_by_ports(limits: Limits) -> int:
    """From one address, each patient's connection needs a port of its own, as all go to one address and port."""
    return max(0, limits.ports - SPARE_PORTS)


def fixed_bytes(load: Load) -> int:
    """Memory of the processes before the first patient connects."""
    servers = BASE_BYTES + load.replicas * REPLICA_BYTES if load.replicas else 0
    return servers + load.workers * WORKER_BYTES + load.proxies * PROXY_BYTES


def _check_open_files(limits: Limits, load: Load) -> None:
    allowed = patients_by_files(limits, load)
    if load.patients <= allowed:
        return
    shares = load.patients / min(load.workers, load.proxies or load.workers)
    needed = int(shares * UNEVENNESS) + SPARE_FILES + 1
    raise BadInputError(
        "open files",
        f"the hard limit is {limits.open_files_hard} per process, which allows {allowed} patients on "
        f"{load.workers} workers and {load.proxies} proxies, not {load.patients}",
        f"{_more_processes(limits, load)}raise it (ulimit -Hn {needed}, or nofile in /etc/security/limits.conf), "
        f"or play with fewer patients: at most {allowed}",
    )


def _more_processes(limits: Limits, load: Load) -> str:
    """How many processes would do, at least as many as there are; nothing where no number would."""
    per_process = limits.open_files_hard - SPARE_FILES
    if per_process < 1:
        return ""
    workers = max(load.workers, math.ceil(load.patients / per_process))
    if not load.proxies:
        return f"Use --workers {workers}, "
    proxies = max(load.proxies, math.ceil(load.patients * UNEVENNESS / per_process))
    return f"Use --workers {workers} --proxies {proxies}, "


def _check_ports(limits: Limits, load: Load) -> None:
    allowed = patients_by_ports(limits)
    if load.patients <= allowed or not load.one_address:
        return
    raise BadInputError(
        "local ports",
        f"net.ipv4.ip_local_port_range is {limits.port_first} to {limits.port_last}, which allows {allowed} patients "
        f"to one address, not {load.patients}",
        'Widen it (sysctl -w net.ipv4.ip_local_port_range="1024 65535"), put workers on more machines, '
        f"or play with fewer patients: at most {allowed}",
    )


def _check_memory(limits: Limits, load: Load) -> None:
    left = limits.memory_left_bytes
    if left is None:
        return
    allowed = max(0, (left - fixed_bytes(load)) // PATIENT_BYTES)
    if load.patients <= allowed:
        return
    of_cgroup = left == limits.cgroup_memory_left_bytes
    name = "memory of the control group" if of_cgroup else "memory"
    mend = "Raise the group's limit" if of_cgroup else "Close other programs"
    needed = fixed_bytes(load) + load.patients * PATIENT_BYTES
    raise BadInputError(
        name,
        f"{left // MIB} MiB are left, but {load.patients} patients need about {needed // MIB} MiB; "
        f"it allows {allowed} patients",
        f"{mend}, or play with fewer patients: at most {allowed}" if allowed else mend,
    )


def raise_open_files() -> None:
    """Raise this process's soft limit to its hard limit, or to what is plenty."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = min(_finite(hard), OPEN_FILES_MAX)
    if _finite(soft) < goal:
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))


def _finite(limit: int) -> int:
    return OPEN_FILES_MAX if limit == resource.RLIM_INFINITY else limit


def read_limits(proc: Path = Path("/proc"), cgroups: Path = _CGROUPS) -> Limits:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first, last = _read_ports(proc)
    limit, left = read_cgroup_memory(proc, cgroups)
    return Limits(_finite(soft), _finite(hard), first, last, _read_available_memory(proc), limit, left)


def _read_ports(proc: Path) -> tuple[int, int]:
    try:
        first, last = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
    except OSError:
        return _DEFAULT_PORTS
    return int(first), int(last)


def _read_available_memory(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * KIB if found else None


def read_cgroup_memory(proc: Path, cgroups: Path) -> tuple[int | None, int | None]:
    """The narrowest memory limit between this process's control group and the root, and what is left of it.

    Reads both versions. File pages that the kernel can drop at once count as left. (None, None) is no limit.
    """
    narrowest: tuple[int | None, int | None] = (None, None)
    for folder, version in _memory_groups(proc, cgroups):
        limit, used = (_read_bytes(folder / name) for name in _MEMORY_FILES[version])
        if limit is None or used is None:
            continue
        left = max(0, limit - used + _inactive_file_bytes(folder))
        if narrowest[1] is None or left < narrowest[1]:
            narrowest = (limit, left)
    return narrowest


def _memory_groups(proc: Path, cgroups: Path) -> Iterator[tuple[Path, int]]:
    """The folders of this process's memory groups, with their version. Some do not exist inside a container."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, version = cgroups, 2
        elif "memory" in controllers.split(","):
            root, version = cgroups / "memory", 1
        else:
            continue
        folder = root / path.lstrip("/")
        yield from ((group, version) for group in (folder, *folder.parents) if group.is_relative_to(root))


def _read_bytes(path: Path) -> int | None:
    """None where the file is missing or says that there is no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    # Version 1 writes "no limit" as the greatest multiple of a page in a signed 64-bit number.
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None


def _inactive_file_bytes(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split() for line in lines)
    return int(fields.get("total_inactive_file", fields.get("inactive_file", "0")))
