"""Parts that a fault ends are started anew, as a kubelet or systemd would; any other death still ends the run."""

import math
import signal
import time
from collections.abc import Callable, Iterable
from typing import Final

from slotrush.stack.process import Command, Process, group_lives, signal_group

START_S: Final = 15.0
"""A part that ends so soon after it was started anew does so by the same fault: what it needs may not be back yet."""


class Supervisor:
    """Knows which deaths are a fault's. Use it from the one thread that the stack was started from."""

    def __init__(self, launch: Callable[[Command], Process]) -> None:
        self._launch = launch
        self._excused_until_s: dict[int, float] = {}
        """By pid: until when the end of a part is a fault's, on the monotonic clock."""

    def end(self, part: Process, number: signal.Signals) -> None:
        """Signal the whole group of a part, which is expected to end by that."""
        self._excused_until_s[part.pid] = math.inf
        signal_group(part.trace, number)

    def successor(self, part: Process) -> Process:
        """The part itself; or another one by the same command, once a fault has ended it and nothing of it is left.

        What is left of it could hold a port, or the shared memory of a database.
        """
        if part.exit_status() is None or not self._is_excused(part) or group_lives(part.trace):
            return part
        del self._excused_until_s[part.pid]
        successor = self._launch(part.command)
        self._excused_until_s[successor.pid] = time.monotonic() + START_S
        return successor

    def unexcused(self, parts: Iterable[Process]) -> list[Process]:
        """Those of the parts whose end is no fault's."""
        return [part for part in parts if not self._is_excused(part)]

    def _is_excused(self, part: Process) -> bool:
        return time.monotonic() < self._excused_until_s.get(part.pid, -math.inf)
