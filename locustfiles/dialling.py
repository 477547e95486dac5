"""Opening connections to one server, on this machine each from an address of the person's own.

Patients do not share an address in life, and much depends on it: a server counts sign-ins by client address, and one
address has about 28,000 ports towards one server. So whoever asks a server on 127.0.0.0/8 does it from an address of
that network too, always the same one. Elsewhere the system chooses, as it does for everyone.
"""

import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit
from zlib import crc32

import gevent.socket
from locust.contrib.fasthttp import insecure_ssl_context_factory

_LOOPBACK: Final = ip_network("127.0.0.0/8")
_FIRST: Final = int(IPv4Address("127.1.0.0"))
_ADDRESSES: Final = int(IPv4Address("127.255.0.0")) - _FIRST
"""What is left without the servers' own 127.0.0.1 and the network's broadcast address."""
_BIND_ADDRESS_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT of linux/in.h, in Python's `socket` since 3.12: the port is chosen when connecting, so that
it must be free towards this server only, not towards all."""


class Dialler:
    """Connects to the server of a URL, over TLS if it says so; certificates are not a load test's subject."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        """Neither connects nor resolves yet."""
        url = urlsplit(base_url)
        self._name, self._timeout_s = url.hostname or "", timeout_s
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._tls = insecure_ssl_context_factory() if url.scheme == "https" else None  # type: ignore[no-untyped-call]
        self._known = _of_literal(self._name, self._port)

    def connect(self, person: str | None = None) -> Any:
        """A new connection, a gevent socket without time-out. Raises OSError when no address of the server answers."""
        failure = OSError(f"{self._name} has no address")
        for family, kind, protocol, _, address in self._known or self._resolve():
            sock = gevent.socket.socket(family, kind, protocol)
            try:
                return self._connected(sock, address, person)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        raise failure

    def _connected(self, sock: Any, address: tuple[Any, ...], person: str | None) -> Any:
        if person is not None and _is_loopback(address[0]):
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((own_address(person), 0))
        sock.settimeout(self._timeout_s)
        sock.connect(address)
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_hostname=self._name)
        sock.settimeout(None)
        return sock

    def _resolve(self) -> Any:
        return gevent.socket.getaddrinfo(self._name, self._port, 0, socket.SOCK_STREAM, socket.IPPROTO_TCP)


def own_address(person: str) -> str:
    """The address in 127.0.0.0/8 of the person with this id: of 100,000 people, some 600 share theirs with another."""
    return str(IPv4Address(_FIRST + crc32(person.encode()) % _ADDRESSES))


@lru_cache(maxsize=16)
def _is_loopback(address: str) -> bool:
    """Of IPv6, loopback is one address alone."""
    try:
        return IPv4Address(address) in _LOOPBACK
    except ValueError:
        return False


def _of_literal(name: str, port: int) -> Sequence[Any]:
    """What resolving an address yields, without asking a resolver, which costs as much as connecting; else nothing."""
    try:
        family = socket.AF_INET if ip_address(name).version == 4 else socket.AF_INET6
    except ValueError:
        return ()
    return ((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (name, port)),)
