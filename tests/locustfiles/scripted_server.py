"""A server that plays one script over all its connections: it exists for the answers that no good server gives."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Sequence

CLOSE = b"close"
HANG = b"hang"


def json_answer(status: int, body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        len(body),
        head,
        body,
    )


class ScriptedServer:
    """Answers the n-th request with the n-th step of the script: bytes (in pieces, if several, maybe with CLOSE as the
    last), CLOSE or HANG."""

    def __init__(self, script: Sequence[bytes | Sequence[bytes]]) -> None:
        self._script = iter(script)
        self.requests: list[bytes] = []
        self.connections = self.closed = 0
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["ScriptedServer"]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            self._released.set()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            thread.join()

    def _accept(self) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        self._play(connection)
        self.closed += 1

    def _play(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := _read_request(connection):
                self.requests.append(request)
                step = next(self._script)
                if step is CLOSE:
                    return
                if step is HANG:
                    self._released.wait()
                    return
                for piece in [step] if isinstance(step, bytes) else step:
                    if piece is CLOSE:
                        return
                    connection.sendall(piece)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (block := connection.recv(65536)):
            return b""
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
