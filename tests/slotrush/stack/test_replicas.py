"""More and fewer replicas behind the proxies while clients go on asking."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from slotrush.errors import BadInputError, StackError
from slotrush.stack import Stack, StackOptions, quota
from slotrush.stack.replicas import Stage, start_timeout_s

WaitFor = Callable[[Callable[[], bool], str], None]
CPU_M = 400
SLOW = {"email": "nobody@example.org", "password": "a wrong password"}
"""A login, whose password check takes a replica with a small quota several periods."""


def quotas_are_possible() -> bool:
    try:
        quota.find_parent()
    except BadInputError:
        return False
    return True


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    options = StackOptions(
        tmp_path_factory.mktemp("scaled"),
        replicas=1,
        proxies=2,
        objects=False,
        cpu_quota_m=CPU_M if quotas_are_possible() else None,
        replicas_max=3,
    )
    with Stack(options) as stack:
        stack.start(lambda _: None)
        yield stack


class Clients:
    """Each asks again and again on one connection, and opens no other: one that is closed is an answer lost."""

    def __init__(self, base_url: str, count: int) -> None:
        self.answers: Counter[str] = Counter()
        self._address = urlsplit(base_url)
        self._over = threading.Event()
        kinds = [self._log_in, *(self._look for _ in range(count))]
        self._threads = [threading.Thread(target=self._ask, args=(kind,), daemon=True) for kind in kinds]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kind: Callable[[http.client.HTTPConnection], None]) -> None:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
        connection.connect()
        connection.auto_open = 0
        while not self._over.is_set():
            try:
                kind(connection)
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                return

    @staticmethod
    def _look(connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/livez")

    @staticmethod
    def _log_in(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", "/v1/sessions", json.dumps(SLOW), {"Content-Type": "application/json"})


def test_no_request_is_lost_when_replicas_come_and_go(stack: Stack, wait_for: WaitFor) -> None:
    (first,) = stack.replicas.at(Stage.SERVING)
    base_url = stack_url(stack)
    with Clients(base_url, count=6) as clients:
        stack.scale_to(3)
        assert len(stack.pids()["app"]) == 3
        seen = sum(clients.answers.values())
        wait_for(lambda: sum(clients.answers.values()) > seen + 100, "answers of all three")
        stack.scale_to(1)
        assert stack.pids()["app"] == [first.process.pid]  # the newest leave
        stack.check()  # who was told to leave has not died
        seen = sum(clients.answers.values())
        wait_for(lambda: sum(clients.answers.values()) > seen + 20, "answers of the one that stayed")
        wait_for(lambda: clients.answers["401"] > 0, "a refused sign-in")
    assert set(clients.answers) <= {"200", "401", "429"}, clients.answers
    assert clients.answers["200"] > 100


def test_scaling_goes_on_while_other_things_do(stack: Stack, wait_for: WaitFor) -> None:
    stack.scale_to(1)
    stack.replicas.ask_for(2)
    (starting,) = stack.replicas.at(Stage.STARTING)
    assert not stack.replicas.tend()
    stack.replicas.ask_for(1)  # it was not needed after all, and has had no request yet
    assert starting.number in {one.number for one in stack.replicas.at(Stage.STOPPING)}
    wait_for(stack.replicas.tend, "its end")
    assert starting.process.exit_status() is not None
    if starting.group is not None:
        assert not Path(starting.group.path).exists()


def test_a_stack_is_sized_for_so_many_and_no_more(stack: Stack) -> None:
    for count in (0, 4):
        with pytest.raises(BadInputError, match=f"{count} replicas: this stack is made for 1 to 3"):
            stack.scale_to(count)


@pytest.mark.long
def test_what_quotas_did_to_replicas_that_have_left_is_not_forgotten(stack: Stack) -> None:
    if not quotas_are_possible():
        pytest.skip("no quotas here")
    stack.scale_to(2)
    before = stack.replicas.throttling()
    stack.scale_to(1)
    assert stack.replicas.throttling().periods >= before.periods > 0


def test_a_replica_that_dies_while_it_starts_is_an_error(stack: Stack, wait_for: WaitFor) -> None:
    stack.scale_to(1)
    stack.replicas.ask_for(2)
    (starting,) = stack.replicas.at(Stage.STARTING)
    starting.process.kill()
    with pytest.raises(StackError, match=r"app-\d+ was killed"):
        stack.replicas.tend()
    stack.replicas.ask_for(1)
    wait_for(stack.replicas.tend, "its removal")


def test_a_start_may_take_as_much_longer_as_the_quota_is_small() -> None:
    assert start_timeout_s(None) < start_timeout_s(500) < start_timeout_s(50)


def test_replicas_of_a_stack_that_does_not_run_cannot_be_scaled(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="does not run"):
        Stack(StackOptions(tmp_path)).scale_to(1)


def stack_url(stack: Stack) -> str:
    """Where the proxies listen."""
    return f"http://127.0.0.1:{stack.replicas.proxies[0].port}"
