"""Ports for servers of tests."""

from typing import Final

from slotrush.stack.ports import Ports

_PORTS: Final = Ports()
"""Reserved until the process ends: the stacks of other processes choose theirs at the same time."""


def unused_port() -> int:
    """Nobody listens there, nobody else is given it, and no outgoing connection gets it: it is below their range."""
    return _PORTS.free()
