"""One booking system as all users of a process see it: where it is, how it is spoken to, where answers are noted."""

from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from locustfiles.api import BookingApi, Call
from locustfiles.budget import RetryBudget
from locustfiles.wire import Host
from slotrush.swarm import Endpoint, Recorder, Session, check_target

TIMEOUT_S: Final = 60.0


class Route(NamedTuple):
    """One kind of request: where it is noted, and how its request line starts."""

    endpoint: Endpoint
    start: bytes


class Target:
    """`allowed` raises BadInputError for the URL of an object store that may not be loaded."""

    def __init__(
        self,
        base_url: str,
        recorder: Recorder,
        timeout_s: float = TIMEOUT_S,
        api: BookingApi | None = None,
        allowed: Callable[[str], None] = lambda url: check_target(url, None),
    ) -> None:
        self.api = api or BookingApi()
        self.host = Host(base_url, recorder, timeout_s)
        self.recorder = recorder
        self.retries = RetryBudget()
        self.routes: dict[str, Route] = {}
        """By operation."""
        self._allowed, self._timeout_s = allowed, timeout_s
        self._stores: dict[str, Host] = {}
        self._content_head = f"Content-Type: {self.api.content_type}\r\n".encode()
        self._key_head = f"{self.api.key_header}: ".encode() if self.api.key_header else b""

    def add_route(self, operation: str, call: Call, subject: str) -> Route:
        """The route of an operation, named after its first call, which was about `subject`."""
        route = call.route or route_of(call.path, subject)
        endpoint = self.recorder.endpoint(f"{call.method} {route}")
        self.routes[operation] = Route(endpoint, b"%b %b" % (call.method.encode(), self.host.path))
        return self.routes[operation]

    def head_of(self, session: Session) -> bytes:
        """What follows the path in every request of a person."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.api.headers(session).items())
        return b" HTTP/1.1\r\n%b%b" % (self.host.head, headers.encode())

    def with_body(self, route: Route, call: Call, head: bytes, key: str = "") -> bytes:
        """The bytes of a request that may have a body and, if it has a key, is a write."""
        body, content_head = b"", b""
        if call.body is not None:
            body, content_head = self.api.encode(call.body), self._content_head
        if key and self._key_head:
            content_head += b"%b%b\r\n" % (self._key_head, key.encode())
        parts = (route.start, call.path.encode(), head, content_head, len(body), body)
        return b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % parts

    def store(self, url: str) -> Host:
        """The object store that a presigned URL is of. Raises BadInputError when it may not be loaded."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._stores:
            self._allowed(origin)
            self._stores[origin] = Host(origin, self.recorder, self._timeout_s)
        return self._stores[origin]


def route_of(path: str, subject: str) -> str:
    """A path without its query, and with '{id}' in place of the subject's."""
    segments = path.partition("?")[0].split("/")
    return "/".join("{id}" if subject and segment == subject else segment for segment in segments)
