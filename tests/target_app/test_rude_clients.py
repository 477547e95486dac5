"""What no good client sends, to a replica and through the proxy: it is refused, and others are served."""

import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.attacks import Attacks

SLOW_CLIENTS: Final = 300
"""More than the proxy has connections to both replicas, those for passwords (256) included."""
OTHERS_WAIT_S: Final = 15
"""Half of what a replica gives a request: an outage for as long as that would not be over by itself."""
ANSWER_BYTES_MAX: Final = 2_000
HIDDEN: Final = b"GET /livez HTTP/1.1\r\nHost: hidden\r\n\r\n"
SMUGGLED: Final = {
    "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + HIDDEN,
    "lengths in a list": b"Content-Length: 0, 37\r\n\r\n" + HIDDEN,
    "a length with a sign": b"Content-Length: +37\r\n\r\n" + HIDDEN,
    "a negative length": b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length in hex": b"Content-Length: 0x25\r\n\r\n" + HIDDEN,
    "a length beyond numbers": b"Content-Length: 99999999999999999999999\r\n\r\n" + HIDDEN,
    "a space before the colon": b"Content-Length : 37\r\n\r\n" + HIDDEN,
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a chunk of no size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN,
    "a chunk too large": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n" + HIDDEN,
    "a NUL": b"X-Request-ID: a\0b\r\n\r\n" + HIDDEN,
    "a header without a name": b": a\r\n\r\n" + HIDDEN,
    "a header without a colon": b"Content-Length 0\r\n\r\n" + HIDDEN,
}


def exchange(port: int, sent: bytes) -> bytes:
    """All that comes until the server closes the connection, or says nothing for a while."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, suppress(OSError):
        connection.settimeout(10)
        connection.sendall(sent)
        while block := connection.recv(65_536):
            received += block
            connection.settimeout(3)
    return received


def exchanges(port: int, sent: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """At once: a proxy takes a second to close a connection that it refuses."""
    with ThreadPoolExecutor(len(sent)) as pool:
        yield from zip(sent, pool.map(lambda each: exchange(port, each), sent.values()), strict=True)


@pytest.fixture(params=["proxy", "replica"])
def port(request: pytest.FixtureRequest, stack: Any) -> int:
    return urlsplit(stack.base_url if request.param == "proxy" else stack.replica_urls[0]).port or 0


@contextmanager
def clients(port: int, number: int, sent: bytes) -> Iterator[None]:
    """So many that have sent this, and then say and read nothing more."""
    with ExitStack() as open_ones:
        for _ in range(number):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            one.sendall(sent)
        yield


def head(path: str, patient: Any, more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: booking", f"Authorization: Bearer {patient.token}", more]
    return "\r\n".join([*lines, f"Idempotency-Key: {uuid4()}"]).encode()


@pytest.mark.parametrize("what", ["a body", "chunks", "headers", "a password", "reading"])
def test_others_are_served_while_clients_do_not_finish(
    what: str, port: int, patient: Any, publish: Any, rival: Any, attack: Attacks
) -> None:
    """The framework's routes, the hot ones and the proxy's two queues share the replicas' connections."""
    unfinished = {
        "a body": head("/v1/appointments", patient, "Content-Length: 60000") + b"\r\n\r\n{",
        "chunks": head("/v1/records", patient, "Transfer-Encoding: chunked") + b"\r\n\r\n5\r\n{    \r\n",
        "headers": head("/v1/appointments", patient, "X-Slow: a"),
        "a password": head("/v1/sessions", patient, "Content-Length: 60000") + b"\r\n\r\n{",
        "reading": head("/v1/appointments", patient, "Content-Length: 2").join([b"", b"\r\n\r\n{}"]) * 50,
    }[what]
    (slot,) = publish()
    with clients(port, SLOW_CLIENTS, unfinished), httpx.Client(timeout=OTHERS_WAIT_S) as others:
        base = f"http://127.0.0.1:{port}"
        for _ in range(10):
            assert others.get(f"{base}/v1/doctors", headers=rival.headers()).status_code == 200
            assert others.get(f"{base}/v1/me", headers=rival.headers()).status_code == 200
        booked = others.post(f"{base}/v1/appointments", json={"slot_id": slot}, headers=rival.headers(str(uuid4())))
        assert booked.status_code == 201
        assert others.post(f"{base}/v1/sessions/refresh", json={"refresh_token": "A" * 64}).status_code == 401
        if what == "a password":  # the check of one takes a while on a busy machine
            wrong = {"email": f"{uuid4()}@mail.example", "password": "guess"}
            assert others.post(f"{base}/v1/sessions", json=wrong).status_code == 401
    attack("clients that never finish a request").tried("kept waiting while others were served", SLOW_CLIENTS)


