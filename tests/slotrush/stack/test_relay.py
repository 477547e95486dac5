"""A link that becomes slow and quick again, between real sockets."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from slotrush.stack import process, relay
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process

DELAY_MS = 150
Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it hears, and hangs up when its client does."""

    def answer(client: socket.socket) -> None:
        with client:
            while data := client.recv(65536):
                client.sendall(data)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def link(ports: Ports, spawn: Spawn, echo: int) -> tuple[Process, int]:
    """A relay to the echo, and its port."""
    port = ports.free()
    part = spawn(relay.server(sys.executable, port, echo, DELAY_MS))
    process.wait_until("the relay", [part], [lambda: relay.ready(port)], 30)
    return part, port


def round_trip_ms(client: socket.socket, text: bytes = b"?") -> float:
    began_s = time.perf_counter()
    client.sendall(text)
    heard = b""
    while len(heard) < len(text):
        heard += client.recv(65536)
    assert heard == text
    return (time.perf_counter() - began_s) * 1000


def test_what_is_slow_takes_longer_each_way_and_is_quick_again(link: tuple[Process, int], wait_for: WaitFor) -> None:
    part, port = link
    with socket.create_connection((HOST, port), timeout=30) as client:
        wait_for(lambda: round_trip_ms(client) < DELAY_MS, "the link as it begins")
        part.signal(relay.SLOW)
        wait_for(lambda: round_trip_ms(client) >= 2 * DELAY_MS, "the slow link")
        part.signal(relay.FAST)
        wait_for(lambda: round_trip_ms(client) < DELAY_MS, "the quick link")


def test_much_at_once_arrives_in_its_order_though_the_link_changes(link: tuple[Process, int]) -> None:
    part, port = link
    text = b"".join(number.to_bytes(4, "big") for number in range(200_000))
    with socket.create_connection((HOST, port), timeout=30) as client:
        part.signal(relay.SLOW)
        timer = threading.Timer(0.05, part.signal, args=(relay.FAST,))
        timer.start()
        sending = threading.Thread(target=client.sendall, args=(text,))
        sending.start()
        heard = b""
        while len(heard) < len(text):
            heard += client.recv(65536)
        sending.join()
        timer.join()
    assert heard == text


def test_who_hangs_up_is_heard_at_the_other_end(link: tuple[Process, int]) -> None:
    _, port = link
    with socket.create_connection((HOST, port), timeout=30) as client:
        round_trip_ms(client)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_where_nobody_listens_nobody_answers(ports: Ports, spawn: Spawn) -> None:
    port, empty = ports.free(), ports.free()
    part = spawn(relay.server(sys.executable, port, empty, DELAY_MS))
    process.wait_until("the relay", [part], [lambda: relay.ready(port)], 30)
    with socket.create_connection((HOST, port), timeout=30) as client:
        try:
            heard = client.recv(1)
        except ConnectionResetError:
            heard = b""
    assert heard == b""
    assert part.exit_status() is None
