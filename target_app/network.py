"""Where a request comes from."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
_FORWARDED_FOR: Final = b"x-forwarded-for"
_OF_PROXIES: Final = frozenset(
    (_FORWARDED_FOR, b"forwarded", b"via", b"x-real-ip", b"x-forwarded-host", b"x-forwarded-proto")
)
_WITH_PORT: Final = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[^\]]+)\](:[0-9]{1,5})?")


def networks(text: str) -> Networks:
    """The networks of a comma-separated list. Raises ValueError that names the one that is none."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def client_address(scope: Scope, trusted_proxies: Networks) -> Address | None:
    """The client's address; None when it is not known, which is within no network.

    X-Forwarded-For is believed only from a trusted proxy (whoever reaches the Unix socket is one), and of it only the
    last entry that no trusted proxy has: all before that the client may have made up. An entry that is no address
    hides the client. Where the header is missing, the peer is no proxy but the client itself, a health check say,
    unless another header shows that it passes on somebody's request.
    """
    return _believed(scope, trusted_proxies)[0]


def is_inside(scope: Scope, trusted_proxies: Networks, inside: Networks) -> bool:
    """Whether the client is known to be within one of the networks `inside`.

    Who asks through a proxy that is not trusted is not known: a proxy that nobody configured has an address of its own
    inside, and may let in the whole internet.
    """
    address, passes_on = _believed(scope, trusted_proxies)
    return not passes_on and within(address, inside)


def is_passed_on(scope: Scope) -> bool:
    """Whether a proxy asks, for somebody else."""
    return any(name in _OF_PROXIES for name, _ in scope["headers"])


def within(address: Address | None, several: Sequence[IPv4Network | IPv6Network]) -> bool:
    return address is not None and any(address in network for network in several)


def _believed(scope: Scope, trusted_proxies: Networks) -> tuple[Address | None, bool]:
    """The last address that can be believed, and whether it asks for somebody else, as proxies do."""
    peer = _address(scope["client"][0]) if scope.get("client") else None
    if peer is not None and not within(peer, trusted_proxies):
        return peer, is_passed_on(scope)
    headers = [value for name, value in scope["headers"] if name == _FORWARDED_FOR]
    if not headers:
        return (None if is_passed_on(scope) else peer), False
    hops = b",".join(headers).decode("latin-1").split(",")
    while hops:
        peer = _address(_without_port(hops.pop().strip()))
        if not within(peer, trusted_proxies):
            break
    return peer, any(hop.strip() for hop in hops)


def _without_port(hop: str) -> str:
    """Some proxies add the client's port: 192.0.2.1:5000, [2001:db8::1]:5000."""
    match = _WITH_PORT.fullmatch(hop)
    return (match["v4"] or match["v6"]) if match else hop


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
