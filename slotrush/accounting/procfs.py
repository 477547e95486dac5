"""What /proc tells about processes. One that vanishes while it is read is left out, never an error."""

import os
from dataclasses import dataclass
from typing import Final

_TICK_US: Final = 1_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_READ_BYTES: Final = 4096

Identity = tuple[int, int]
"""A pid with the start time of its process, since pids are used again."""


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat. CPU in µs: its own, and that of the children that it has waited for."""

    pid: int
    parent: int
    started_ticks: int
    own_us: int
    waited_us: int
    ended: bool

    @property
    def identity(self) -> Identity:
        return self.pid, self.started_ticks


@dataclass(frozen=True)
class Pages:
    """Resident memory in bytes, by whether other processes may map it too (files, shared memory)."""

    private: int
    shared: int


def parse_stat(line: bytes) -> Process:
    """Read a line of /proc/PID/stat, whose second field, the program's name, may hold spaces and brackets."""
    fields = line[line.rindex(b")") + 2 :].split(maxsplit=20)
    return Process(
        pid=int(line[: line.index(b"(")]),
        parent=int(fields[1]),
        started_ticks=int(fields[19]),
        own_us=(int(fields[11]) + int(fields[12])) * _TICK_US,
        waited_us=(int(fields[13]) + int(fields[14])) * _TICK_US,
        ended=fields[0] in (b"Z", b"X"),
    )


def read_processes() -> dict[int, Process]:
    """All processes that may be seen, by ascending pid: as a rule parents before their children."""
    with os.scandir("/proc") as entries:
        pids = sorted(int(entry.name) for entry in entries if entry.name.isdigit())
    lines = (_read(f"/proc/{pid}/stat") for pid in pids)
    return {process.pid: process for process in map(parse_stat, filter(None, lines))}


def read_pages(pid: int) -> Pages | None:
    """Cheap (about 5 µs), but a shared page counts in each of its processes. None when it is gone."""
    line = _read(f"/proc/{pid}/statm")
    if not line:
        return None
    resident, shared = (int(field) * _PAGE_BYTES for field in line.split()[1:3])
    return Pages(private=resident - shared, shared=shared)


def read_pss(pid: int) -> int | None:
    """The proportional set size in bytes; None when it is gone or may not be read.

    The kernel walks the page tables for it: about 1 ms per 100 MB.
    """
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return None


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _READ_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