def test_no_request_hides_in_another(port: int, patient: Any, attack: Attacks) -> None:
    beginning = head("/v1/appointments", patient, "X: y") + b"\r\n"
    for what, answers in exchanges(port, {what: beginning + rest for what, rest in SMUGGLED.items()}):
        attack("request smuggling").tried(answers[9:12].decode())
        assert answers.count(b"HTTP/1.1 ") == 1, what
        assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), (what, answers)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/../metrics", "//metrics", "/%2e%2e/metrics", "/./metrics", "/v1/%2e%2e/metrics", "/metrics;x"),
        *("/static/../../settings.py", "/static/%2e%2e/%2e%2e/settings.py", "/static/..%2f..%2fsettings.py"),
        *("/static/%252e%252e/settings.py", "/static/....//settings.py", "/static//etc/passwd", "/static/\\..\\x"),
        *("/v1/doctors/..%2fme", "/v1/doctors/%00", "/v1/records/..%2f..%2fme/download", "/v1/records/*/download"),
        *("/docs/../../app.py", "/.git/config", "/.env", "/openapi.json/..%2f..", "/v1/ME", "/V1/me"),
    ],
)
def test_no_path_leads_past_the_routes(path: str, port: int, patient: Any, attack: Attacks) -> None:
    token = f"Authorization: Bearer {patient.token}"
    answer = exchange(port, f"GET {path} HTTP/1.1\r\nHost: booking\r\n{token}\r\nConnection: close\r\n\r\n".encode())
    attack("paths past the routes").tried(answer[9:12].decode())
    assert answer[9:12] in (b"404", b"400", b"422"), answer
    assert patient.id.encode() not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("too large", b"a" * 70_000),
        ("much too large", b"a" * 3_000_000),
        ("deep lists", b"[" * 32_000 + b"]" * 32_000),
        ("deep lists without an end", b"[" * 65_000),
        ("deep objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        ("deep in a field", b'{"slots":' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
        ("a long number", b'{"price_cents":' + b"9" * 60_000 + b"}"),
        ("a large exponent", b'{"size_bytes":1e999999999}'),
        ("many keys", json.dumps({str(number): number for number in range(5_000)}).encode()),
        ("the same key again and again", b"{" + b'"slot_id":1,' * 5_000 + b'"slot_id":1}'),
        ("half a letter", b'{"name":"\xc3'),
        ("half a pair", b'{"name":"\\ud800"}'),
        ("nothing", b""),
    ],
)
def test_a_body_that_nobody_needs_is_refused_in_few_words(
    what: str, body: bytes, port: int, patient: Any, doctor: Any, attack: Attacks
) -> None:
    refused = attack("bodies too large, too deep, packed")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for path, by in (
            ("/v1/sessions", patient),
            ("/v1/patients", patient),
            ("/v1/appointments", patient),
            ("/v1/records", patient),
            ("/v1/slots", doctor),
            ("/v1/slots/weekly", doctor),
        ):
            headers = by.headers(str(uuid4())) | {"Content-Type": "application/json"}
            with suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):  # cut off in the middle
                answer = client.post(path, content=body, headers=headers)
                refused.tried(f"{answer.status_code}")
                assert answer.status_code in (400, 413, 422), (what, path, answer.text)
                assert len(answer.content) < ANSWER_BYTES_MAX, (what, path)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(b'{"email":"' + b"a" * 20_000_000 + b'"}')


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/patients", "/v1/appointments"])
def test_a_packed_body_is_not_unpacked(path: str, port: int, bomb: bytes, patient: Any, attack: Attacks) -> None:
    assert len(bomb) < 65_536
    headers = patient.headers(str(uuid4())) | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = httpx.post(f"http://127.0.0.1:{port}{path}", content=bomb, headers=headers, timeout=30)
    attack("bodies too large, too deep, packed").tried(f"{answer.status_code}")
    assert answer.status_code in (400, 415, 422)


def test_headers_without_end_are_refused_by_the_proxy(stack: Any, attack: Attacks) -> None:
    port, beginning = urlsplit(stack.base_url).port or 0, b"GET /v1/doctors HTTP/1.1\r\nHost: booking\r\n"
    endless = {"one": b"X-A: " + b"a" * 200_000 + b"\r\n", "many": b"X-A: a\r\n" * 20_000}
    for what, answer in exchanges(port, {what: beginning + more + b"\r\n" for what, more in endless.items()}):
        attack("bodies too large, too deep, packed").tried(answer[9:12].decode() or "closed")
        assert not answer or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")), (what, answer[:80])
