"""CPU quotas for replicas, as the CPU limit of a pod sets them: control groups of version 2 or 1, one for each replica.

The kernel gives a group `cpu_m` thousandths of a core in every period and stops it for the rest of the period once they
are used (CFS bandwidth control, Documentation/scheduler/sched-bwc.rst). The period is 100 ms, the kernel's default and
Kubernetes' (`--cpu-cfs-quota-period`), so that a replica is stopped as its pod would be. That shows in the tail of the
response times: a request that finds its replica stopped waits for up to 100 ms, less the quota.

Who may not change control groups cannot have quotas: `find_parent` says why, and what mends it.
"""

import errno
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path, PurePosixPath
from typing import Final

from slotrush.errors import BadInputError

PARENT_VARIABLE: Final = "SLOTRUSH_CGROUP"
"""Of our environment: the folder of a control group that may be changed, where ours and those above may not."""
PERIOD_US: Final = 100_000
QUOTA_US_MIN: Final = 1_000
"""The kernel's least quota (min_cfs_quota_period)."""
CPU_M_MIN: Final = QUOTA_US_MIN * 1000 // PERIOD_US
PROCESSES: Final = "cgroup.procs"
"""Whoever writes its id into this file of a group is in it from then on."""
_MOUNTS: Final = Path("/proc/self/mountinfo")
_OWN: Final = Path("/proc/self/cgroup")
_REMOVE_TRIES: Final = 100
_REMOVE_POLL_S: Final = 0.02
_MEND: Final = (
    "Run as root, or in a group that is delegated to you (systemd-run --user --scope -p Delegate=yes slotrush …),"
    f" or name one in {PARENT_VARIABLE}; or do without quotas (slotrush sweep: --cpu none)"
)


@dataclass(frozen=True)
class Parent:
    """A control group under which we may make others. `version`: of its hierarchy, 2 or 1."""

    version: int
    path: Path


@dataclass(frozen=True)
class Group:
    """One replica's control group, by the path of its folder; removed by the janitor."""

    path: str

    @property
    def processes(self) -> Path:
        return Path(self.path) / PROCESSES


@dataclass(frozen=True)
class Throttling:
    """What became of quotas so far: periods in which there was work, those in which the quota was used up, and the µs
    for which its processes then had to wait, summed over cores."""

    periods: int = 0
    throttled: int = 0
    throttled_us: int = 0

    def __add__(self, other: "Throttling") -> "Throttling":
        return Throttling(
            self.periods + other.periods, self.throttled + other.throttled, self.throttled_us + other.throttled_us
        )


def parse_cpu_m(text: str) -> int:
    """Thousandths of a core from what a pod's spec would say: 150m, 0.5, 2; rounded up, as `Quantity.MilliValue` does.

    Raises BadInputError for what is no quantity of CPU, and for less than the kernel can give.
    """
    match = re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)(m?)", text.strip())
    if match is None:
        raise BadInputError(f"--cpu {text}", "it is no amount of CPU", "Write it as Kubernetes does: 150m or 0.5")
    cpu_m = Decimal(match[1]) * (1 if match[2] else 1000)
    if cpu_m < CPU_M_MIN:
        raise BadInputError(f"--cpu {text}", f"the least that the kernel gives is {CPU_M_MIN}m", "Give more")
    return int(cpu_m.to_integral_value(ROUND_CEILING))


def quota_us(cpu_m: int) -> int:
    """CPU time that a group has in each period."""
    return cpu_m * PERIOD_US // 1000


def find_parent(mounts: Path = _MOUNTS, own: Path = _OWN, environment: Mapping[str, str] = os.environ) -> Parent:
    """The nearest group, from our own up, in which groups with a quota can be made; tried out with one.

    In version 2 a group with processes in it cannot hand out its CPU, so it is mostly the one above our own. Raises
    BadInputError.
    """
    hierarchy = _cpu_hierarchy(mounts.read_text())
    if hierarchy is None:
        raise BadInputError("--cpu", "no control groups for CPU are mounted here", _MEND)
    version, mounted_from, mounted_at = hierarchy
    if named := environment.get(PARENT_VARIABLE):
        candidates = [Path(named)]
    else:
        candidates = list(_upwards(mounted_at, mounted_from, _own_path(own.read_text(), version)))
    problem = ""
    for path in candidates:
        try:
            _try_out(Parent(version, path))
        except OSError as error:
            problem = problem or f"no group can be made in {path} ({(error.strerror or str(error)).lower()})"
        else:
            return Parent(version, path)
    raise BadInputError("--cpu", problem, _MEND)


def name_group(parent: Parent, name: str) -> Group:
    """The group of this name that is to be made, for the janitor to know of it before it is there."""
    return Group(str(parent.path / name))


def make(parent: Parent, group: Group, cpu_m: int) -> None:
    """Make a group, empty and with its quota. Raises OSError."""
    path = Path(group.path)
    path.mkdir()
    if parent.version == 2:
        (path / "cpu.max").write_text(f"{quota_us(cpu_m)} {PERIOD_US}")
    else:
        (path / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (path / "cpu.cfs_quota_us").write_text(str(quota_us(cpu_m)))


def remove(group: Group) -> None:
    """Remove a group once its processes are gone; one that is not there is fine. Raises OSError."""
    for _ in range(_REMOVE_TRIES):
        try:
            Path(group.path).rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(_REMOVE_POLL_S)
        else:
            return
    raise OSError(f"{group.path} still has processes")


def throttling(group: Group) -> Throttling:
    """Of a group so far; nothing of one that is gone."""
    try:
        lines = (Path(group.path) / "cpu.stat").read_text().splitlines()
    except OSError:
        return Throttling()
    figures = {name: int(value) for name, value in (line.split() for line in lines)}
    stopped_us = figures.get("throttled_usec", figures.get("throttled_time", 0) // 1000)  # version 1 counts in ns
    return Throttling(figures.get("nr_periods", 0), figures.get("nr_throttled", 0), stopped_us)


def _try_out(parent: Parent) -> None:
    if parent.version == 2 and "cpu" not in (parent.path / "cgroup.subtree_control").read_text().split():
        (parent.path / "cgroup.subtree_control").write_text("+cpu")
    group = name_group(parent, f"slotrush-probe-{os.getpid()}")
    try:
        make(parent, group, CPU_M_MIN)
    finally:
        if Path(group.path).is_dir():
            remove(group)


def _cpu_hierarchy(mounts: str) -> tuple[int, str, Path] | None:
    """Version, the part of the hierarchy that is mounted, and where, from /proc/self/mountinfo (proc(5)).

    A version 1 hierarchy with the CPU controller has it to itself; version 2 has it where there is none.
    """
    unified = None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        mounted_from, mounted_at = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup" and "cpu" in options.split(","):
            return 1, mounted_from, Path(mounted_at)
        if kind == "cgroup2":
            unified = (2, mounted_from, Path(mounted_at))
    return unified


def _own_path(own: str, version: int) -> str:
    """Where in the hierarchy of the CPU controller we are, from /proc/self/cgroup (cgroups(7))."""
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" if version == 2 else "cpu" in controllers.split(","):
            return path
    return "/"


def _upwards(mounted_at: Path, mounted_from: str, own: str) -> Iterator[Path]:
    """Our own group and those above it, as far as they are mounted."""
    try:
        inner = PurePosixPath(own).relative_to(mounted_from)
    except ValueError:  # a container that sees its own part of the hierarchy as all of it
        inner = PurePosixPath()
    yield mounted_at / inner
    yield from (mounted_at / above for above in inner.parents)
