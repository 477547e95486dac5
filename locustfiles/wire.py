"""Keep-alive HTTP/1.1 connections for many thousand users in one process.

`FastHttpUser` spends most of a request on what a booking race has no use for: URL parsing, cookies, redirects,
header objects, an event with a dictionary per request. Here a request is prepared bytes on a socket of the user's own;
the common answer (a status, a Content-Length, a body) is cut out of the bytes
received, any other goes through geventhttpclient's own parser. Time-outs are one watch over all connections instead
of a timer per request.
"""

import select
import time
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import gevent.monkey
import gevent.socket
from geventhttpclient.response import HTTPParseError, HTTPResponse

from locustfiles.dialling import Dialler
from slotrush.swarm import Recorder

_BLOCK_BYTES: Final = 65536
_HEAD_END: Final = b"\r\n\r\n"
_HEADS_REMEMBERED: Final = 1024
_LENGTH: Final = b"\r\ncontent-length:"
_RETRY_AFTER: Final = b"\r\nretry-after:"
IDLE_S: Final = 1.0
"""A connection that was idle for longer may have been closed meanwhile: browsers look, and so do we."""
_poll: Final = gevent.monkey.get_original("select", "poll")


class Broken(Exception):
    """There is no answer: `reason` is 'time-out', 'broken-connection' or 'bad-answer'."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Host:
    """One target: where connections come from, and the watch over their time-outs."""

    def __init__(self, base_url: str, recorder: Recorder, timeout_s: float, watch_s: float = 0.5) -> None:
        """Neither connects nor resolves yet; each `Connection` does when it is first used."""
        url = urlsplit(base_url)
        self.dialler = Dialler(base_url, timeout_s)
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
    """One user's connection, opened when first needed and again after it broke.

    `retry_after_s`: how long the last answer asked to wait before anything else is asked, 0 if it did not.
    """

    __slots__ = ("_answered_s", "_host", "_person", "_socket", "_timed_out", "retry_after_s", "sent_s")

    def __init__(self, host: Host, person: str | None = None) -> None:
        """`person`: whose it is, for an address of their own on this machine."""
        self._host, self._person = host, person
        self._socket: Any = None
        self._timed_out = False
        self._answered_s = self.sent_s = self.retry_after_s = 0.0

    def open(self) -> None:
        """Connect now. Raises Broken."""
        try:
            self._socket = self._host.dialler.connect(self._person)
        except OSError as error:
            raise Broken("time-out" if isinstance(error, TimeoutError) else "broken-connection") from error
        self._timed_out = False
        self._host.connections.add(self)
        self._host.recorder.open_sockets += 1

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._host.connections.discard(self)
            self._host.recorder.open_sockets -= 1

    def time_out(self) -> None:
        """Break the request under way: its `exchange` raises."""
        self._timed_out = True
        self._socket.shutdown(2)

    def exchange(self, request: bytes, sent_s: float) -> tuple[int, bytes]:
        """Send a request and return the status and the body of its answer. Raises Broken, and is closed then."""
        if self._socket is not None and sent_s - self._answered_s > IDLE_S and _is_closed(self._socket):
            self.close()
        if self._socket is None:
            self.open()
        self.sent_s, self.retry_after_s = sent_s, 0.0
        recorder = self._host.recorder
        recorder.in_flight += 1
        try:
            status, body, keep, self.retry_after_s = self._exchange(self._socket, request)
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
            recorder.in_flight -= 1
        self._answered_s = time.time()
        if not keep:
            self.close()
        return status, body

    @staticmethod
    def _exchange(sock: Any, request: bytes) -> tuple[int, bytes, bool, float]:
        sent = sock.send(request)
        if sent < len(request):
            sock.sendall(request[sent:])
        if type(sock) is gevent.socket.socket:  # the answer is never there yet: spares a receive that fails
            gevent.socket.wait(sock._read_event)
        data = _receive(sock)
        end = data.find(_HEAD_END)
        plain = _read_head(data[: end + 2]) if end >= 0 else None
        if plain is None:
            return _parse(sock, data)
        status, length, keep, retry_after_s = plain
        body_end = end + 4 + length
        while len(data) < body_end:
            data += _receive(sock)
        return status, data[end + 4 : body_end], keep and len(data) == body_end, retry_after_s


def _is_closed(idle: Any) -> bool:
    """By the other side: who is asked nothing has nothing to say but that (as urllib3's wait_for_read)."""
    poll = _poll()
    poll.register(idle.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@lru_cache(maxsize=_HEADS_REMEMBERED)
def _read_head(head: bytes) -> tuple[int, int, bool, float] | None:
    """Status, length of the body, whether the connection stays open, and for how long nothing more should be asked;
    None is for the full parser, which also reads a date in place of that time.

    Remembered, because a busy server gives the same head many times within a second. Raises ValueError.
    """
    head = head.lower()
    at = head.find(_LENGTH)
    if at < 0 or not head.startswith(b"http/1.1 ") or b"\r\ntransfer-encoding:" in head:
        return None
    at += len(_LENGTH)
    status, length = int(head[9:12]), int(head[at : head.index(b"\r", at)])
    retry_at = head.find(_RETRY_AFTER) + len(_RETRY_AFTER)
    retry_after = head[retry_at : head.index(b"\r", retry_at)].strip() if retry_at >= len(_RETRY_AFTER) else b"0"
    if status < 200 or not retry_after.isdigit():
        return None
    return status, length, b"\r\nconnection: close" not in head, float(retry_after)


def _receive(sock: Any) -> bytes:
    data: bytes = sock.recv(_BLOCK_BYTES)
    if not data:
        raise ConnectionResetError("the connection was closed before the answer was complete")
    return data


def _parse(sock: Any, data: bytes) -> tuple[int, bytes, bool, float]:
    """Any answer, by the full parser: chunked, without a body, preceded by interim ones, in several pieces."""
    response = HTTPResponse()
    response.feed(data)
    while not response.message_complete or response.get_code() < 200:
        response.feed(_receive(sock))
    retry_after_s = seconds_of(response.get("retry-after", ""), time.time())
    return response.get_code(), bytes(response._body_buffer), response.should_keep_alive(), retry_after_s


def seconds_of(retry_after: str, now_s: float) -> float:
    """The header's seconds, or those until its date (RFC 9110, section 10.2.3); 0 for what is neither."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - now_s, 0.0)
    except ValueError:
        return 0.0
