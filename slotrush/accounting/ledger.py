"""CPU of components over their process trees: nothing that ended is lost, nothing is counted twice.

A process that ended keeps what it was last seen with. What the kernel credits its parent with at the reaping
(`cutime` and `cstime` of proc(5)) beyond that is the parent's, so children too short-lived to be seen count too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slotrush.accounting.procfs import Identity, Process

Roots = Mapping[str, Iterable[int]]
"""The root pids of each component."""


def assign(processes: Mapping[int, Process], owners: Mapping[int, str]) -> dict[int, str]:
    """The component of every process that descends from an owned pid; the nearest owned ancestor decides."""
    found: dict[int, str | None] = dict(owners)
    for pid in processes:
        path = []
        at = pid
        while at in processes and at not in found:
            found[at] = None
            path.append(at)
            at = processes[at].parent
        for step in path:
            found[step] = found.get(at)
    return {pid: component for pid, component in found.items() if component is not None and pid in processes}


@dataclass
class _Member:
    """A living process of a component.

    `inherited_us`: CPU of its ended children that has been counted already. `elsewhere_us`: CPU that was counted
    for another component, before this one's root was named. `anchored`: it belongs here whatever its parent is,
    because it was named as a root, or because its parent ended before it.
    """

    component: str
    process: Process
    inherited_us: int = 0
    elsewhere_us: int = 0
    anchored: bool = False

    @property
    def cpu_us(self) -> int:
        waited_us = max(self.process.waited_us - self.inherited_us, 0)
        return self.process.own_us + waited_us - self.elsewhere_us


class CpuLedger:
    """Cumulative CPU per component over the process tables that it is shown, one after the other.

    A table should list parents before their children: a child that is reaped while the table is being read is
    then missed until the next one instead of being counted twice.
    """

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}
        self._ended_us: dict[str, int] = {}
        self._shown_us: dict[str, int] = {}
        self._root_starts: dict[int, int] = {}

    def update(self, processes: Mapping[int, Process], roots: Roots) -> dict[str, int]:
        """Take in a process table and return the CPU µs of each component ever named."""
        for component in roots:
            self._ended_us.setdefault(component, 0)
        self._retire(processes)
        owners = self._anchors(processes) | self._first_named(processes, roots)
        for pid, component in assign(processes, owners).items():
            self._place(processes[pid], component, anchored=pid in owners)
        totals = dict(self._ended_us)
        for member in self._members.values():
            totals[member.component] += member.cpu_us
        for component, total_us in totals.items():
            self._shown_us[component] = max(self._shown_us.get(component, 0), total_us)
        return dict(self._shown_us)

    def living(self) -> dict[Identity, str]:
        """The component of every process that has not ended."""
        return {m.process.identity: m.component for m in self._members.values() if not m.process.ended}

    def _retire(self, processes: Mapping[int, Process]) -> None:
        """Book what has ended: children before parents, since a parent hands on what it has inherited."""
        gone = [m for pid, m in self._members.items() if not _same(m.process, processes.get(pid))]
        for member in sorted(gone, key=lambda m: (m.process.started_ticks, m.process.pid), reverse=True):
            process = member.process
            del self._members[process.pid]
            self._ended_us[member.component] += member.cpu_us
            parent = self._members.get(process.parent)
            if parent is not None:
                parent.inherited_us += process.own_us + max(process.waited_us, member.inherited_us)

    def _anchors(self, processes: Mapping[int, Process]) -> dict[int, str]:
        return {
            pid: member.component
            for pid, member in self._members.items()
            if member.anchored or member.process.parent != processes[pid].parent
        }

    def _first_named(self, processes: Mapping[int, Process], roots: Roots) -> dict[int, str]:
        """The roots' components by pid. A later process with the pid of a root that is still named is a stranger."""
        named = {pid: component for component, pids in roots.items() for pid in pids}
        self._root_starts = {pid: start for pid, start in self._root_starts.items() if pid in named}
        for pid in named.keys() & processes.keys():
            self._root_starts.setdefault(pid, processes[pid].started_ticks)
        return {
            pid: named[pid]
            for pid, started_ticks in self._root_starts.items()
            if pid in processes and processes[pid].started_ticks == started_ticks
        }

    def _place(self, process: Process, component: str, anchored: bool) -> None:
        member = self._members.setdefault(process.pid, _Member(component, process))
        if member.component != component:
            self._ended_us[member.component] += member.cpu_us
            member.elsewhere_us += member.cpu_us
            member.component = component
        member.process, member.anchored = process, anchored


def _same(known: Process, now: Process | None) -> bool:
    return now is not None and known.identity == now.identity
