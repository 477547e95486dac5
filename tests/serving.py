"""Servers of the standard library that answer in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread
from typing import TypeVar

POLL_S = 0.01
"""How often a server looks whether it is to end. Its own half second would be waited for by every test that has one."""
Server = TypeVar("Server", bound=BaseServer)


@contextmanager
def answering(server: Server) -> Iterator[Server]:
    """Meanwhile it answers; then it is closed."""
    thread = Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    with server:
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
