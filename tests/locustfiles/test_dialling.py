"""From which address a connection is opened."""

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address, ip_network

import pytest

from locustfiles.dialling import Dialler, own_address

TIMEOUT_S = 5.0


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as server:
        yield server


def _peer_of(listener: socket.socket, name: str, person: str | None) -> str:
    """The address that the server sees."""
    dialler = Dialler(f"http://{name}:{listener.getsockname()[1]}", TIMEOUT_S)
    with closing(dialler.connect(person)):
        connection, (address, *_) = listener.accept()
        connection.close()
    return str(address)


@pytest.mark.parametrize("listener", ["127.0.0.1"], indirect=True)
def test_each_person_comes_to_this_machine_from_an_address_of_their_own_and_always_from_that(
    listener: socket.socket,
) -> None:
    people = [f"person-{number}" for number in range(20)]

    seen = [_peer_of(listener, "127.0.0.1", person) for person in people]

    assert len(set(seen)) == len(people)
    assert seen == [_peer_of(listener, "127.0.0.1", person) for person in people]


@pytest.mark.parametrize("listener", ["127.0.0.1"], indirect=True)
def test_a_name_of_this_machine_is_this_machine(listener: socket.socket) -> None:
    assert _peer_of(listener, "localhost", "somebody") == own_address("somebody")


def test_the_system_chooses_for_a_connection_that_is_nobody_s(listener: socket.socket) -> None:
    host = listener.getsockname()[0]

    assert _peer_of(listener, f"[{host}]" if ":" in host else host, None) == host


@pytest.mark.parametrize("listener", ["::1"], indirect=True)
def test_the_system_chooses_where_loopback_is_one_address(listener: socket.socket) -> None:
    assert _peer_of(listener, "[::1]", "somebody") == "::1"


def test_the_system_chooses_for_an_address_of_a_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    with socket.create_server((own, 0)) as listener:
        assert _peer_of(listener, own, "somebody") == own


def test_addresses_are_loopback_s_but_never_the_servers_own_nor_a_broadcast() -> None:
    addresses = [ip_address(own_address(str(number))) for number in range(50_000)]

    assert all(address in ip_network("127.0.0.0/8") for address in addresses)
    assert not any(
        address in ip_network(taken) for address in addresses for taken in ("127.0.0.0/16", "127.255.0.0/16")
    )
    assert len(set(addresses)) > 0.99 * len(addresses)


def test_nobody_there_is_an_error_of_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        Dialler(f"http://127.0.0.1:{port}", TIMEOUT_S).connect("somebody")
