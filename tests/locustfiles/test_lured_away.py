"""A target that sends the swarm elsewhere: it does not go, neither by a redirect nor by the address of a store."""

from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from locustfiles import asking, preflight
from locustfiles.api import BookingApi
from locustfiles.client import BookingClient
from locustfiles.target import Target
from slotrush.swarm import BadInputError, Session
from tests.attacks import Attacks
from tests.locustfiles.notebook import Notebook
from tests.locustfiles.scripted_server import ScriptedServer, json_answer

ELSEWHERE = "another target by redirect or by name"
DONE = json_answer(200, b"{}")
ME = Session("p1", "cardiology", "token-of-p1")


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """A server that is loaded by mistake."""
    with ScriptedServer([DONE] * 99).serving() as server:
        yield server


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setattr(asking, "RETRY_AFTER_S", (0.0, 0.0, 0.0))
    with closing(Notebook()) as notes:
        yield notes


def moved(status: int, to: str) -> bytes:
    return json_answer(status, b"{}", b"Location: %b/v1/doctors\r\n" % to.encode())


def announced(url: str) -> bytes:
    headers = {"Content-Type": "application/pdf"}
    return json_answer(201, orjson.dumps({"id": "r1", "upload_url": url, "upload_headers": headers}))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_no_request_follows_a_redirect(status: int, other: ScriptedServer, notes: Notebook, attack: Attacks) -> None:
    with ScriptedServer([moved(status, other.url)] * 9).serving() as server:
        client = BookingClient(Target(server.url, notes), ME)
        assert client.agenda("d1") is None
        assert client.my_appointments() is None
        assert client.cancel("a1", "ill").outcome != "acknowledged"

    assert len(server.requests) >= 3
    assert other.connections == 0
    attack(ELSEWHERE).tried("not followed", len(server.requests))


def test_a_target_that_redirects_is_not_even_begun_with(other: ScriptedServer, attack: Attacks) -> None:
    with (
        ScriptedServer([moved(302, other.url)]).serving() as server,
        pytest.raises(BadInputError, match="redirects"),
    ):
        preflight.check(server.url, BookingApi(), ME, ME)
    assert other.connections == 0
    attack(ELSEWHERE).tried("not followed")


def test_a_proxy_of_the_environment_is_not_asked(
    other: ScriptedServer, notes: Notebook, monkeypatch: pytest.MonkeyPatch, attack: Attacks
) -> None:
    """It would be loaded in place of the target, and might be anywhere."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    with ScriptedServer([DONE] * 2).serving() as server:
        BookingClient(Target(server.url, notes), ME).agenda("d1")
        with pytest.raises(BadInputError):
            preflight.check(server.url, BookingApi(), ME, ME)
    assert (len(server.requests), other.connections) == (2, 0)
    attack(ELSEWHERE).tried("not followed", 2)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.clinic.example/bucket/key?signature",
        "http://127.0.0.1.clinic.example/key",
        "http://[::1].clinic.example/key",
        "http://127.0.0.1@clinic.example/key",
        "http://clinic.example\\@127.0.0.1/key",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "//clinic.example/key",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_store_elsewhere_is_not_written_to(url: str, notes: Notebook, attack: Attacks) -> None:
    with ScriptedServer([announced(url)]).serving() as server:
        client = BookingClient(Target(server.url, notes), ME)
        with pytest.raises(BadInputError):
            client.upload_record("A report", "application/pdf", b"%PDF-")
    assert len(server.requests) == 1
    attack(ELSEWHERE).tried("refused")


def test_a_store_that_redirects_gets_nothing_forwarded(other: ScriptedServer, notes: Notebook, attack: Attacks) -> None:
    with (
        ScriptedServer([moved(307, other.url)] * 9).serving() as store,
        ScriptedServer([announced(f"{store.url}/key")]).serving() as server,
    ):
        client = BookingClient(Target(server.url, notes), ME)
        assert client.upload_record("A report", "application/pdf", b"%PDF-").outcome != "acknowledged"
    assert store.requests
    assert other.connections == 0
    attack(ELSEWHERE).tried("not followed", len(store.requests))
