"""Keep-alive HTTP/1.1 connections for many thousand users in one process.

`FastHttpUser` spends most of a request on what a booking race has no use for: URL parsing, cookies, redirects,
header objects, an event with a dictionary per request. Here a request is prepared bytes on a socket of
geventhttpclient's connection pool; the common answer (a status, a Content-Length, a body) is cut out of the bytes
received, any other goes through geventhttpclient's own parser. Time-outs are one watch over all connections instead
of a timer per request.
"""

import time
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPResponse
from locust.contrib.fasthttp import insecure_ssl_context_factory

from slotrush.swarm import Recorder

_BLOCK_BYTES: Final = 65536
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"


class Broken(Exception):
    """There is no answer: `reason` is 'time-out', 'broken-connection' or 'bad-answer'."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Host:
    """One target: where connections come from, and the watch over their time-outs."""

    def __init__(
        self, base_url: str, recorder: Recorder, timeout_s: float, connections: int, watch_s: float = 0.5
    ) -> None:
        """Neither connects nor resolves yet; each `Connection` does when it is first used."""
        url = urlsplit(base_url)
        name, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        pool = SSLConnectionPool if url.scheme == "https" else ConnectionPool
        tls = {"insecure": True, "ssl_context_factory": insecure_ssl_context_factory}
        self.pool = pool(
            name,
            port,
            name,
            port,
            size=connections,
            connection_timeout=timeout_s,
            network_timeout=None,
            **(tls if url.scheme == "https" else {}),
        )
        self.path = url.path.rstrip("/").encode()
        self.head = f"Host: {url.netloc.rpartition('@')[2]}\r\n".encode()
        self.recorder = recorder
        self.connections: set[Connection] = set()
        self._timeout_s, self._watch_s = timeout_s, watch_s
        gevent.spawn(self._watch)

    def _watch(self) -> None:
        while not self.recorder.closed:
            gevent.sleep(self._watch_s)
            overdue_s = time.time() - self._timeout_s
            for connection in [one for one in self.connections if 0 < one.sent_s < overdue_s]:
                connection.time_out()


class Connection:
    """One user's connection, opened when first needed and again after it broke."""

    __slots__ = ("_host", "_socket", "_timed_out", "sent_s")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._socket: Any = None
        self._timed_out = False
        self.sent_s = 0.0

    def open(self) -> None:
        """Connect now. Raises Broken."""
        try:
            self._socket = self._host.pool.get_socket()
        except OSError as error:
            raise Broken("time-out" if isinstance(error, TimeoutError) else "broken-connection") from error
        self._timed_out = False
        self._host.connections.add(self)
        self._host.recorder.open_sockets += 1

    def close(self) -> None:
        if self._socket is not None:
            self._host.pool.release_socket(self._socket)
            self._socket = None
            self._host.connections.discard(self)
            self._host.recorder.open_sockets -= 1

    def time_out(self) -> None:
        """Break the request under way: its `exchange` raises."""
        self._timed_out = True
        self._socket.shutdown(2)

    def exchange(self, request: bytes, sent_s: float) -> tuple[int, bytes]:
        """Send a request and return the status and the body of its answer. Raises Broken, and is closed then."""
        if self._socket is None:
            self.open()
        self.sent_s = sent_s
        try:
            status, body, keep = self._exchange(self._socket, request)
        except (OSError, HTTPParseError, ValueError) as error:
            self.close()
            if self._timed_out:
                raise Broken("time-out") from error
            raise Broken("broken-connection" if isinstance(error, OSError) else "bad-answer") from error
        except BaseException:
            self.close()
            raise
        finally:
            self.sent_s = 0.0
        if not keep:
            self.close()
        return status, body

    @staticmethod
    def _exchange(sock: Any, request: bytes) -> tuple[int, bytes, bool]:
        sent = sock.send(request)
        if sent < len(request):
            sock.sendall(request[sent:])
        data = _receive(sock)
        end = data.find(_HEAD_END)
        head = data[: end + 2].lower()
        at = head.find(_LENGTH)
        if end < 0 or at < 0 or not head.startswith(b"http/1.1 ") or b"\r\ntransfer-encoding:" in head:
            return _parse(sock, data)
        at += len(_LENGTH)
        body_end = end + 4 + int(head[at : head.index(b"\r", at)])
        while len(data) < body_end:
            data += _receive(sock)
        status = int(head[9:12])
        if status < 200:
            return _parse(sock, data)
        keep = len(data) == body_end and b"\r\nconnection: close" not in head
        return status, data[end + 4 : body_end], keep


def _receive(sock: Any) -> bytes:
    data: bytes = sock.recv(_BLOCK_BYTES)
    if not data:
        raise ConnectionResetError("the connection was closed before the answer was complete")
    return data


def _parse(sock: Any, data: bytes) -> tuple[int, bytes, bool]:
    """Any answer, by the full parser: chunked, without a body, preceded by interim ones, in several pieces."""
    response = HTTPResponse()
    response.feed(data)
    while not response.message_complete or response.get_code() < 200:
        response.feed(_receive(sock))
    return response.get_code(), bytes(response._body_buffer), response.should_keep_alive()
