"""Where a request comes from: nobody can claim to be inside the clinic."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from target_app.identity import keys
from target_app.identity.tokens import Tokens
from target_app.network import client_address, is_inside, networks, within
from target_app.settings import INTERNAL, LOOPBACK
from tests.attacks import Attacks

PROXIES = networks("127.0.0.0/8,10.1.0.0/16")


def scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return {"client": None if peer is None else (peer, 1234), "headers": headers}


@pytest.mark.parametrize(
    ("request_scope", "address"),
    [
        (scope("203.0.113.9"), "203.0.113.9"),
        (scope("203.0.113.9", "10.0.0.1"), "203.0.113.9"),  # a stranger's header counts for nothing
        (scope("127.0.0.1", "203.0.113.9"), "203.0.113.9"),
        (scope("127.0.0.1", "10.0.0.1, 203.0.113.9"), "203.0.113.9"),  # the client made the first one up
        (scope("127.0.0.1", "10.0.0.1", "203.0.113.9"), "203.0.113.9"),
        (scope("127.0.0.1", "203.0.113.9, 10.1.2.3"), "203.0.113.9"),  # two proxies
        (scope(None, "203.0.113.9"), "203.0.113.9"),  # the Unix socket
        (scope("127.0.0.1"), "127.0.0.1"),
        (scope("127.0.0.1", "10.1.2.3"), "10.1.2.3"),  # a proxy itself
        (scope("127.0.0.1", "203.0.113.9:4711"), "203.0.113.9"),  # as Azure and IIS send it
        (scope("127.0.0.1", "203.0.113.9, 10.1.2.3:4711"), "203.0.113.9"),
        (scope("127.0.0.1", "[2001:db8::9]:4711"), "2001:db8::9"),
        (scope("127.0.0.1", "[2001:db8::9]"), "2001:db8::9"),
        (scope("127.0.0.1", "2001:db8::9"), "2001:db8::9"),
        (scope("127.0.0.1", "[::ffff:203.0.113.9]:4711"), "203.0.113.9"),
        (scope("127.0.0.1", "nonsense"), None),  # there is a client, but who knows where
        (scope("127.0.0.1", "unknown"), None),
        (scope("127.0.0.1", "203.0.113.9, unknown"), None),
        (scope("127.0.0.1", "unknown, 10.1.2.3"), None),
        (scope("127.0.0.1", "unknown, 203.0.113.9"), "203.0.113.9"),
        (scope("127.0.0.1", "203.0.113.9:4711:1"), None),
        (scope("127.0.0.1", "203.0.113:4711"), None),
        (scope("127.0.0.1", "[203.0.113.9"), None),
        (scope("127.0.0.1", ""), None),
        (scope("::ffff:203.0.113.9"), "203.0.113.9"),
        (scope(None), None),
    ],
)
def test_the_address_is_the_last_that_can_be_believed(request_scope: dict[str, Any], address: str | None) -> None:
    found = client_address(request_scope, PROXIES)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("header", ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"])
def test_a_proxy_that_does_not_tell_for_whom_it_asks_is_not_the_client(header: str) -> None:
    passed_on = scope("10.1.2.3")
    passed_on["headers"].append((header.lower().encode(), b"any"))
    assert client_address(passed_on, PROXIES) is None
    passed_on["headers"].append((b"x-forwarded-for", b"203.0.113.9"))
    assert str(client_address(passed_on, PROXIES)) == "203.0.113.9"


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"]
)
def test_who_asks_through_a_proxy_that_is_not_trusted_is_not_inside(header: str) -> None:
    """Its own address says nothing of theirs, and theirs is but its word."""
    asked = scope("10.0.3.7")
    assert is_inside(asked, LOOPBACK, INTERNAL)
    asked["headers"].append((header.lower().encode(), b"10.0.0.1"))
    assert not is_inside(asked, LOOPBACK, INTERNAL)


def test_a_trusted_proxy_behind_one_that_is_not_lets_nobody_in() -> None:
    assert is_inside(scope("127.0.0.1", "10.0.3.7"), LOOPBACK, INTERNAL)
    assert not is_inside(scope("127.0.0.1", "10.0.0.1, 10.0.3.7"), LOOPBACK, INTERNAL)
    assert is_inside(scope("127.0.0.1", "10.0.0.1, 10.1.2.3"), PROXIES, INTERNAL), "where both are trusted"
    assert not is_inside(scope("127.0.0.1", "203.0.113.9, 10.1.2.3"), PROXIES, INTERNAL)


def test_an_unknown_address_is_within_nothing() -> None:
    assert not within(None, networks("0.0.0.0/0,::/0"))
    assert within(client_address(scope("10.1.0.7", "10.1.0.8"), PROXIES), networks("10.1.0.0/16"))


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="clinic"):
        networks("127.0.0.0/8, clinic")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"},
        {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"},
        {"X-Forwarded-For": "10.0.0.1,,203.0.113.9:4711"},
        {"X-Forwarded-For": "unknown"},
        {"X-Forwarded-For": "10.0.0.1 203.0.113.9"},
        {"X-Forwarded-For": "[::ffff:203.0.113.9]"},
        {"X-Forwarded-For": "0x0a000001"},
        {"X-Forwarded-For": "10.1"},
        {"X-Real-IP": "10.0.0.1"},
        {"X-Client-IP": "10.0.0.1", "True-Client-IP": "10.0.0.1", "CF-Connecting-IP": "10.0.0.1"},
        {"Forwarded": "for=10.0.0.1"},
        {"Via": "1.1 10.0.0.1", "X-Forwarded-Host": "10.0.0.1", "X-Forwarded-Proto": "https"},
    ],
    ids=str,
)
def test_nobody_is_in_the_clinic_by_saying_so(stack: Any, headers: dict[str, str], attack: Attacks) -> None:
    """Asked of a replica by a proxy that passes on what a client at 203.0.113.9 claims."""
    token = Tokens(keys.load(stack.jwt_key_file)).issue(uuid4(), "staff", 60)
    outside = {"X-Forwarded-For": "203.0.113.9"} | headers | {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{stack.replica_urls[0]}/v1/notifications", headers=outside)
    attack("a made-up client address").tried(f"{answer.status_code}")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/outside-the-clinic")
