"""Envoy in front of small applications."""

import http.client
import json
import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slotrush.stack import StackOptions, envoy, process
from slotrush.stack.envoy import Envoy
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process

Spawn = Callable[[Command], Process]
WaitFor = Callable[[Callable[[], bool], str], None]
HANGS_AFTER_S = 1.0

_APPLICATION = """
import asyncio, sys, uvicorn

waiting, released = 0, asyncio.Event()

async def application(scope, receive, send):
    global waiting
    if scope["type"] != "http":
        return
    status, body = int(scope["query_string"] or b"200"), sys.argv[2].encode()
    match scope["path"]:
        case "/forwarded-for":
            body = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        case "/request-start" | "/v1/sessions/request-start":
            body = b",".join(value for name, value in scope["headers"] if name == b"x-request-start")
        case "/v1/sessions/slow":
            waiting += 1
            await released.wait()
        case "/waiting":
            body = str(waiting).encode()
        case "/release":
            released.set()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length]})
    await send({"type": "http.response.body", "body": body})

uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), timeout_keep_alive=75, log_level="warning")
"""


def application(name: str, port: int) -> Command:
    return Command("app", f"app-{name}", [sys.executable, "-c", _APPLICATION, str(port), name], dict(os.environ))


def ask(connection: http.client.HTTPConnection, path: str = "/", **headers: str) -> tuple[int, str]:
    connection.request("GET", path, headers=headers)
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

    def ask_each(self, path: str) -> list[str]:
        """Each application's own answer, past the proxies."""
        ports = (int(url.rpartition(":")[2]) for url in self.urls.values())
        return [ask(http.client.HTTPConnection(HOST, port, timeout=30), path)[1] for port in ports]

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


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, ports: Ports, spawn_lasting: Spawn) -> Front:
    """For the tests that leave it as it was."""
    return Front(tmp_path_factory.mktemp("front"), ports, spawn_lasting)


def test_connections_are_spread_over_the_proxies_and_requests_over_the_replicas(lasting: Front) -> None:
    before = lasting.accepted()
    answers = Counter(ask(lasting.connect()) for _ in range(60))
    assert set(answers) == {(200, "a"), (200, "b")}
    accepted = [now - then for now, then in zip(lasting.accepted(), before, strict=True)]
    assert sum(accepted) == 60
    assert min(accepted) > 0


def test_the_proxies_know_how_many_requests_each_replica_has_answered(lasting: Front) -> None:
    def answered() -> Counter[str]:
        told = [proxy.answered(list(lasting.urls.values())) for proxy in lasting.proxies]
        return Counter(dict(zip(lasting.urls, map(sum, zip(*told, strict=True)), strict=True)))

    before = answered()
    answers = Counter(ask(lasting.connect())[1] for _ in range(30))

    assert answered() - before == answers
    assert [proxy.answered(["http://127.0.0.1:9"]) for proxy in lasting.proxies] == [[0], [0]]


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


@pytest.mark.long
def test_a_replica_that_hangs_gets_no_more_than_it_has(front: Front, wait_for: WaitFor) -> None:
    os.kill(front.apps["a"].pid, signal.SIGSTOP)
    clients = [front.connect() for _ in range(40)]
    hanging = 0
    for client in clients:
        client.request("GET", "/")
        assert client.sock is not None
        ready, _, _ = select.select([client.sock], [], [], HANGS_AFTER_S)
        hanging += not ready
    assert hanging <= len(front.proxies)
    wait_for(lambda: all(proxy.healthy_replicas() == 1 for proxy in front.proxies), "its removal")
    os.kill(front.apps["a"].pid, signal.SIGCONT)
    assert {client.getresponse().status for client in clients} == {200}


def test_what_a_replica_answers_is_passed_on(lasting: Front) -> None:
    client = lasting.connect()
    assert [ask(client, f"/?{status}")[0] for status in (409, 429, 500, 503)] == [409, 429, 500, 503]


def test_the_application_hears_the_clients_real_address(lasting: Front) -> None:
    client = lasting.connect()
    assert ask(client, "/forwarded-for") == (200, HOST)
    assert ask(client, "/forwarded-for", **{"X-Forwarded-For": "10.1.2.3, 10.4.5.6"}) == (200, HOST)


