"""Envoy in front of small applications."""

import http.client
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slotrush.stack import envoy, process
from slotrush.stack.envoy import Envoy
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process

Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]

_APPLICATION = """
import sys, uvicorn

async def application(scope, receive, send):
    if scope["type"] == "http":
        status = int(scope["query_string"] or b"200")
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": sys.argv[2].encode()})

uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), timeout_keep_alive=75, log_level="warning")
"""


def application(name: str, port: int) -> Command:
    return Command("app", f"app-{name}", [sys.executable, "-c", _APPLICATION, str(port), name], dict(os.environ))


def ask(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


class Front:
    """Two proxies on one port before the applications a and b."""

    def __init__(self, folder: Path, ports: Ports, spawn: Spawn) -> None:
        self.port = ports.free()
        self.urls = {name: f"http://{HOST}:{ports.free()}" for name in "ab"}
        self.apps = {name: spawn(application(name, int(url.rpartition(":")[2]))) for name, url in self.urls.items()}
        self.proxies = [envoy.prepare(folder, n, self.port, ports.free(), replicas=2) for n in (1, 2)]
        envoy.write_endpoints(self.endpoints, list(self.urls.values()))
        self.parts = [spawn(proxy.server()) for proxy in self.proxies]
        process.wait_until("Envoy", self.parts, [proxy.ready for proxy in self.proxies], 60)

    @property
    def endpoints(self) -> Path:
        return self.proxies[0].endpoints

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, self.port, timeout=30)

    def accepted(self) -> list[int]:
        """Connections that each proxy has accepted so far."""
        return [_statistic(proxy, "http.ingress.downstream_cx_total") for proxy in self.proxies]


def _statistic(proxy: Envoy, name: str) -> int:
    connection = http.client.HTTPConnection(HOST, proxy.admin_port)
    _, text = ask(connection, f"/stats?filter=^{name}$")
    connection.close()
    return int(text.rpartition(":")[2])


@pytest.fixture
def front(tmp_path: Path, ports: Ports, spawn: Spawn) -> Front:
    return Front(tmp_path, ports, spawn)


def test_connections_are_spread_over_the_proxies_and_requests_over_the_replicas(front: Front) -> None:
    answers = Counter(ask(front.connect()) for _ in range(60))
    assert set(answers) == {(200, "a"), (200, "b")}
    accepted = front.accepted()
    assert sum(accepted) == 60
    assert min(accepted) > 0


def test_no_client_connection_is_dropped_when_the_replicas_change(front: Front, wait_for: WaitFor) -> None:
    clients = [front.connect() for _ in range(10)]
    assert all(ask(client)[0] == 200 for client in clients)
    sockets = [client.sock for client in clients]

    envoy.write_endpoints(front.endpoints, [front.urls["b"]])
    wait_for(lambda: all(proxy.healthy_replicas() == 1 for proxy in front.proxies), "the change of replicas")

    assert {ask(client) for client in clients} == {(200, "b")}
    assert [client.sock for client in clients] == sockets


def test_a_dead_replica_gets_no_requests(front: Front, wait_for: WaitFor) -> None:
    front.apps["a"].kill()
    wait_for(lambda: all(proxy.healthy_replicas() == 1 for proxy in front.proxies), "its removal")
    client = front.connect()
    assert {ask(client) for _ in range(20)} == {(200, "b")}


def test_what_a_replica_answers_is_passed_on(front: Front) -> None:
    client = front.connect()
    assert [ask(client, f"/?{status}")[0] for status in (409, 429, 500, 503)] == [409, 429, 500, 503]


def test_a_proxy_that_dies_leaves_the_port_to_the_other(front: Front) -> None:
    front.parts[0].kill()
    assert all(ask(front.connect())[0] == 200 for _ in range(20))


def test_the_limits_never_refuse_a_request() -> None:
    (cluster,) = _bootstrap()["static_resources"]["clusters"]
    (limits,) = cluster["circuit_breakers"]["thresholds"]
    assert limits["max_pending_requests"] >= 1_000_000
    assert limits["max_requests"] >= 1_000_000
    assert limits["max_connections"] == 64


def test_idle_connections_are_closed_by_the_proxy_before_the_replica_does() -> None:
    (cluster,) = _bootstrap()["static_resources"]["clusters"]
    (protocol,) = cluster["typed_extension_protocol_options"].values()
    idle_s = float(protocol["common_http_protocol_options"]["idle_timeout"].removesuffix("s"))
    assert idle_s < 75


def _bootstrap() -> dict[str, Any]:
    return envoy.bootstrap(1, 2, Path("/tmp/endpoints/eds.json"), replicas=2)


def test_a_replica_may_be_reached_by_a_unix_socket() -> None:
    (assignment,) = envoy.endpoints(["unix:///run/app-1.sock", "http://127.0.0.1:8001"])["resources"]
    addresses = [each["endpoint"]["address"] for each in assignment["endpoints"][0]["lb_endpoints"]]
    assert addresses == [
        {"pipe": {"path": "/run/app-1.sock"}},
        {"socket_address": {"address": "127.0.0.1", "port_value": 8001}},
    ]
