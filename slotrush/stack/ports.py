"""Ports that nobody else gets between the moment we choose them and the moment our server listens."""

import contextlib
import errno
import os
import random
import socket
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError, StackError

HOST: Final = "127.0.0.1"
_LOWEST: Final = 15_000
_HIGHEST: Final = 32_000
"""Below the range that Linux gives to outgoing connections, so that no client can take a chosen port."""
_TRIES: Final = 200
_SOCKET_PATH_BYTES_MAX: Final = 107
"""unix(7): sun_path holds 108 bytes with the final zero."""


class Ports:
    """Reservations, held until `release`.

    A reservation is a socket that is bound but never listens. It is bound exclusively, so that a second stack
    cannot reserve the same port, and made shareable afterwards, so that our own servers can listen on it.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def free(self) -> int:
        """Reserve any free port."""
        for _ in range(_TRIES):
            port = random.randint(_LOWEST, _HIGHEST)
            held = socket.socket()
            try:
                held.bind((HOST, port))
            except OSError:
                held.close()
                continue
            _share(held)
            self._held.append(held)
            return port
        raise StackError(f"no free port found between {_LOWEST} and {_HIGHEST} in {_TRIES} tries")

    def fixed(self, port: int) -> int:
        """Reserve the port that the user asked for. Raises BadInputError when it is in use or not allowed."""
        # Connections of an earlier server may linger on the port (TIME_WAIT) and would make an exclusive bind
        # fail. So it is bound as a server would, and a second stack is kept away by a name instead.
        name = socket.socket(socket.AF_UNIX)
        probe = socket.socket()
        held = socket.socket()
        try:
            name.bind(f"\0slotrush-port-{port}")
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            probe.listen()
            probe.close()
            _share(held)
            held.bind((HOST, port))
        except (OSError, OverflowError) as error:
            for opened in (name, probe, held):
                opened.close()
            raise _unusable(port, error) from error
        self._held += [name, held]
        return port

    def release(self) -> None:
        while self._held:
            self._held.pop().close()


def _share(held: socket.socket) -> None:
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _unusable(port: int, error: OSError | OverflowError) -> BadInputError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        problem = "another program listens on it"
    elif isinstance(error, OSError) and error.errno == errno.EACCES:
        problem = "this user may not listen on it"
    else:
        problem = f"it cannot be used ({error})"
    return BadInputError(f"port {port}", problem, "Name another port between 1024 and 65535, or none to get a free one")


def accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def is_socket_path(path: Path) -> bool:
    """Whether a Unix socket can be at `path`: in a deep temporary folder it cannot."""
    return len(os.fsencode(path)) <= _SOCKET_PATH_BYTES_MAX