def test_the_application_hears_when_a_request_came_whatever_the_client_says(lasting: Front) -> None:
    client = lasting.connect()
    for headers in ({}, {"X-Request-Start": "t=1.000"}):
        status, said = ask(client, "/request-start", **headers)
        assert status == 200
        assert 0 <= time.time() - float(said.removeprefix("t=")) < 60


def test_who_waits_in_another_queue_tells_nothing_of_this_one(lasting: Front) -> None:
    assert ask(lasting.connect(), "/v1/sessions/request-start", **{"X-Request-Start": "t=1.000"}) == (200, "")


@pytest.mark.long
def test_what_replicas_turn_away_again_and_again_the_proxy_refuses_itself(front: Front, wait_for: WaitFor) -> None:
    client = front.connect()

    def refused() -> http.client.HTTPResponse | None:
        client.request("GET", "/?503")
        answer = client.getresponse()
        text = answer.read().decode()
        if text in "ab":  # an application's own
            return None
        assert json.loads(text)["type"] == "/problems/overloaded"
        return answer

    wait_for(lambda: refused() is not None, "the throttling")
    while (answer := refused()) is None:
        pass
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert {ask(client, "/v1/sessions?200")[0] for _ in range(100)} == {200}
    wait_for(lambda: all(ask(client)[0] == 200 for _ in range(50)), "the end of the throttling")


def test_a_proxy_that_dies_leaves_the_port_to_the_other(front: Front) -> None:
    front.parts[0].kill()
    assert all(ask(front.connect())[0] == 200 for _ in range(20))


def test_the_limits_never_refuse_a_request() -> None:
    for cluster in _bootstrap()["static_resources"]["clusters"]:
        (limits,) = cluster["circuit_breakers"]["thresholds"]
        assert limits["max_pending_requests"] >= 1_000_000
        assert limits["max_requests"] >= 1_000_000


def test_idle_connections_are_closed_by_the_proxy_before_the_replica_does() -> None:
    for cluster in _bootstrap()["static_resources"]["clusters"]:
        (protocol,) = cluster["typed_extension_protocol_options"].values()
        idle_s = float(protocol["common_http_protocol_options"]["idle_timeout"].removesuffix("s"))
        assert idle_s < 75


def test_logins_that_wait_leave_the_connections_to_everybody_else(front: Front, wait_for: WaitFor) -> None:
    logins = [front.connect() for _ in range(300)]  # both proxies' connections for everybody else are 128
    for login in logins:
        login.request("GET", "/v1/sessions/slow")
    wait_for(lambda: sum(int(text) for text in front.ask_each("/waiting")) == len(logins), "the logins to wait")
    assert ask(front.connect())[0] == 200
    front.ask_each("/release")
    assert all(login.getresponse().status == 200 for login in logins)


@pytest.mark.parametrize(("settings", "throttles"), [({}, True), ({"OVERLOAD_AFTER_S": "0"}, False)])
def test_proxies_throttle_unless_replicas_never_turn_anything_away(
    settings: dict[str, str], throttles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OVERLOAD_AFTER_S", raising=False)
    assert StackOptions(Path(), settings=settings).sheds_load is throttles
    bootstrap = envoy.bootstrap(1, 2, Path("/tmp/endpoints/eds.json"), replicas=2, throttles=throttles)
    (listener,) = bootstrap["static_resources"]["listeners"]
    (filters,) = (each["typed_config"]["http_filters"] for each in listener["filter_chains"][0]["filters"])
    assert filters[0]["typed_config"]["enabled"]["default_value"] is throttles


def _bootstrap() -> dict[str, Any]:
    return envoy.bootstrap(1, 2, Path("/tmp/endpoints/eds.json"), replicas=2)


def test_a_replica_may_be_reached_by_a_unix_socket() -> None:
    (assignment,) = envoy.endpoints(["unix:///run/app-1.sock", "http://127.0.0.1:8001"])["resources"]
    addresses = [each["endpoint"]["address"] for each in assignment["endpoints"][0]["lb_endpoints"]]
    assert addresses == [
        {"pipe": {"path": "/run/app-1.sock"}},
        {"socket_address": {"address": "127.0.0.1", "port_value": 8001}},
    ]
