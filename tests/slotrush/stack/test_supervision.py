"""What a fault ends comes back by itself; what ends otherwise ends the run."""

import asyncio
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from slotrush.errors import StackError
from slotrush.stack import Stack, StackOptions, StackUrls, database, supervision, valkey
from slotrush.stack.process import signal_group

WaitFor = Callable[[Callable[[], bool], str], None]
ENDS = [
    pytest.param("app", signal.SIGKILL, id="replica"),
    pytest.param("proxy", signal.SIGTERM, id="proxy"),
    pytest.param("valkey", signal.SIGKILL, id="valkey"),
    pytest.param("postgres", signal.SIGINT, id="postgres restarted"),
    pytest.param("postgres", signal.SIGKILL, id="postgres crashed"),
    pytest.param("notifier", signal.SIGKILL, id="notifier"),
    pytest.param("mailbox", signal.SIGKILL, id="mailbox"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, StackUrls]]:
    with Stack(StackOptions(tmp_path_factory.mktemp("supervised"), objects=False)) as stack:
        yield stack, stack.start(lambda _: None)


def answers(urls: StackUrls) -> bool:
    """Whether the stores answer, and so does a replica through the proxies, each time.

    The stores are asked themselves: a replica says nothing of Valkey, and of the database for a second more what it
    heard.
    """
    if not (database.answers(urls.database_url) and valkey.answers(urls.redis_url)):
        return False
    try:
        return all(urllib.request.urlopen(f"{urls.base_url}/readyz", timeout=10).status == 200 for _ in range(4))
    except OSError:
        return False


@pytest.mark.parametrize(("component", "number"), ENDS)
def test_what_a_fault_ends_is_started_anew_in_its_place(
    running: tuple[Stack, StackUrls], wait_for: WaitFor, component: str, number: signal.Signals
) -> None:
    stack, urls = running
    before = {part.command.name: part.pid for part in stack.living(component)}
    victim = stack.living(component)[0]

    stack.end(victim, number)
    stack.check()

    def came_back() -> bool:
        stack.check()
        after = {part.command.name: part.pid for part in stack.living(component)}
        return after.keys() == before.keys() and after[victim.command.name] != victim.pid

    wait_for(came_back, f"the return of {victim.command.name}")
    wait_for(lambda: answers(urls), "the system's return")
    stack.check()


async def ask(urls: StackUrls, question: str) -> object:
    connection = await asyncpg.connect(urls.database_url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def test_the_stores_keep_what_they_had(running: tuple[Stack, StackUrls], wait_for: WaitFor) -> None:
    stack, urls = running
    database.execute(urls.database_url, "CREATE TABLE kept AS SELECT 7 AS seven")
    with redis.Redis.from_url(urls.redis_url) as cache:
        cache.set("kept", "8")
    for component in ("postgres", "valkey"):
        stack.end(stack.living(component)[0], signal.SIGKILL)

    def have_what_they_had() -> bool:
        stack.check()
        try:
            with redis.Redis.from_url(urls.redis_url) as cache:
                return asyncio.run(ask(urls, "SELECT seven FROM kept")) == 7 and cache.get("kept") == b"8"
        except (asyncpg.PostgresError, redis.RedisError, OSError):
            return False

    wait_for(have_what_they_had, "the stores' return")


@pytest.mark.long
def test_a_standby_has_every_write_that_the_primary_confirmed_and_takes_its_place(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    options = StackOptions(tmp_path, replicas=1, proxies=1, objects=False, standby=True, slow_link_ms=1)
    with Stack(options) as stack:
        urls = stack.start(lambda _: None)
        database.execute(urls.database_url, "CREATE TABLE counted (n int)")
        for n in range(50):
            database.execute(urls.database_url, f"INSERT INTO counted VALUES ({n})")
        assert stack.fail_over() == "postgres"

        wait_for(lambda: database.answers(urls.database_url), "the standby's promotion")
        assert asyncio.run(ask(urls, "SELECT count(*) FROM counted")) == 50
        database.execute(urls.database_url, "INSERT INTO counted VALUES (50)")
        wait_for(lambda: answers(urls), "the system's return, through the relays")
        stack.check()
        assert [part.command.name for part in stack.living("postgres")] == ["postgres-replica"]
        assert stack.fail_over() is None

        stack.end(stack.living("postgres")[0], signal.SIGKILL)

        def is_back() -> bool:
            stack.check()
            return database.answers(urls.database_url)

        wait_for(is_back, "the new primary's return")
        assert asyncio.run(ask(urls, "SELECT count(*) FROM counted")) == 51


def test_a_part_that_is_stopped_is_not_dead(running: tuple[Stack, StackUrls], wait_for: WaitFor) -> None:
    stack, urls = running
    frozen = stack.living("app")[0]
    signal_group(frozen.trace, signal.SIGSTOP)
    stack.check()
    signal_group(frozen.trace, signal.SIGCONT)
    wait_for(lambda: answers(urls), "its return")
    assert frozen.pid in [part.pid for part in stack.living("app")]


def test_a_part_that_cannot_start_while_another_is_away_is_started_again(
    running: tuple[Stack, StackUrls], wait_for: WaitFor
) -> None:
    stack, urls = running
    for component in ("postgres", "notifier"):
        stack.end(stack.living(component)[0], signal.SIGKILL)
    wait_for(lambda: not stack.living("postgres"), "the end of the database")

    def all_are_back() -> bool:
        stack.check()
        return database.answers(urls.database_url) and bool(stack.living("notifier"))

    wait_for(all_are_back, "their return")


def test_what_dies_by_itself_later_ends_the_run(
    running: tuple[Stack, StackUrls], wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, _ = running
    monkeypatch.setattr(supervision, "START_S", 0.0)
    first = stack.living("mailbox")[0]
    stack.end(first, signal.SIGKILL)

    def has_successor() -> bool:
        stack.check()
        return [part.pid for part in stack.living("mailbox")] not in ([], [first.pid])

    wait_for(has_successor, "its return")
    os.kill(stack.living("mailbox")[0].pid, signal.SIGKILL)
    wait_for(lambda: not stack.living("mailbox"), "its death")
    with pytest.raises(StackError, match="mailbox was killed by SIGKILL"):
        stack.check()
