import socket
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.stack.ports import HOST, Ports, accepts_connections, is_socket_path


def test_a_free_port_is_below_those_of_outgoing_connections(ports: Ports) -> None:
    assert 1024 < ports.free() < 32768


def test_a_reserved_port_is_not_given_to_anybody_else(ports: Ports) -> None:
    port = ports.free()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_our_server_can_listen_on_a_reserved_port(ports: Ports, option: int) -> None:
    port = ports.free()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind((HOST, port))
        assert not accepts_connections(port)
        server.listen()
        assert accepts_connections(port)


def test_a_released_port_is_free_again(ports: Ports) -> None:
    port = ports.free()
    ports.release()
    with socket.socket() as other:
        other.bind((HOST, port))


def test_a_port_that_another_program_listens_on_is_bad_input(ports: Ports) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadInputError, match=f"port {port}: another program listens on it"):
            ports.fixed(port)


def test_a_port_that_another_stack_asked_for_is_bad_input(ports: Ports) -> None:
    first = Ports()
    port = first.free()
    first.release()
    first.fixed(port)
    with pytest.raises(BadInputError, match=f"port {port}"):
        ports.fixed(port)
    first.release()
    assert ports.fixed(port) == port


def test_a_port_with_connections_of_an_earlier_server_can_be_asked_for(ports: Ports) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)):
            accepted, _ = server.accept()
            accepted.close()  # the server closes first: its side lingers
    assert ports.fixed(port) == port


@pytest.mark.parametrize("port", [-1, 65536, 1_000_000])
def test_a_number_that_is_no_port_is_bad_input(ports: Ports, port: int) -> None:
    with pytest.raises(BadInputError, match="Name another port"):
        ports.fixed(port)


def test_a_unix_socket_needs_a_short_path() -> None:
    for length in (100, 107, 108, 150):
        path = Path("/" + "x" * (length - 1))
        assert is_socket_path(path) == (length <= 107)
    assert not is_socket_path(Path("/" + "é" * 60))
