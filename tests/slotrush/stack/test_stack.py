"""Whole stacks: in order, beside each other, and gone without a trace."""

import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from slotrush.errors import BadInputError, StackError
from slotrush.stack import Stack, StackOptions, StackUrls, keep
from slotrush.stack.ports import HOST

ONE_EACH = ("postgres", "valkey", "objects", "notifier", "images", "mailbox")
COMPONENTS = {"proxy": 2, "app": 2} | dict.fromkeys(ONE_EACH, 1)

WaitFor = Callable[[Callable[[], bool], str], None]


def silent(_step: str) -> None:
    pass


def answers(base_url: str) -> bool:
    with urllib.request.urlopen(f"{base_url}/readyz", timeout=30) as answer:
        return bool(answer.status == 200)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.long
def test_two_stacks_live_beside_each_other_and_leave_nothing(own_a_stack: Any, wait_for: WaitFor) -> None:
    first, second = own_a_stack("first"), own_a_stack("second")
    first.read_facts()
    second.read_facts()
    assert not set(first.facts["ports"]) & set(second.facts["ports"])
    assert answers(first.facts["base_url"])

    first.end(signal.SIGKILL)
    wait_for(lambda: not first.leftovers(), f"cleaning up after a killed owner ({first.facts})")
    assert answers(second.facts["base_url"])

    second.end(signal.SIGINT)
    assert second.leftovers() == []


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL]
)
def test_an_end_in_the_middle_of_the_start_leaves_nothing(own_a_stack: Any, wait_for: WaitFor, number: int) -> None:
    """SIGTERM, which nobody handles, ends the owner as SIGKILL does."""
    owner = own_a_stack("only", small=True)
    wait_for(lambda: any(owner.temporary.glob("*/endpoints")), "the start of the proxies")
    family = psutil.Process(owner.popen.pid).children(recursive=True)
    owner.end(number)
    wait_for(lambda: not any(owner.temporary.iterdir()), "the removal of the data")
    wait_for(lambda: not any(member.is_running() for member in family), "the end of every process")


def test_every_part_is_watched_and_stop_ends_them_all(tmp_path: Path, wait_for: WaitFor) -> None:
    before = children()
    steps: list[str] = []
    with Stack(StackOptions(tmp_path)) as stack:
        urls = stack.start(steps.append)
        assert answers(urls.base_url)
        assert len(steps) >= 3
        pids = stack.pids()
        assert {component: len(roots) for component, roots in pids.items()} == COMPONENTS
        stack.check()

        for roots in pids.values():
            os.kill(roots[0], signal.SIGKILL)
        wait_for(lambda: {c: len(roots) for c, roots in stack.pids().items()} == {"app": 1, "proxy": 1}, "their end")
        with pytest.raises(StackError) as caught:
            stack.check()
        for name in ("proxy-1", "app-1", "postgres", "valkey", "notifier", "mailbox"):
            assert f"{name} was killed by SIGKILL" in str(caught.value)
        assert "app-2" not in str(caught.value)

        stack.stop()
        stack.stop()
        assert stack.pids() == {}
    assert children() <= before
    assert not urls.mailbox_path.parent.exists()
    assert {log.name for log in (tmp_path / "logs").iterdir()} >= {"app-1.log", "postgres.log", "proxy-2.log"}


@pytest.mark.long
def test_servers_of_the_user_are_used_and_left_as_they_were(tmp_path: Path) -> None:
    with Stack(StackOptions(tmp_path / "host", replicas=1, proxies=1)) as host:
        existing = host.start(silent)
        guest_options = StackOptions(
            tmp_path / "Guest.1", 1, 1, database_url=existing.database_url, redis_url=existing.redis_url
        )
        with Stack(guest_options) as guest, redis.Redis.from_url(existing.redis_url) as client:
            client.set("theirs", "kept")
            urls = guest.start(silent)
            assert answers(urls.base_url)
            assert urlsplit(urls.database_url).path == "/slotrush_guest_1"
            assert urls.redis_key_prefix == "slotrush:guest_1:"
            assert "postgres" not in guest.pids()
            client.set(f"{urls.redis_key_prefix}leftover", "x")
            guest.stop()
            assert client.keys("slotrush:guest_1:*") == []
            assert client.get("theirs") == b"kept"
        with pytest.raises(BadInputError, match="another program listens"):
            Stack(replace(guest_options, port=urlsplit(existing.base_url).port)).start(silent)


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    before = children()
    with socket.create_server((HOST, 0)) as nobody_home:
        unreachable = f"postgresql://ana:secret@{HOST}:{nobody_home.getsockname()[1]}/x"
        nobody_home.close()
        with pytest.raises(BadInputError, match="DATABASE_URL"):
            Stack(StackOptions(tmp_path, database_url=unreachable)).start(silent)
    assert children() <= before


@pytest.mark.parametrize("count", [0, -1])
def test_too_few_parts_are_bad_input(tmp_path: Path, count: int) -> None:
    with pytest.raises(BadInputError, match="replicas"):
        Stack(StackOptions(tmp_path, replicas=count))
    with pytest.raises(BadInputError, match="proxies"):
        Stack(StackOptions(tmp_path, proxies=count))


def test_up_keeps_one_stack_and_down_stops_it(tmp_path: Path) -> None:
    home, options = tmp_path / "home", StackOptions(tmp_path / "run", replicas=1, proxies=1)
    seeded = tmp_path / "seeded"

    def seed(urls: StackUrls) -> None:
        seeded.write_text(urls.base_url)

    urls = keep.up(options, seed, silent, home)
    try:
        assert answers(urls.base_url)
        assert seeded.read_text() == urls.base_url
        running = keep.kept(home)
        assert running is not None
        assert running.urls == urls
        with pytest.raises(BadInputError, match=f"already running at {urls.base_url}"):
            keep.up(options, lambda _urls: None, silent, home)
    finally:
        assert keep.down(home)
    assert not urls.mailbox_path.parent.exists()
    assert not keep.down(home)


def test_up_passes_on_why_it_failed(tmp_path: Path) -> None:
    options = StackOptions(tmp_path / "run", database_url=f"postgresql://{HOST}:1/x")
    with pytest.raises(BadInputError, match="DATABASE_URL"):
        keep.up(options, lambda _urls: None, silent, tmp_path / "home")
    assert keep.kept(tmp_path / "home") is None


def test_a_state_file_of_a_process_that_is_gone_means_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(f'{{"pid": {os.getpid()}, "start_ticks": 1, "urls": null}}')
    assert not keep.down(tmp_path)
    assert not (tmp_path / "up.json").exists()
